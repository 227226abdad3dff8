/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients are told of their passages; see passage_answer.h. */
#include "webtier/passage_answer.h"

#include "common/clock.h"
#include "webtier/passage_cache.h"
#include "webtier/passage_spares.h"
#include "webtier/passage_try.h"
#include "webtier/proxy_headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
passage_answer_refusal(
	struct passage *passage, unsigned int status, const char *text, uint64_t retry_ns)
{
	char retry[24];
	const struct http_header headers[] = {
		{"Content-Type", "application/json"},
		{"Cache-Control", "no-store"},
		{"X-Request-Id", passage->id},
		{"Retry-After", retry},
	};
	char body[128];
	int n = snprintf(body, sizeof(body), "{\"error\":\"%s\"}", text);

	if (passage->is_answered || passage_cache_answer_stale(passage, status)) {
		passage_cache_end(passage, false);
		return;
	}
	passage->is_answered = true;
	snprintf(retry, sizeof(retry), "%" PRIu64, (retry_ns + NS_PER_S - 1) / NS_PER_S);
	http_respond(passage->req, status, headers, status == 503 ? 4 : 3, body, (size_t)n);
	passage_cache_end(passage, false);
}

void
passage_answer_error(struct passage *passage, unsigned int status, const char *text)
{
	passage_answer_refusal(passage, status, text, NS_PER_S);
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
		passage->n_given += n;
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

/* Whether fields follow the body that the client wants. */
static bool
has_trailers(const struct passage *passage)
{
	size_t n;

	response_parser_trailers(upstream_conn_response(passage->conn), &n);
	return n > 0 && http_request_takes_trailers(passage->req);
}

void
passage_answer_end(struct passage *passage)
{
	struct http_header trailers[RESPONSE_TRAILERS_MAX];
	const struct response_field *fields;
	size_t n_fields;
	size_t n = 0;

	if (!passage->req)
		return;
	if (has_trailers(passage)) {
		fields = response_parser_trailers(upstream_conn_response(passage->conn), &n_fields);
		for (size_t i = 0; i < n_fields; i++) {
			if (trailer_field_passes(fields[i].name))
				trailers[n++] =
					(struct http_header){fields[i].name, fields[i].value};
		}
		http_respond_trailers(passage->req, trailers, n);
	}
	passage_wake_source(passage);
}

void
passage_answer(struct passage *passage)
{
	const struct response_head *head =
		response_parser_head(upstream_conn_response(passage->conn));
	struct http_header headers[RESPONSE_FIELDS_MAX + 1];
	size_t n_headers = proxy_filter_response(head, headers);
	bool is_head = http_request_method(passage->req) == HTTP_METHOD_HEAD;
	bool is_bodyless = head->status == 204 || head->status == 304;

	if (passage_cache_answer_stale(passage, head->status))
		return;
	n_headers = passage_cache_mark(passage, headers, n_headers);
	passage->is_answered = true;
	if (is_bodyless)
		http_respond(passage->req, head->status, headers, n_headers, NULL, 0);
	else if (passage->is_complete && !is_head && !has_trailers(passage))
		answer_whole(passage, head->status, headers, n_headers);
	else
		http_respond_source(passage->req, head->status, headers, n_headers, head->body_size,
			&body_source, passage);
}

void
passage_answer_websocket(struct passage *passage)
{
	const struct response_head *head =
		response_parser_head(upstream_conn_response(passage->conn));
	struct http_header headers[RESPONSE_FIELDS_MAX + 1];
	size_t n_headers = proxy_filter_response(head, headers);
	int fd = -1;

	if (!proxy_grants_websocket(head)) {
		passage_let_go(passage, false);
		passage_answer_error(passage, 502, "the application server gave an invalid answer");
		return;
	}
	headers[n_headers++] = (struct http_header){"Upgrade", "websocket"};
	fd = upstream_conn_detach(passage->conn); /* The head lives on till the loop has run. */
	passage->conn = NULL;
	circuit_succeed(&passage->proxy->set->nodes[passage->node].circuit);
	passage->ticket = CIRCUIT_PASS; /* The rest says nothing of the node. */
	if (tunnel_new(&passage->tunnel, &passage->proxy->tunnels, fd, &passage->in) < 0) {
		passage_end_try(passage, OUTCOME_UNKNOWN);
		passage_answer_error(passage, 503, "out of memory");
		return;
	}
	passage->is_answered = true;
	tunnel_open(passage->tunnel, passage->req, headers, n_headers);
}

void
passage_wake_source(struct passage *passage)
{
	if (!passage->is_source_waiting)
		return;
	passage->is_source_waiting = false;
	http_request_resume(passage->req);
}
