/* SPDX-License-Identifier: BSD-3-Clause */
/* Ticket keys; see tls_tickets.h. */
#include "common/http/tls_tickets.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#define NAME_BYTES 16
#define SECRET_BYTES 32
#define KEY_BYTES (NAME_BYTES + 2 * SECRET_BYTES)
#define KEY_TEXT (4 * ((KEY_BYTES + 2) / 3)) /* In base64. */
#define FILE_BYTES_MAX (TLS_TICKET_KEYS_MAX * (KEY_TEXT + 2) + 1)
#define SECRET_MODE_REFUSED (S_IRWXO | S_IWGRP)

struct ticket_key {
	unsigned char name[NAME_BYTES]; /* Stands in the ticket. */
	unsigned char mac[SECRET_BYTES];
	unsigned char cipher[SECRET_BYTES];
};

struct tls_tickets {
	pthread_mutex_t lock;                        /* Of all below but 'path'. */
	struct ticket_key keys[TLS_TICKET_KEYS_MAX]; /* Tickets are sealed with the first. */
	size_t n_keys;
	uint64_t made_ns; /* Own keys: when the first was made. */
	char *path;       /* NULL: own keys. */
};

/* Decodes a line of base64. Returns false if it is not exactly one key. */
static bool
decode_key(struct ticket_key *key, const char *text, size_t size)
{
	unsigned char bytes[KEY_BYTES + 3];
	bool good = size == KEY_TEXT &&
		    EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size) >= KEY_BYTES;

	if (good) {
		memcpy(key->name, bytes, NAME_BYTES);
		memcpy(key->mac, bytes + NAME_BYTES, SECRET_BYTES);
		memcpy(key->cipher, bytes + NAME_BYTES + SECRET_BYTES, SECRET_BYTES);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return good;
}

static int
take_lines(struct tls_tickets *tickets, const char *text, const char *path, struct err *err)
{
	unsigned int line = 1;

	for (; *text != '\0'; line++) {
		size_t size = strcspn(text, "\r\n");

		if (size > 0 && tickets->n_keys == TLS_TICKET_KEYS_MAX)
			return err_set(err, -EINVAL, "%s:%u: more than %d keys", path, line,
				TLS_TICKET_KEYS_MAX);
		if (size > 0 && !decode_key(&tickets->keys[tickets->n_keys], text, size))
			return err_set(err, -EINVAL,
				"%s:%u: is no key: 'openssl rand -base64 80 | tr -d \"\\n\"' "
				"makes a line",
				path, line);
		tickets->n_keys += size > 0;
		text += size;
		text += *text == '\r';
		text += *text == '\n';
	}
	if (tickets->n_keys == 0)
		return err_set(err, -EINVAL, "%s: has no key", path);
	return 0;
}

/* Reads a whole file that holds secrets, into 'text' with a NUL. */
static int
read_secret(const char *path, char *text, size_t room, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		rc = err_set(
			err, -errno, "%s: cannot load the ticket keys: %s", path, strerror(errno));
	else if (st.st_mode & SECRET_MODE_REFUSED)
		rc = err_set(err, -EPERM,
			"%s: holds secrets that others may read or change: chmod 600 it", path);
	else if ((n = read(fd, text, room - 1)) < 0)
		rc = err_set(err, -errno, "%s: cannot be read: %s", path, strerror(errno));
	else if ((size_t)n == room - 1)
		rc = err_set(err, -EINVAL, "%s: is longer than %d keys", path, TLS_TICKET_KEYS_MAX);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return rc;
}

static int
load_file(struct tls_tickets *tickets, const char *path, struct err *err)
{
	char text[FILE_BYTES_MAX];
	int rc = read_secret(path, text, sizeof(text), err);

	if (rc == 0)
		rc = take_lines(tickets, text, path, err);
	OPENSSL_cleanse(text, sizeof(text));
	return rc;
}

/* Puts a new key before the one that there is; older ones are forgotten. */
static bool
make_key(struct tls_tickets *tickets, uint64_t now_ns)
{
	struct ticket_key key;

	if (RAND_bytes((unsigned char *)&key, sizeof(key)) != 1)
		return false;
	tickets->keys[1] = tickets->keys[0];
	tickets->keys[0] = key;
	tickets->n_keys = tickets->n_keys > 0 ? 2 : 1;
	tickets->made_ns = now_ns;
	OPENSSL_cleanse(&key, sizeof(key));
	return true;
}

static struct tls_tickets *
make(void)
{
	struct tls_tickets *tickets = calloc(1, sizeof(*tickets));

	if (tickets)
		pthread_mutex_init(&tickets->lock, NULL);
	return tickets;
}

int
tls_tickets_new(struct tls_tickets **out, const char *path, struct err *err)
{
	struct tls_tickets *tickets = make();
	int rc = 0;

	if (!tickets)
		return err_set(err, -ENOMEM, "out of memory");
	if (path && !(tickets->path = strdup(path)))
		rc = err_set(err, -ENOMEM, "out of memory");
	else if (path)
		rc = load_file(tickets, path, err);
	else if (!make_key(tickets, clock_now_ns()))
		rc = err_set(err, -EIO, "OpenSSL has no random numbers");
	if (rc < 0) {
		tls_tickets_free(tickets);
		return rc;
	}
	*out = tickets;
	return 0;
}

void
tls_tickets_free(struct tls_tickets *tickets)
{
	if (!tickets)
		return;
	pthread_mutex_destroy(&tickets->lock);
	free(tickets->path);
	OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
	free(tickets);
}

int
tls_tickets_read(struct tls_tickets *tickets, struct tls_tickets **fresh, struct err *err)
{
	*fresh = NULL;
	return tickets->path ? tls_tickets_new(fresh, tickets->path, err) : 0;
}

void
tls_tickets_take(struct tls_tickets *tickets, struct tls_tickets *fresh)
{
	if (!fresh)
		return;
	pthread_mutex_lock(&tickets->lock);
	memcpy(tickets->keys, fresh->keys, sizeof(tickets->keys));
	tickets->n_keys = fresh->n_keys;
	pthread_mutex_unlock(&tickets->lock);
	tls_tickets_free(fresh);
}

void
tls_tickets_age(struct tls_tickets *tickets, uint64_t now_ns)
{
	pthread_mutex_lock(&tickets->lock);
	if (!tickets->path && now_ns >= tickets->made_ns + TLS_TICKET_LIFE_S * NS_PER_S)
		make_key(tickets, now_ns);
	pthread_mutex_unlock(&tickets->lock);
}

/* The key to seal with, or the one of this name. Returns its place, or -1. */
static int
find_key(struct tls_tickets *tickets, bool seal, const unsigned char *name, struct ticket_key *out)
{
	int found = -1;

	pthread_mutex_lock(&tickets->lock);
	for (size_t i = 0; i < tickets->n_keys && found < 0; i++) {
		if (seal || memcmp(tickets->keys[i].name, name, NAME_BYTES) == 0)
			found = (int)i;
	}
	if (found >= 0)
		*out = tickets->keys[found];
	pthread_mutex_unlock(&tickets->lock);
	return found;
}

static bool
start_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	static char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, SECRET_BYTES),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's: -1 error, 0 unknown key, 1 go on, 2 go on and give the client a new ticket. */
static int
use_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
	int seal)
{
	struct tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_key key;
	int found;
	bool good;

	tls_tickets_age(tickets, clock_now_ns());
	found = find_key(tickets, seal, name, &key);
	if (found < 0)
		return seal ? -1 : 0;
	if (seal) {
		memcpy(name, key.name, NAME_BYTES);
		good = RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 &&
		       EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1;
	} else {
		good = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1;
	}
	good = good && start_mac(mac, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	if (!good)
		return -1;
	/* Clients of TLS 1.3 use a ticket once (RFC 8446 C.4), so each resumption brings new ones.
	 */
	return found == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

bool
tls_tickets_install(struct tls_tickets *tickets, SSL_CTX *ctx)
{
	return SSL_CTX_set_app_data(ctx, tickets) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, use_key) == 1;
}
