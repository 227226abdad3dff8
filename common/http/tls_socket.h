/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: the socket of a TLS session, as OpenSSL reads it.
 *
 * OpenSSL's own way reads until the system says that nothing is left, one call more for each
 * request than plain HTTP needs. This one remembers when a read has emptied the socket
 * (readiness.h) and says so itself. */
#ifndef COMMON_HTTP_TLS_SOCKET_H
#define COMMON_HTTP_TLS_SOCKET_H

#include <openssl/bio.h>
#include <stdbool.h>

/* The kind of socket, to be kept for as long as there are sessions with it; for BIO_meth_free().
 * NULL when memory is short. */
BIO_METHOD *tls_socket_method(void);

/* Gives a session its socket, which it does not close. Returns false when memory is short. */
bool tls_socket_set(SSL *ssl, const BIO_METHOD *method, int fd);

#endif /* COMMON_HTTP_TLS_SOCKET_H */
