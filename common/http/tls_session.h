/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: what the handshake needs of a TLS context. */
#ifndef COMMON_HTTP_TLS_SESSION_H
#define COMMON_HTTP_TLS_SESSION_H

#include "common/http/tls.h"

#include <openssl/types.h>

/* A server session on 'fd' with the certificate in force now, for SSL_free(); NULL when memory is
 * short. Any thread. */
SSL *tls_session_new(struct tls_context *context, int fd);

#endif /* COMMON_HTTP_TLS_SESSION_H */
