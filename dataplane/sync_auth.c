/* SPDX-License-Identifier: BSD-3-Clause */
/* Authentication of flow sync's datagrams; see sync_auth.h. */
#include "dataplane/sync_auth.h"

#include "dataplane/sync_message.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define DIGEST_SIZE 32

/* Keeps tags of this purpose apart from any other use of the same secret. */
static const unsigned char purpose[] = "weir flow sync\n";

struct auth_key {
	uint8_t id;
	EVP_MAC_CTX *ctx; /* Holds the secret. */
};

struct sync_auth {
	EVP_MAC *mac;
	struct auth_key keys[FLOW_SYNC_KEYS_MAX];
	size_t n_keys;
};

static int
take_key(struct sync_auth *auth, const struct flow_sync_key *key)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
	struct auth_key *mine = &auth->keys[auth->n_keys];

	mine->id = key->id;
	mine->ctx = EVP_MAC_CTX_new(auth->mac);
	if (!mine->ctx)
		return -ENOMEM;
	auth->n_keys++;
	return EVP_MAC_init(mine->ctx, key->secret, key->size, params) ? 0 : -ENOMEM;
}

static bool
make_tag(const struct auth_key *key, const uint8_t *message, size_t size,
	uint8_t out[static SYNC_TAG_SIZE])
{
	unsigned char digest[DIGEST_SIZE];
	size_t digest_size;

	if (!EVP_MAC_init(key->ctx, NULL, 0, NULL) ||
		!EVP_MAC_update(key->ctx, purpose, sizeof(purpose) - 1) ||
		!EVP_MAC_update(key->ctx, message, size) ||
		!EVP_MAC_final(key->ctx, digest, &digest_size, sizeof(digest)) ||
		digest_size != sizeof(digest))
		return false;
	memcpy(out, digest, SYNC_TAG_SIZE);
	return true;
}

int
sync_auth_new(
	struct sync_auth **out, const struct flow_sync_key *keys, size_t n_keys, struct err *err)
{
	struct sync_auth *auth = calloc(1, sizeof(*auth));
	int rc = 0;

	assert(n_keys > 0 && n_keys <= FLOW_SYNC_KEYS_MAX);
	if (!auth)
		return err_set(err, -ENOMEM, "no memory for the keys of flow sync");
	auth->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!auth->mac)
		rc = -ENOMEM;
	for (size_t i = 0; i < n_keys && rc == 0; i++)
		rc = take_key(auth, &keys[i]);
	if (rc < 0) {
		sync_auth_free(auth);
		return err_set(err, rc, "OpenSSL could not set up HMAC-SHA-256");
	}
	*out = auth;
	return 0;
}

void
sync_auth_free(struct sync_auth *auth)
{
	if (!auth)
		return;
	for (size_t i = 0; i < auth->n_keys; i++)
		EVP_MAC_CTX_free(auth->keys[i].ctx);
	EVP_MAC_free(auth->mac);
	free(auth);
}

size_t
sync_auth_sign(struct sync_auth *auth, uint8_t *message, size_t size)
{
	assert(size >= SYNC_HEADER_SIZE);
	message[SYNC_KEY_OFFSET] = auth->keys[0].id;
	return make_tag(&auth->keys[0], message, size, message + size) ? size + SYNC_TAG_SIZE : 0;
}

size_t
sync_auth_check(struct sync_auth *auth, const uint8_t *datagram, size_t size)
{
	uint8_t tag[SYNC_TAG_SIZE];

	if (size < SYNC_HEADER_SIZE + SYNC_TAG_SIZE)
		return 0;
	size -= SYNC_TAG_SIZE;
	for (size_t i = 0; i < auth->n_keys; i++)
		if (auth->keys[i].id == datagram[SYNC_KEY_OFFSET] &&
			make_tag(&auth->keys[i], datagram, size, tag) &&
			CRYPTO_memcmp(tag, datagram + size, sizeof(tag)) == 0)
			return size;
	return 0;
}
