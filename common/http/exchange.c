/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes, bodies, handlers; see exchange.h. */
#include "common/http/exchange.h"

#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/respond.h"
#include "common/http/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BODY_FIRST_BYTES 4096u
/* Of a body that nobody wants any more, so much is still read to let the answer through. */
#define SWALLOW_MAX_BYTES (UINT64_C(1) << 20)

static uint64_t
body_limit(const struct http_request *req)
{
	bool has_own =
		req->route && req->route->max_body; /* What no route serves has a body too. */

	return has_own ? req->route->max_body : req->server->max_body_bytes;
}

static bool
has_body(const struct http_request *req)
{
	return req->body_size != 0;
}

/* Answers what no route may serve. Returns false if the handler may go on. */
static bool
refuse_header(struct http_request *req, bool valid)
{
	struct connection *connection = req->connection;
	char allow[ROUTER_ALLOW_SIZE];

	if (connection_refuses(connection, req)) {
		req->server->stats.n_refused++;
		request_refuse(req, connection->guard.status, connection->guard.reason);
		return true;
	}
	if (req->fault) {
		req->server->stats.n_refused++;
		request_refuse(req, req->fault_status, req->fault);
		return true;
	}
	if (!valid) {
		req->server->stats.n_refused++;
		request_refuse(req, 400, "a malformed request target");
		return true;
	}
	if (req->server->clients &&
		!clients_request(req->server->clients, &connection->peer.addr, req->start_ns)) {
		const struct http_header header = {"Retry-After", "1"};

		req->server->stats.n_throttled++;
		respond_error_with(req, 429, &header, 1, "too many requests");
		return true;
	}
	req->route = router_find(req->server->routes, req->method_name, req->path, allow);
	if (!req->route && allow[0] != '\0') {
		const struct http_header header = {"Allow", allow};

		respond_error_with(req, 405, &header, 1, http_status_text(405));
		return true;
	}
	if (!req->route) {
		http_respond_error(req, 404, "%s", http_status_text(404));
		return true;
	}
	if (has_body(req) && req->route->body == HTTP_BODY_NONE) {
		request_refuse(req, 413, "this request takes no body");
		return true;
	}
	if (req->body_size > 0 && (uint64_t)req->body_size > body_limit(req)) {
		request_refuse(req, 413, "the body is too large");
		return true;
	}
	return false;
}

void
exchange_header(struct http_request *req, bool valid)
{
	req->start_ns = clock_now_ns();
	req->server->stats.n_requests++;
	if (refuse_header(req, valid))
		return;
	if (req->route->body == HTTP_BODY_STREAMED && has_body(req)) {
		req->route->handle(req, req->server->ctx);
		assert(req->answered || req->sink || request_is_dead(req));
	}
}

/* Makes room for 'size' bytes and a NUL behind what has been received. Grows with what really
 * comes, not with what the client announced. */
static bool
grow_body(struct http_request *req, size_t size)
{
	size_t needed = (size_t)req->body_received + size + 1;
	size_t capacity = req->body_capacity ? req->body_capacity : BODY_FIRST_BYTES;
	char *grown;

	if (needed <= req->body_capacity)
		return true;
	while (capacity < needed)
		capacity *= 2;
	grown = realloc(req->body, capacity);
	if (!grown)
		return false;
	req->body = grown;
	req->body_capacity = capacity;
	return true;
}

static size_t
swallow(struct http_request *req, size_t size)
{
	req->body_received += size;
	if (req->body_received > SWALLOW_MAX_BYTES + body_limit(req))
		http_request_abort(req);
	return size;
}

size_t
exchange_body(struct http_request *req, const char *data, size_t size)
{
	if (connection_refuses(req->connection, req)) {
		req->server->stats.n_refused++;
		http_request_abort(req);
		return size;
	}
	if (req->answered)
		return swallow(req, size);
	if (req->body_received + size > body_limit(req)) {
		request_refuse(req, 413, "the body is too large");
		return swallow(req, size);
	}
	if (req->sink) {
		size_t taken = req->sink->write(req->sink_ctx, req, data, size);

		assert(taken <= size);
		req->body_received += taken;
		return taken;
	}
	if (!grow_body(req, size)) {
		request_refuse(req, 503, "out of memory");
		return swallow(req, size);
	}
	memcpy(req->body + req->body_received, data, size);
	req->body_received += size;
	req->body[req->body_received] = '\0';
	return size;
}

void
exchange_end(struct http_request *req)
{
	if (req->answered)
		return;
	if (connection_refuses(req->connection, req)) {
		req->server->stats.n_refused++;
		request_refuse(req, req->connection->guard.status, req->connection->guard.reason);
		return;
	}
	if (!req->sink)
		req->route->handle(req, req->server->ctx);
	if (req->sink && !req->answered && !request_is_dead(req))
		req->sink->end(req->sink_ctx, req);
}

void
exchange_done(struct http_request *req, unsigned int status, uint64_t sent)
{
	struct http_server *server = req->server;
	unsigned int hundreds = status / 100;

	server->stats.n_responses[hundreds < 6 ? hundreds : 0]++;
	server->stats.sent_bytes += sent;
	if (server->on_request_end)
		server->on_request_end(server->ctx, req, status, sent);
	if (req->on_done)
		req->on_done(req, req->data);
	request_fini(req);
}
