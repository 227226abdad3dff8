/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS contexts on OpenSSL; see tls.h.
 *
 * A reload makes a new SSL_CTX and swaps it in; sessions hold a reference to the one they began
 * with. The keys of session tickets stay, so that clients resume across a reload. */
#include "common/http/tls.h"

#include "common/http/tls_session.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#define TICKET_KEYS_SIZE 80 /* Name, HMAC and AES keys, as OpenSSL lays them out. */
#define N_TICKETS 2

/* Forward secrecy and AEAD only, ECDSA first (its signatures cost half of RSA's). */
static const char ciphers_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
				  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"
				  "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_1_3[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

/* Protocols in order of preference, each with its length before it (RFC 7301). */
static const unsigned char protocols[] = "\x08http/1.1\x08http/1.0";

struct tls_context {
	pthread_mutex_t lock; /* Of 'ssl_ctx'. */
	SSL_CTX *ssl_ctx;     /* Any thread, under the lock. */
	unsigned char ticket_keys[TICKET_KEYS_SIZE];
	char *certificate;
	char *private_key;
};

static int
fail(struct err *err, const char *path, const char *what)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
						    : ERR_reason_error_string(code);

	if (!reason)
		reason = "unknown reason";
	return err_set(err, -EINVAL, "%s: %s: %s", path, what, reason);
}

static int
select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
	const unsigned char *offered, unsigned int offered_size, void *ctx)
{
	unsigned char *chosen;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, out_size, protocols, sizeof(protocols) - 1, offered,
		    offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2: no_application_protocol. */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
set_policy(struct tls_context *context, SSL_CTX *ctx)
{
	static const unsigned char session_id[] = "weir";

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, ciphers_1_2) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, ciphers_1_3) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, N_TICKETS) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, session_id, sizeof(session_id) - 1) == 1 &&
	       SSL_CTX_set_tlsext_ticket_keys(
		       ctx, context->ticket_keys, sizeof(context->ticket_keys)) == 1;
}

static int
load(struct tls_context *context, SSL_CTX *ctx, struct err *err)
{
	ERR_clear_error();
	if (!set_policy(context, ctx))
		return fail(err, "TLS", "OpenSSL does not take the settings");
	if (SSL_CTX_use_certificate_chain_file(ctx, context->certificate) != 1)
		return fail(err, context->certificate, "cannot load the certificate chain (PEM)");
	if (SSL_CTX_use_PrivateKey_file(ctx, context->private_key, SSL_FILETYPE_PEM) != 1 &&
		ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
		return fail(err, context->private_key, "cannot load the private key (PEM)");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return err_set(err, -EINVAL,
			"%s: the private key does not belong to the "
			"certificate in %s",
			context->private_key, context->certificate);
	return 0;
}

/* Makes an SSL_CTX of the files as they are now. */
static int
make(struct tls_context *context, SSL_CTX **out, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int result;

	if (!ctx)
		return err_set(err, -ENOMEM, "out of memory");
	result = load(context, ctx, err);
	ERR_clear_error();
	if (result < 0) {
		SSL_CTX_free(ctx);
		return result;
	}
	*out = ctx;
	return 0;
}

int
tls_context_new(
	struct tls_context **out, const char *certificate, const char *private_key, struct err *err)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int result;

	if (!context)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&context->lock, NULL);
	context->certificate = strdup(certificate);
	context->private_key = strdup(private_key);
	if (!context->certificate || !context->private_key ||
		RAND_bytes(context->ticket_keys, sizeof(context->ticket_keys)) != 1)
		result = err_set(err, -ENOMEM, "out of memory");
	else
		result = make(context, &context->ssl_ctx, err);
	if (result < 0) {
		tls_context_free(context);
		return result;
	}
	*out = context;
	return 0;
}

void
tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl_ctx);
	OPENSSL_cleanse(context->ticket_keys, sizeof(context->ticket_keys));
	pthread_mutex_destroy(&context->lock);
	free(context->certificate);
	free(context->private_key);
	free(context);
}

int
tls_context_reload(struct tls_context *context, struct err *err)
{
	SSL_CTX *fresh = NULL;
	SSL_CTX *old;
	int result = make(context, &fresh, err);

	if (result < 0)
		return result;
	pthread_mutex_lock(&context->lock);
	old = context->ssl_ctx;
	context->ssl_ctx = fresh;
	pthread_mutex_unlock(&context->lock);
	SSL_CTX_free(old);
	return 0;
}

SSL *
tls_session_new(struct tls_context *context, int fd)
{
	SSL *ssl;

	pthread_mutex_lock(&context->lock);
	ssl = SSL_new(context->ssl_ctx);
	pthread_mutex_unlock(&context->lock);
	if (!ssl)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}
