/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: HTTP/2 by nghttp2 (RFC 9113), for TLS clients that choose it by ALPN.
 *
 * A connection whose handshake chose "h2" gets a session (h2_session.c), which reads and writes;
 * what its frames mean is in h2_frames.c, and each of its streams is a request for the same
 * handlers that HTTP/1.1 has (h2_stream.c). What handlers do outside of a session's own turn is
 * sent in one go before the loop waits again. */
#ifndef COMMON_HTTP_H2_H
#define COMMON_HTTP_H2_H

#include "common/http/core.h"

struct h2;
struct h2_session;

/* Returns 0, or a negative errno with nothing left open but what the loop closes. */
int h2_new(struct h2 **out, struct http_server *server);

/* All sessions must have ended. NULL is allowed. */
void h2_free(struct h2 *h2);

/* Whether the client chose HTTP/2. */
bool h2_is_chosen(const struct connection *connection);

/* Begins to speak HTTP/2 on a connection. It may be freed on the way. */
void h2_add(struct h2 *h2, struct connection *connection);

/* Looks after deadlines and the drain, 'tick_ms' after the last call. May free the connection. */
void h2_tick(struct connection *connection, uint32_t tick_ms);

/* Ends all at once and frees the connection. */
void h2_end(struct connection *connection);

#endif /* COMMON_HTTP_H2_H */
