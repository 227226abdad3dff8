/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS settings of a listener: certificates, keys and policy (OpenSSL, TLS 1.2 and 1.3).
 *
 * A context is shared by all worker threads and may be reloaded while they serve: connections that
 * are open keep the certificate they began with. */
#ifndef COMMON_HTTP_TLS_H
#define COMMON_HTTP_TLS_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One certificate with what belongs to it. Paths of files. */
struct tls_files {
	const char *certificate; /* PEM: the certificate and what signed it. */
	const char *private_key; /* PEM. */
	const char *staple;      /* DER: an OCSP response about the certificate. NULL: none. */
};

struct tls_settings {
	const struct tls_files *files; /* The first is for names that none is made out to. */
	size_t n_files;                /* At least 1. */
	const char *ticket_keys;       /* File (tls_tickets.h). NULL: keys of this process alone. */
	const char *client_ca; /* PEM: who signs clients' certificates. NULL: not asked for. */
	bool client_required;  /* With client_ca: no connection without one. */
	bool only_1_3;
	bool http2;     /* Offered before HTTP/1.1. */
	bool by_kernel; /* What is sent is encrypted by the kernel, where it can. */
};

struct tls_context;

/* Loads all files and checks that they belong together. 'settings' and what it points to outlive
 * the context. Returns 0, or a negative errno with 'err' naming the file and what is wrong with
 * it. */
int tls_context_new(struct tls_context **out, const struct tls_settings *settings, struct err *err);
void tls_context_free(struct tls_context *context);

/* Loads the files again; on failure everything old stays in force. Any thread. */
int tls_context_reload(struct tls_context *context, struct err *err);

/* Whether the kernel encrypts what is sent, if the client chooses a suite that it knows. */
bool tls_context_is_by_kernel(const struct tls_context *context);

/* What can be said about a certificate in force. */
struct tls_certificate_state {
	const char *file;
	int64_t not_after;    /* Unix time. */
	bool is_stapled;      /* An OCSP response is given out with it now. */
	int64_t staple_until; /* Unix time at which that ends; 0: it does not say. */
};

/* Calls 'each' for every certificate, in order. Any thread; 'each' must not call the context. */
void tls_context_each(struct tls_context *context,
	void (*each)(void *ctx, const struct tls_certificate_state *state), void *ctx);

#endif /* COMMON_HTTP_TLS_H */
