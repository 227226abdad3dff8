/* SPDX-License-Identifier: BSD-3-Clause */
/* One request through the proxy; see passage.h.
 *
 * Calls come from two sides, the HTTP server and the upstream connection, and a call to one may end
 * in a call from the other, even the one that ends the passage; so the entries hold the passage
 * (enter, leave) until they have returned. */
#include "webtier/passage.h"

#include "common/clock.h"
#include "webtier/passage_spares.h"
#include "webtier/proxy_headers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("proxy");

#define TRIES_MAX 2

static void
enter(struct passage *passage)
{
	passage->n_entered++;
}

static void
leave(struct passage *passage)
{
	if (--passage->n_entered == 0 && !passage->req)
		passage_spares_put(passage);
}

/* Ends the use of the node; 'success': its response was whole. */
static void
detach(struct passage *passage, bool success)
{
	struct upstream_conn *conn = passage->conn;

	if (!conn)
		return;
	passage->conn = NULL;
	balance_end(&passage->proxy->balance, passage->node, success);
	if (success)
		upstream_pool_put(passage->proxy->pool, passage->node, conn);
	else
		upstream_conn_free(conn);
}

static void
on_request_done(struct http_request *req, void *data)
{
	struct passage *passage = data;

	(void)req;
	enter(passage);
	if (passage->tunnel) {
		balance_end(&passage->proxy->balance, passage->node, true);
		tunnel_free(passage->tunnel);
		passage->tunnel = NULL;
	}
	if (passage->conn) { /* The client went first: no fault of the node. */
		balance_end(&passage->proxy->balance, passage->node, true);
		upstream_conn_free(passage->conn);
		passage->conn = NULL;
	}
	passage->req = NULL;
	leave(passage);
}

/* --- Answers --- */

static void
answer_error(struct passage *passage, unsigned int status, const char *text)
{
	const struct http_header headers[] = {
		{"Content-Type", "application/json"},
		{"Cache-Control", "no-store"},
		{"X-Request-Id", passage->id},
		{"Retry-After", "1"},
	};
	char body[128];
	int n = snprintf(body, sizeof(body), "{\"error\":\"%s\"}", text);

	assert(!passage->is_answered);
	passage->is_answered = true;
	http_respond(passage->req, status, headers, status == 503 ? 4 : 3, body, (size_t)n);
}

static ssize_t
read_body(void *ctx, char *buf, size_t size)
{
	struct passage *passage = ctx;
	size_t n = byte_queue_size(&passage->in);

	if (n > size)
		n = size;
	if (n > 0) {
		memcpy(buf, byte_queue_data(&passage->in), n);
		byte_queue_consume(&passage->in, n);
		if (passage->conn && byte_queue_size(&passage->in) <= PROXY_LOW_BYTES)
			upstream_conn_set_reading(passage->conn, true);
		return (ssize_t)n;
	}
	if (passage->has_failed)
		return HTTP_SOURCE_ERROR;
	if (passage->is_complete)
		return HTTP_SOURCE_END;
	passage->is_source_waiting = true;
	return 0;
}

static const struct http_source body_source = {.read = read_body};

/* A response whose body is here in whole. */
static void
answer_whole(struct passage *passage, unsigned int status, const struct http_header *headers,
	size_t n_headers)
{
	size_t size = byte_queue_size(&passage->in);
	char *body = size > 0 ? byte_queue_take(&passage->in) : NULL;

	if (body)
		http_respond_given(passage->req, status, headers, n_headers, body, size);
	else
		http_respond(passage->req, status, headers, n_headers,
			byte_queue_data(&passage->in), size);
}

/* Gives the client the response: whole if all of it is here, else as a source. */
static void
answer(struct passage *passage)
{
	const struct response_head *head =
		response_parser_head(upstream_conn_response(passage->conn));
	struct http_header headers[RESPONSE_FIELDS_MAX];
	size_t n_headers = proxy_filter_response(head, headers);
	bool is_head = http_request_method(passage->req) == HTTP_METHOD_HEAD;
	bool is_bodyless = head->status == 204 || head->status == 304;

	passage->is_answered = true;
	if (is_bodyless)
		http_respond(passage->req, head->status, headers, n_headers, NULL, 0);
	else if (passage->is_complete && !is_head)
		answer_whole(passage, head->status, headers, n_headers);
	else
		http_respond_source(passage->req, head->status, headers, n_headers, head->body_size,
			&body_source, passage);
}

/* The node has changed to the other protocol: from here on bytes pass as they are. */
static void
answer_websocket(struct passage *passage)
{
	const struct response_head *head =
		response_parser_head(upstream_conn_response(passage->conn));
	struct http_header headers[RESPONSE_FIELDS_MAX + 1];
	size_t n_headers = proxy_filter_response(head, headers);
	int fd = -1;

	if (!proxy_grants_websocket(head)) {
		detach(passage, false);
		answer_error(passage, 502, "the application server gave an invalid answer");
		return;
	}
	headers[n_headers++] = (struct http_header){"Upgrade", "websocket"};
	fd = upstream_conn_detach(passage->conn); /* The head lives on till the loop has run. */
	passage->conn = NULL;
	if (tunnel_new(&passage->tunnel, &passage->proxy->tunnels, fd, &passage->in) < 0) {
		balance_end(&passage->proxy->balance, passage->node, false);
		answer_error(passage, 503, "out of memory");
		return;
	}
	passage->is_answered = true;
	tunnel_open(passage->tunnel, passage->req, headers, n_headers);
}

static void
wake_source(struct passage *passage)
{
	if (!passage->is_source_waiting)
		return;
	passage->is_source_waiting = false;
	http_request_resume(passage->req);
}

/* --- Tries --- */

static bool
is_idempotent(enum http_method method)
{
	return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD ||
	       method == HTTP_METHOD_OPTIONS || method == HTTP_METHOD_PUT ||
	       method == HTTP_METHOD_DELETE; /* RFC 9110, section 9.2.2 */
}

static enum upstream_freshness
wanted_freshness(const struct passage *passage)
{
	if (passage->n_tries > 0)
		return UPSTREAM_FRESH;
	return is_idempotent(http_request_method(passage->req)) && !passage->has_body
		       ? UPSTREAM_ANY
		       : UPSTREAM_ALIVE; /* It could not be sent again. */
}

static void
note_failure(struct passage *passage, enum upstream_failure failure, const char *why)
{
	struct proxy *proxy = passage->proxy;
	struct upstream_node *node = &proxy->set->nodes[passage->node];

	if (failure == UPSTREAM_FAIL_CONNECT || failure == UPSTREAM_FAIL_CONNECT_TIMEOUT)
		upstream_eject(node, clock_now_ns());
	log_write_limited(&proxy->failure_limit, LOG_WARN, log_module, "%s (%s): %s", node->name,
		node->host, why);
}

static int
write_request(struct passage *passage)
{
	const char *site = passage->proxy->model->site;
	const struct proxy_outgoing outgoing = {
		.default_host = site ? site : "localhost",
		.request_id = passage->id,
		.is_websocket = passage->is_websocket,
	};

	byte_queue_consume(&passage->out, byte_queue_size(&passage->out));
	return proxy_write_request(&passage->out, passage->req, &outgoing);
}

/* Begins a try with 'node'. Returns 0, or a negative errno if that failed at once. */
static int
start_try(struct passage *passage, int node)
{
	struct proxy *proxy = passage->proxy;
	const struct upstream_request request = {
		.out = &passage->out,
		.in = &passage->in,
		.is_head = http_request_method(passage->req) == HTTP_METHOD_HEAD,
		.may_upgrade = passage->is_websocket,
		.is_whole = passage->is_whole,
		.events = proxy->events,
		.ctx = passage,
	};
	int rc = upstream_pool_get(proxy->pool, node, wanted_freshness(passage), &passage->conn);

	passage->node = node;
	passage->n_tries++;
	balance_begin(&proxy->balance, node);
	if (rc < 0) {
		balance_end(&proxy->balance, node, false);
		note_failure(passage, UPSTREAM_FAIL_CONNECT, strerror(-rc));
		return rc;
	}
	proxy->balance.stats[node].n_connects += (uint64_t)rc;
	upstream_conn_begin(passage->conn, &request);
	return 0;
}

static void
try_nodes(struct passage *passage)
{
	struct proxy *proxy = passage->proxy;

	while (passage->n_tries < TRIES_MAX) {
		int node = balance_choose(&proxy->balance, passage->node, clock_now_ns());

		if (node == BALANCE_NONE) {
			proxy->n_unavailable++;
			answer_error(passage, 503, "no application server is available");
			return;
		}
		if (start_try(passage, node) == 0)
			return;
	}
	answer_error(passage, 502, "the application server cannot be reached");
}

/* --- What the upstream connection reports --- */

static const struct {
	unsigned int status;
	const char *text;
} failure_answers[] = {
	[UPSTREAM_FAIL_CONNECT] = {502, "the application server cannot be reached"},
	[UPSTREAM_FAIL_CONNECT_TIMEOUT] = {504, "the application server cannot be reached"},
	[UPSTREAM_FAIL_CLOSED] = {502, "the application server closed the connection"},
	[UPSTREAM_FAIL_TIMEOUT] = {504, "the application server did not answer in time"},
	[UPSTREAM_FAIL_RESPONSE] = {502, "the application server gave an invalid answer"},
	[UPSTREAM_FAIL_MEMORY] = {503, "out of memory"},
};

/* If another try is safe, makes 'out' ready for it and returns true. */
static bool
prepare_retry(struct passage *passage, enum upstream_failure failure)
{
	const struct upstream_conn *conn = passage->conn;

	if (passage->is_answered || passage->n_tries >= TRIES_MAX)
		return false;
	if (upstream_conn_n_sent(conn) == 0)
		return failure != UPSTREAM_FAIL_MEMORY; /* 'out' still has everything. */
	return failure == UPSTREAM_FAIL_CLOSED && !passage->has_body &&
	       is_idempotent(http_request_method(passage->req)) &&
	       response_parser_is_untouched(upstream_conn_response(conn)) &&
	       write_request(passage) == 0;
}

static void
on_failure(void *ctx, enum upstream_failure failure, const char *why)
{
	struct passage *passage = ctx;
	bool may_retry = prepare_retry(passage, failure);

	enter(passage);
	note_failure(passage, failure, why);
	detach(passage, false);
	if (passage->is_answered) {
		passage->has_failed = true;
		wake_source(passage);
	} else if (may_retry) {
		passage->proxy->n_retries++;
		try_nodes(passage);
	} else {
		answer_error(
			passage, failure_answers[failure].status, failure_answers[failure].text);
	}
	leave(passage);
}

/* The server sends no response before it has read the whole request, so there is no use in giving
 * it one; what comes early waits in 'in', or if it does not fit ends the request's upload. */
static void
answer_if_due(struct passage *passage)
{
	if (passage->is_answered || !response_parser_head(upstream_conn_response(passage->conn)))
		return;
	if (passage->is_whole || passage->is_complete ||
		byte_queue_size(&passage->in) >= PROXY_HIGH_BYTES)
		answer(passage);
}

static void
on_progress(void *ctx)
{
	struct passage *passage = ctx;

	enter(passage);
	if (passage->is_body_paused && byte_queue_size(&passage->out) <= PROXY_LOW_BYTES) {
		passage->is_body_paused = false;
		http_request_resume(passage->req);
	}
	if (passage->conn && byte_queue_size(&passage->in) >= PROXY_HIGH_BYTES)
		upstream_conn_set_reading(passage->conn, false);
	if (passage->conn)
		answer_if_due(passage);
	if (passage->req && byte_queue_size(&passage->in) > 0)
		wake_source(passage);
	leave(passage);
}

static void
on_end(void *ctx)
{
	struct passage *passage = ctx;

	enter(passage);
	passage->is_complete = true;
	if (response_parser_head(upstream_conn_response(passage->conn))->status == 101)
		answer_websocket(passage);
	else if (passage->is_answered)
		wake_source(passage);
	else
		answer_if_due(passage);
	detach(passage, true);
	leave(passage);
}

const struct upstream_events passage_events = {
	.on_progress = on_progress,
	.on_end = on_end,
	.on_failure = on_failure,
};

/* --- The request's body --- */

static bool
append_body(struct passage *passage, const char *data, size_t size)
{
	char chunk[24];

	if (!passage->is_chunked)
		return byte_queue_append(&passage->out, data, size);
	snprintf(chunk, sizeof(chunk), "%zx\r\n", size);
	return byte_queue_append_text(&passage->out, chunk) &&
	       byte_queue_append(&passage->out, data, size) &&
	       byte_queue_append_text(&passage->out, "\r\n");
}

static size_t
write_body(void *ctx, struct http_request *req, const char *data, size_t size)
{
	struct passage *passage = ctx;
	size_t taken = 0;

	while (passage->conn && taken < size && byte_queue_size(&passage->out) < PROXY_HIGH_BYTES) {
		size_t room = PROXY_HIGH_BYTES - byte_queue_size(&passage->out);
		size_t n = size - taken < room ? size - taken : room;

		if (!append_body(passage, data + taken, n)) {
			http_request_abort(req);
			return size;
		}
		taken += n;
		upstream_conn_flush(passage->conn);
	}
	if (!passage->conn)
		return size; /* Answered already; nobody wants the rest. */
	passage->is_body_paused = taken < size;
	return taken;
}

static void
end_body(void *ctx, struct http_request *req)
{
	struct passage *passage = ctx;

	if (!passage->conn)
		return;
	enter(passage);
	passage->is_whole = true;
	if (passage->is_chunked && !byte_queue_append_text(&passage->out, "0\r\n\r\n"))
		http_request_abort(req);
	else
		upstream_conn_end_request(passage->conn);
	if (passage->conn)
		answer_if_due(passage);
	leave(passage);
}

static const struct http_sink body_sink = {.write = write_body, .end = end_body};

/* --- Public --- */

static struct passage *
passage_new(struct proxy *proxy, struct http_request *req)
{
	struct passage *passage = passage_spares_take(proxy);

	if (!passage)
		return NULL;
	passage->proxy = proxy;
	passage->req = req;
	passage->node = BALANCE_NONE;
	passage->has_body = http_request_body_size(req) != 0;
	passage->is_chunked = http_request_body_size(req) < 0;
	passage->is_whole = !passage->has_body;
	return passage;
}

/* Unlike any other of this worker, and but for a chance of one in 2^64 of any worker. */
static void
make_id(struct proxy *proxy, char *out)
{
	snprintf(
		out, PROXY_ID_SIZE, "%016" PRIx64 "%016" PRIx64, proxy->id_start, proxy->id_next++);
}

int
passage_begin(struct proxy *proxy, struct http_request *req, bool is_websocket)
{
	struct passage *passage = passage_new(proxy, req);

	if (!passage)
		return -ENOMEM;
	passage->is_websocket = is_websocket;
	make_id(proxy, passage->id);
	http_request_set_data(req, passage, on_request_done);
	enter(passage);
	if (passage->has_body)
		http_request_set_sink(req, &body_sink, passage);
	if (write_request(passage) < 0)
		answer_error(passage, 400, "the request cannot be passed on");
	else
		try_nodes(passage);
	leave(passage);
	return 0;
}

const char *
passage_node_name(const struct passage *passage)
{
	if (passage->node == BALANCE_NONE)
		return NULL;
	return passage->proxy->set->nodes[passage->node].name;
}

const char *
passage_id(const struct passage *passage)
{
	return passage->id;
}
