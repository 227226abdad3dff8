/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: the server itself, as its parts (server.c, listener.c, handshake.c,
 * linger.c, mhd.c, h2.c, exchange.c) share it. One thread. */
#ifndef COMMON_HTTP_CORE_H
#define COMMON_HTTP_CORE_H

#include "common/http/server.h"

#include <uv.h>

struct connection;
struct h2;
struct listener;
struct mhd;

#define CORE_TICK_MS 250 /* Deadlines and departed clients are looked for this often. */

struct http_server {
	uv_loop_t *loop;
	struct mhd *mhd;
	struct h2 *h2; /* NULL: HTTP/2 is not spoken. */
	struct listener *listeners;
	size_t n_listeners;
	const struct http_route *routes;
	void *ctx;
	uint32_t max_connections;
	uint64_t max_body_bytes;
	uint32_t max_header_bytes;
	uint32_t header_timeout_ms;
	uint32_t idle_timeout_ms;
	struct http2_limits http2;
	struct clients *clients;
	struct http_header_list extra[2];
	struct http_shared *(*error_page)(
		void *ctx, const struct http_request *req, unsigned int status);
	void (*on_request_end)(
		void *ctx, const struct http_request *req, unsigned int status, uint64_t sent);
	struct http_server_stats stats;
	struct connection *connections; /* All of them, newest first. */
	uv_timer_t tick;
	uint64_t last_tick_ms;
	void (*on_drained)(void *ctx); /* NULL once called. */
	void *drained_ctx;
	uint64_t drain_until_ms; /* In the loop's time. */
	uint32_t drain_idle_ms;  /* So long a connection may be without a request meanwhile. */
	bool draining;
	bool closing; /* Freed when the loop has closed 'n_handles'. */
	unsigned int n_handles;
};

/* Every uv handle of the server counts, so that its memory outlives them. */
void core_handle_opened(struct http_server *server);
void core_handle_closed(struct http_server *server);

/* A connection has gone, or one has come. */
void core_connection_removed(struct http_server *server);
void core_connection_added(struct http_server *server);

/* Gives a connection that is ready for requests to the adapter of its protocol. */
void core_serve(struct connection *connection);

#endif /* COMMON_HTTP_CORE_H */
