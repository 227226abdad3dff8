/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS contexts on OpenSSL; see tls.h.
 *
 * A reload loads all certificates anew and swaps them in; sessions hold a reference to the one they
 * began with. The keys of session tickets stay or come from their file, so that clients resume
 * across a reload. */
#include "common/http/tls.h"

#include "common/http/tls_certificate.h"
#include "common/http/tls_session.h"
#include "common/http/tls_socket.h"
#include "common/http/tls_tickets.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls_context {
	const struct tls_settings *settings;
	struct tls_tickets *tickets;
	BIO_METHOD *sockets;
	pthread_mutex_t lock;                 /* Of 'certificates'. */
	struct tls_certificate *certificates; /* As many as there are files. Any thread. */
};

/* Switches to the certificate that the client asks for by its name (RFC 6066 3). A reload in the
 * middle of a handshake does no harm: the fresh one is then given out. */
static int
choose_certificate(SSL *ssl, int *alert, void *arg)
{
	struct tls_context *context = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	int verdict = SSL_TLSEXT_ERR_NOACK;

	(void)alert;
	if (!name || context->settings->n_files == 1)
		return verdict;
	pthread_mutex_lock(&context->lock);
	for (size_t i = 0; i < context->settings->n_files; i++) {
		if (!tls_certificate_is_for(&context->certificates[i], name))
			continue;
		SSL_set_SSL_CTX(ssl, context->certificates[i].ctx);
		verdict = SSL_TLSEXT_ERR_OK;
		break;
	}
	pthread_mutex_unlock(&context->lock);
	return verdict;
}

/* Gives out the OCSP response of the certificate that was chosen (RFC 6066 8), unless it is too
 * old: clients take none better than that. */
static int
staple(SSL *ssl, void *arg)
{
	struct tls_context *context = arg;
	const SSL_CTX *chosen = SSL_get_SSL_CTX(ssl);
	int verdict = SSL_TLSEXT_ERR_NOACK;

	pthread_mutex_lock(&context->lock);
	for (size_t i = 0; i < context->settings->n_files; i++) {
		const struct tls_certificate *at = &context->certificates[i];
		unsigned char *copy;

		if (at->ctx != chosen || !tls_certificate_has_response(at, time(NULL)))
			continue;
		copy = OPENSSL_memdup(at->response, at->response_size);
		if (copy &&
			SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)at->response_size) == 1)
			verdict = SSL_TLSEXT_ERR_OK;
		break;
	}
	pthread_mutex_unlock(&context->lock);
	return verdict;
}

static bool
install(struct tls_context *context, SSL_CTX *ctx)
{
	return tls_tickets_install(context->tickets, ctx) &&
	       SSL_CTX_set_tlsext_servername_callback(ctx, choose_certificate) == 1 &&
	       SSL_CTX_set_tlsext_servername_arg(ctx, context) == 1 &&
	       SSL_CTX_set_tlsext_status_cb(ctx, staple) == 1 &&
	       SSL_CTX_set_tlsext_status_arg(ctx, context) == 1;
}

static void
drop(struct tls_certificate *certificates, size_t n)
{
	for (size_t i = 0; certificates && i < n; i++)
		tls_certificate_fini(&certificates[i]);
	free(certificates);
}

/* Loads all certificates as their files are now. */
static int
load(struct tls_context *context, struct tls_certificate **out, struct err *err)
{
	const struct tls_settings *settings = context->settings;
	struct tls_certificate *made = calloc(settings->n_files, sizeof(*made));
	int rc = made ? 0 : err_set(err, -ENOMEM, "out of memory");

	for (size_t i = 0; rc == 0 && i < settings->n_files; i++) {
		rc = tls_certificate_load(&made[i], &settings->files[i], settings, err);
		if (rc == 0 && !install(context, made[i].ctx))
			rc = tls_fail(err, "TLS", "OpenSSL does not take the settings");
	}
	if (rc < 0) {
		drop(made, settings->n_files);
		return rc;
	}
	*out = made;
	return 0;
}

int
tls_context_new(struct tls_context **out, const struct tls_settings *settings, struct err *err)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int rc;

	assert(settings->n_files > 0);
	if (!context)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&context->lock, NULL);
	context->settings = settings;
	context->sockets = tls_socket_method();
	rc = context->sockets ? tls_tickets_new(&context->tickets, settings->ticket_keys, err)
			      : err_set(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = load(context, &context->certificates, err);
	if (rc < 0) {
		tls_context_free(context);
		return rc;
	}
	*out = context;
	return 0;
}

void
tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	drop(context->certificates, context->settings->n_files);
	tls_tickets_free(context->tickets);
	BIO_meth_free(context->sockets);
	pthread_mutex_destroy(&context->lock);
	free(context);
}

int
tls_context_reload(struct tls_context *context, struct err *err)
{
	struct tls_certificate *fresh = NULL;
	struct tls_certificate *old;
	struct tls_tickets *tickets;
	int rc = tls_tickets_read(context->tickets, &tickets, err);

	if (rc == 0)
		rc = load(context, &fresh, err);
	if (rc < 0) {
		tls_tickets_free(tickets);
		return rc;
	}
	tls_tickets_take(context->tickets, tickets);
	pthread_mutex_lock(&context->lock);
	old = context->certificates;
	context->certificates = fresh;
	pthread_mutex_unlock(&context->lock);
	drop(old, context->settings->n_files);
	return 0;
}

static void
describe(const struct tls_certificate *certificate, struct tls_certificate_state *state)
{
	const ASN1_TIME *until = X509_get0_notAfter(SSL_CTX_get0_certificate(certificate->ctx));
	struct tm tm;

	state->not_after = ASN1_TIME_to_tm(until, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
	state->is_stapled = tls_certificate_has_response(certificate, time(NULL));
	state->staple_until = certificate->response_until;
}

void
tls_context_each(struct tls_context *context,
	void (*each)(void *ctx, const struct tls_certificate_state *state), void *ctx)
{
	pthread_mutex_lock(&context->lock);
	for (size_t i = 0; i < context->settings->n_files; i++) {
		struct tls_certificate_state state = {
			.file = context->settings->files[i].certificate};

		describe(&context->certificates[i], &state);
		each(ctx, &state);
	}
	pthread_mutex_unlock(&context->lock);
}

SSL *
tls_session_new(struct tls_context *context, int fd)
{
	SSL *ssl;

	pthread_mutex_lock(&context->lock);
	ssl = SSL_new(context->certificates[0].ctx);
	pthread_mutex_unlock(&context->lock);
	if (!ssl)
		return NULL;
	if (!tls_socket_set(ssl, context->sockets, fd)) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	/* Else it reads twice for each record. */
	SSL_set_read_ahead(ssl, 1);
	return ssl;
}
