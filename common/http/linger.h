/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: a connection that has had its last answer but still sends. */
#ifndef COMMON_HTTP_LINGER_H
#define COMMON_HTTP_LINGER_H

struct connection;

/* Reads and throws away what the client sends until it closes, sends too much, or the deadline
 * of the phase passes; then the connection is freed. Returns 0, or a negative errno and leaves
 * the connection as it was. */
int linger_start(struct connection *connection);

#endif /* COMMON_HTTP_LINGER_H */
