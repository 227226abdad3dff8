/* SPDX-License-Identifier: BSD-3-Clause */
/* The session cookie; see session.h. */
#include "apptier/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define MAC_SIZE 32
#define MAC_TEXT_LENGTH 43 /* 32 bytes in base64url without padding. */
#define FORMAT_PREFIX "1."
#define FORMAT_PREFIX_LENGTH 2
#define MAX_AGE_S 3600 /* By then every replica in use has caught up. */

/* Keeps signatures of this purpose apart from any other use of the same key. */
#define MAC_CONTEXT "weir session\n"

struct session_signer {
	EVP_MAC *mac;
	EVP_MAC_CTX *keys[SESSION_KEYS_MAX]; /* Each holds one; the first signs. */
	size_t n_keys;
	bool secure;
};

static void
base64url(const unsigned char *bytes, size_t size, char *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned int n_bits = 0;

	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | bytes[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*out++ = letters[bits >> (n_bits - 6) & 63];
	}
	if (n_bits > 0)
		*out++ = letters[bits << (6 - n_bits) & 63];
	*out = '\0';
}

static bool
sign(EVP_MAC_CTX *key, const char *payload, size_t size, char out[static MAC_TEXT_LENGTH + 1])
{
	unsigned char mac[MAC_SIZE];
	size_t mac_size;

	if (!EVP_MAC_init(key, NULL, 0, NULL) ||
		!EVP_MAC_update(key, (const unsigned char *)MAC_CONTEXT, sizeof(MAC_CONTEXT) - 1) ||
		!EVP_MAC_update(key, (const unsigned char *)payload, size) ||
		!EVP_MAC_final(key, mac, &mac_size, sizeof(mac)) || mac_size != MAC_SIZE)
		return false;
	base64url(mac, sizeof(mac), out);
	return true;
}

/* Finds the cookie's value among "a=1; b=2". */
static const char *
find_value(const char *cookie, size_t *size)
{
	static const char name[] = SESSION_COOKIE_NAME "=";
	const size_t name_length = sizeof(name) - 1;

	while (*cookie) {
		cookie += strspn(cookie, " ;");
		size_t length = strcspn(cookie, ";");

		if (length >= name_length && strncmp(cookie, name, name_length) == 0) {
			*size = length - name_length;
			return cookie + name_length;
		}
		cookie += length;
	}
	return NULL;
}

static int
add_key(struct session_signer *signer, const char *key, size_t size, struct err *err)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *ctx;

	if (signer->n_keys == SESSION_KEYS_MAX)
		return err_set(err, -EINVAL, "there are more than %d session keys; remove the last",
			SESSION_KEYS_MAX);
	if (size < SESSION_KEY_MIN)
		return err_set(err, -EINVAL,
			"session key %zu has %zu bytes, which is too short to be safe: at least %d "
			"are needed, as 'openssl rand -hex 32' prints",
			signer->n_keys + 1, size, SESSION_KEY_MIN);
	ctx = EVP_MAC_CTX_new(signer->mac);
	if (!ctx)
		return err_set(err, -ENOMEM, "no memory for a session key");
	signer->keys[signer->n_keys++] = ctx;
	if (!EVP_MAC_init(ctx, (const unsigned char *)key, size, params))
		return err_set(err, -ENOMEM, "OpenSSL could not set up HMAC-SHA-256");
	return 0;
}

int
session_signer_new(struct session_signer **out, const char *keys, bool secure, struct err *err)
{
	struct session_signer *signer = calloc(1, sizeof(*signer));
	int rc = 0;

	if (!signer)
		return err_set(err, -ENOMEM, "no memory for the session keys");
	signer->secure = secure;
	signer->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!signer->mac)
		rc = err_set(err, -ENOMEM, "OpenSSL has no HMAC");
	do {
		size_t size = strcspn(keys, "\r\n");

		if (rc == 0)
			rc = add_key(signer, keys, size, err);
		keys += size;
		keys += strspn(keys, "\r\n");
	} while (*keys && rc == 0);
	if (rc < 0) {
		session_signer_free(signer);
		return rc;
	}
	*out = signer;
	return 0;
}

void
session_signer_free(struct session_signer *signer)
{
	if (!signer)
		return;
	for (size_t i = 0; i < signer->n_keys; i++)
		EVP_MAC_CTX_free(signer->keys[i]);
	EVP_MAC_free(signer->mac);
	free(signer);
}

const char *
session_set_cookie(struct session_signer *signer, const struct gtid *gtid, char *buf, size_t size)
{
	char payload[FORMAT_PREFIX_LENGTH + GTID_TEXT_SIZE] = FORMAT_PREFIX;
	char mac[MAC_TEXT_LENGTH + 1];

	gtid_format(gtid, payload + FORMAT_PREFIX_LENGTH, GTID_TEXT_SIZE);
	if (!sign(signer->keys[0], payload, strlen(payload), mac))
		return NULL;
	snprintf(buf, size,
		SESSION_COOKIE_NAME "=%s.%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", payload,
		mac, MAX_AGE_S, signer->secure ? "; Secure" : "");
	return buf;
}

bool
session_from_cookie(struct session_signer *signer, const char *cookie, struct gtid *out)
{
	char mac[MAC_TEXT_LENGTH + 1];
	size_t size, payload_size;
	const char *value = cookie ? find_value(cookie, &size) : NULL;
	bool genuine = false;

	if (!value || size <= FORMAT_PREFIX_LENGTH + MAC_TEXT_LENGTH + 1 ||
		strncmp(value, FORMAT_PREFIX, FORMAT_PREFIX_LENGTH) != 0)
		return false;
	payload_size = size - MAC_TEXT_LENGTH - 1;
	if (value[payload_size] != '.')
		return false;
	for (size_t i = 0; i < signer->n_keys && !genuine; i++)
		genuine = sign(signer->keys[i], value, payload_size, mac) &&
			  CRYPTO_memcmp(mac, value + payload_size + 1, MAC_TEXT_LENGTH) == 0;
	return genuine &&
	       gtid_parse(value + FORMAT_PREFIX_LENGTH, payload_size - FORMAT_PREFIX_LENGTH, out);
}
