/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS settings of a listener: certificate, key and policy (OpenSSL, TLS 1.2 and 1.3).
 *
 * A context is shared by all worker threads and may be reloaded while they serve: connections that
 * are open keep the certificate they began with. */
#ifndef COMMON_HTTP_TLS_H
#define COMMON_HTTP_TLS_H

#include "common/err.h"

struct tls_context;

/* Loads the PEM chain and key and checks that they belong together. Returns 0, or a negative errno
 * with 'err' naming the file and what is wrong with it. */
int tls_context_new(struct tls_context **out, const char *certificate, const char *private_key,
	struct err *err);
void tls_context_free(struct tls_context *context);

/* Loads the files again; on failure the old certificate stays in force. Any thread. */
int tls_context_reload(struct tls_context *context, struct err *err);

#endif /* COMMON_HTTP_TLS_H */
