/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: the TLS handshake of a new connection. */
#ifndef COMMON_HTTP_HANDSHAKE_H
#define COMMON_HTTP_HANDSHAKE_H

struct connection;

/* Runs the handshake as the socket allows, and then serves the connection (core_serve()); on a
 * failure frees it. */
void handshake_start(struct connection *connection);

#endif /* COMMON_HTTP_HANDSHAKE_H */
