/* SPDX-License-Identifier: BSD-3-Clause */
/* One request through the proxy; see passage.h.
 *
 * Calls come from two sides, the HTTP server and the upstream connection, and a call to one may end
 * in a call from the other, even the one that ends the passage; so the entries hold the passage
 * (enter, leave) until they have returned. */
#include "webtier/passage.h"

#include "common/clock.h"
#include "webtier/passage_answer.h"
#include "webtier/passage_cache.h"
#include "webtier/passage_queue.h"
#include "webtier/passage_spares.h"
#include "webtier/passage_try.h"
#include "webtier/proxy_headers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 2

static void
enter(struct passage *passage)
{
	passage->n_entered++;
}

static void
leave(struct passage *passage)
{
	if (--passage->n_entered > 0 || passage->req || passage->conn)
		return;
	if (passage->is_detached)
		TAILQ_REMOVE(&passage->proxy->detached, passage, in_detached);
	passage_cache_fini(passage);
	passage_spares_put(passage);
}

static void
on_request_done(struct http_request *req, void *data)
{
	struct passage *passage = data;

	(void)req;
	enter(passage);
	if (passage->tunnel) {
		passage_end_try(passage, OUTCOME_UNKNOWN);
		tunnel_free(passage->tunnel);
		passage->tunnel = NULL;
	}
	if (passage->is_waiting)
		passage_queue_remove(passage->proxy->waiting, passage);
	passage_cache_leave(passage);
	if (passage->conn && passage->refreshed) {
		passage->is_detached = true;
		TAILQ_INSERT_TAIL(&passage->proxy->detached, passage, in_detached);
	} else if (passage->conn) {
		passage_end_try(passage, OUTCOME_UNKNOWN);
		upstream_conn_free(passage->conn);
		passage->conn = NULL;
	}
	passage->req = NULL;
	leave(passage);
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

static int
write_request(struct passage *passage)
{
	const char *site = passage->proxy->model->site;
	const struct proxy_outgoing outgoing = {
		.default_host = site ? site : "localhost",
		.request_id = passage->id,
		.is_websocket = passage->is_websocket,
		.is_unconditional = passage->is_unconditional,
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
		passage_end_try(passage, OUTCOME_FAILED);
		passage_note_failure(passage, UPSTREAM_FAIL_CONNECT, strerror(-rc));
		return rc;
	}
	proxy->balance.stats[node].n_connects += (uint64_t)rc;
	upstream_conn_begin(passage->conn, &request);
	return 0;
}

/* There is no node to try: waits for one, or says so. */
static void
do_without(struct passage *passage, int lack)
{
	struct proxy *proxy = passage->proxy;
	uint64_t now_ns = clock_now_ns();

	if (lack == BALANCE_FULL && passage_queue_add(proxy->waiting, passage))
		return;
	if (lack == BALANCE_FULL) {
		proxy->n_overflows++;
		passage_answer_error(passage, 503, "the application servers are busy");
		return;
	}
	proxy->n_unavailable++;
	passage_answer_refusal(passage, 503, "no application server is available",
		lack == BALANCE_OPEN ? balance_open_for_ns(&proxy->balance, now_ns) : NS_PER_S);
}

static void
try_nodes(struct passage *passage)
{
	struct proxy *proxy = passage->proxy;

	while (passage->n_tries < TRIES_MAX) {
		uint64_t now_ns = clock_now_ns();
		int node = balance_choose(&proxy->balance, passage->node, now_ns);

		if (node < 0) {
			do_without(passage, node);
			return;
		}
		passage->ticket = circuit_enter(&proxy->set->nodes[node].circuit, now_ns);
		if (passage->ticket == CIRCUIT_REFUSED)
			continue; /* Another thread tries it just now. */
		if (start_try(passage, node) == 0)
			return;
	}
	passage_answer_error(passage, 502, "the application server cannot be reached");
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
	passage_note_failure(passage, failure, why);
	passage_let_go(passage, false);
	if (passage->is_answered) {
		passage_cache_end(passage, false);
		passage->has_failed = true;
		passage_wake_source(passage);
	} else if (may_retry) {
		passage->proxy->n_retries++;
		try_nodes(passage);
	} else {
		passage_answer_error(
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
		passage_answer(passage);
}

/* What was fetched anew may not be kept, and nobody else wants it. */
static void
give_up_refresh(struct passage *passage)
{
	passage_cache_end(passage, false);
	passage_end_try(passage, OUTCOME_UNKNOWN);
	upstream_conn_free(passage->conn);
	passage->conn = NULL;
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
	if (passage->conn && passage->proxy->cache)
		passage_cache_take(passage);
	if (passage->conn && passage->refreshed && passage->has_head && !passage->storing)
		give_up_refresh(passage);
	if (passage->conn && byte_queue_size(&passage->in) >= PROXY_HIGH_BYTES && !passage->storing)
		upstream_conn_set_reading(passage->conn, false);
	if (passage->conn)
		answer_if_due(passage);
	if (passage->req && byte_queue_size(&passage->in) > 0)
		passage_wake_source(passage);
	leave(passage);
}

static void
on_end(void *ctx)
{
	struct passage *passage = ctx;

	enter(passage);
	passage->is_complete = true;
	if (passage->proxy->cache)
		passage_cache_take(passage);
	if (response_parser_head(upstream_conn_response(passage->conn))->status == 101)
		passage_answer_websocket(passage);
	else if (!passage->is_answered)
		answer_if_due(passage);
	if (passage->conn && passage->is_answered)
		passage_answer_end(passage);
	passage_let_go(passage, true);
	passage_cache_end(passage, true);
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

/* The last chunk, and what follows it. */
static bool
append_end(struct passage *passage)
{
	return byte_queue_append_text(&passage->out, "0\r\n") &&
	       proxy_write_trailers(&passage->out, passage->req) == 0;
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
	if (!passage->conn && !passage->is_waiting)
		return size; /* Answered already; nobody wants the rest. */
	passage->is_body_paused = taken < size;
	return taken;
}

static void
end_body(void *ctx, struct http_request *req)
{
	struct passage *passage = ctx;

	if (!passage->conn && !passage->is_waiting)
		return;
	enter(passage);
	passage->is_whole = true;
	if (passage->is_chunked && !append_end(passage))
		http_request_abort(req);
	else if (passage->conn)
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
	if (passage->has_body)
		http_request_set_sink(req, &body_sink, passage);
	passage_start(passage);
	return 0;
}

void
passage_start(struct passage *passage)
{
	struct proxy *proxy = passage->proxy;

	enter(passage);
	passage->asked_ns = clock_now_ns();
	if (proxy->cache && !passage->fetch && passage_cache_begin(passage)) {
		leave(passage);
		return;
	}
	if (write_request(passage) < 0)
		passage_answer_error(passage, 400, "the request cannot be passed on");
	else if (passage_queue_is_empty(proxy->waiting))
		try_nodes(passage);
	else
		do_without(passage, BALANCE_FULL); /* Those who came before are before it. */
	leave(passage);
}

void
passage_end_detached(struct proxy *proxy)
{
	struct passage *passage;

	while ((passage = TAILQ_FIRST(&proxy->detached)) != NULL) {
		enter(passage);
		passage_end_try(passage, OUTCOME_UNKNOWN);
		upstream_conn_free(passage->conn);
		passage->conn = NULL;
		leave(passage);
	}
}

void
passage_go_on(struct passage *passage, bool is_late)
{
	enter(passage);
	if (is_late) {
		passage->proxy->n_overflows++;
		passage_answer_error(passage, 503, "the application servers are busy");
	} else {
		try_nodes(passage);
	}
	if (passage->is_body_paused && !passage->is_waiting) {
		passage->is_body_paused = false;
		http_request_resume(passage->req);
	}
	leave(passage);
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
