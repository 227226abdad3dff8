/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /metrics; see metrics_http.h. */
#include "common/http/metrics_http.h"

#include "common/http/server.h"

#include <errno.h>
#include <stdlib.h>

struct metrics_server {
	struct http_server *server;
	void (*fill)(void *ctx, struct metrics *metrics);
	void *ctx;
};

static void
serve(struct http_request *req, void *ctx)
{
	struct metrics_server *server = ctx;

	metrics_respond(req, server->fill, server->ctx);
}

static const struct http_route routes[] = {
	{"GET", "/metrics", HTTP_BODY_NONE, 0, serve, "Figures for Prometheus."},
	{0},
};

void
metrics_respond(
	struct http_request *req, void (*fill)(void *ctx, struct metrics *metrics), void *ctx)
{
	const struct http_header header = {"Content-Type", METRICS_CONTENT_TYPE};
	struct metrics metrics;

	metrics_init(&metrics);
	fill(ctx, &metrics);
	http_respond(req, 200, &header, 1, metrics.text, metrics.size);
	metrics_fini(&metrics);
}

int
metrics_server_new_on(struct metrics_server **out, uv_loop_t *loop,
	const struct http_listener *listener, void (*fill)(void *ctx, struct metrics *metrics),
	void *ctx, struct err *err)
{
	struct metrics_server *server = calloc(1, sizeof(*server));
	const struct http_server_config config = {
		.listeners = listener,
		.n_listeners = 1,
		.routes = routes,
		.ctx = server,
		.max_connections = 64,
		.max_header_bytes = 4096,
		.header_timeout_ms = 5000,
		.idle_timeout_ms = 60000,
	};
	int result;

	if (!server)
		return err_set(err, -ENOMEM, "out of memory");
	server->fill = fill;
	server->ctx = ctx;
	result = http_server_new(&server->server, loop, &config, err);
	if (result < 0) {
		free(server);
		return result;
	}
	*out = server;
	return 0;
}

int
metrics_server_new(struct metrics_server **out, uv_loop_t *loop, const struct endpoint *endpoint,
	void (*fill)(void *ctx, struct metrics *metrics), void *ctx, struct err *err)
{
	const struct http_listener listener = {.endpoint = *endpoint, .fd = -1};

	return metrics_server_new_on(out, loop, &listener, fill, ctx, err);
}

void
metrics_server_drain(struct metrics_server *server, uint32_t timeout_ms)
{
	http_server_drain(server->server, timeout_ms, NULL, NULL);
}

int
metrics_server_socket(const struct metrics_server *server)
{
	bool is_tls;

	return http_server_socket(server->server, 0, &is_tls);
}

void
metrics_server_free(struct metrics_server *server)
{
	if (!server)
		return;
	http_server_free(server->server); /* No handler is called after this. */
	free(server);
}

void
metrics_server_endpoint(const struct metrics_server *server, struct endpoint *out)
{
	http_server_endpoint(server->server, 0, out);
}
