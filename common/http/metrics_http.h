/* SPDX-License-Identifier: BSD-3-Clause */
/* Serves GET /metrics on an address of its own, as every daemon of weir does. */
#ifndef COMMON_HTTP_METRICS_HTTP_H
#define COMMON_HTTP_METRICS_HTTP_H

#include "common/http/http.h"
#include "common/metrics.h"

#include <uv.h>

struct http_listener;
struct metrics_server;

/* Listens on 'endpoint'; each request calls 'fill' in the loop's thread with an empty 'metrics'.
 * Returns 0, or a negative errno with 'err' as of http_server_new(). */
int metrics_server_new(struct metrics_server **out, uv_loop_t *loop,
	const struct endpoint *endpoint, void (*fill)(void *ctx, struct metrics *metrics),
	void *ctx, struct err *err);

/* The same on a listener that may bring its socket with it. */
int metrics_server_new_on(struct metrics_server **out, uv_loop_t *loop,
	const struct http_listener *listener, void (*fill)(void *ctx, struct metrics *metrics),
	void *ctx, struct err *err);

/* Accepts nothing more: another process has the socket. */
void metrics_server_drain(struct metrics_server *server, uint32_t timeout_ms);

/* Its listening socket, until it drains. */
int metrics_server_socket(const struct metrics_server *server);

/* Closes everything (memory goes when the loop has run its close callbacks). NULL is allowed. */
void metrics_server_free(struct metrics_server *server);

/* Where it listens, with the real port. */
void metrics_server_endpoint(const struct metrics_server *server, struct endpoint *out);

/* Answers a request with what 'fill' writes: for a server that has /metrics beside other routes. */
void metrics_respond(
	struct http_request *req, void (*fill)(void *ctx, struct metrics *metrics), void *ctx);

#endif /* COMMON_HTTP_METRICS_HTTP_H */
