/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways to answer a request (http.h): they all become a 'struct answer' for the protocol. */
#include "common/http/respond.h"

#include "common/http/connection.h"
#include "common/http/core.h"

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TEXT_SIZE 512

static void
drop(const struct answer *answer)
{
	if (answer->kind == ANSWER_SHARED)
		http_shared_unref(answer->shared);
	if (answer->kind == ANSWER_SOURCE && answer->source && answer->source->release)
		answer->source->release(answer->source_ctx);
}

/* Every answer passes here once. */
static void
give(struct http_request *req, const struct answer *answer)
{
	if (req->refused) {
		drop(answer);
		return;
	}
	assert(!req->answered);
	req->answered = true;
	req->status = answer->status;
	req->protocol->answer(req, answer);
}

/* An answer whose body is here in whole. */
static struct answer
answer_of_bytes(unsigned int status, const struct http_header *headers, size_t n_headers,
	const void *body, size_t size)
{
	return (struct answer){
		.status = status,
		.headers = headers,
		.n_headers = n_headers,
		.kind = ANSWER_BYTES,
		.body = body,
		.size = size,
	};
}

void
http_respond(struct http_request *req, unsigned int status, const struct http_header *headers,
	size_t n_headers, const void *body, size_t size)
{
	const struct answer answer = answer_of_bytes(status, headers, n_headers, body, size);

	give(req, &answer);
}

void
http_respond_given(struct http_request *req, unsigned int status, const struct http_header *headers,
	size_t n_headers, char *body, size_t size)
{
	struct answer answer = answer_of_bytes(status, headers, n_headers, body, size);

	answer.given = &body;
	give(req, &answer);
	free(body);
}

void
http_respond_text(
	struct http_request *req, unsigned int status, const char *content_type, const char *body)
{
	const struct http_header header = {"Content-Type", content_type};

	http_respond(req, status, &header, 1, body, strlen(body));
}

void
http_respond_shared(struct http_request *req, struct http_shared *shared)
{
	const struct answer answer = {
		.status = shared->status,
		.headers = shared->headers,
		.n_headers = shared->n_headers,
		.kind = ANSWER_SHARED,
		.shared = http_shared_ref(shared),
	};

	give(req, &answer);
}

void
http_respond_source(struct http_request *req, unsigned int status,
	const struct http_header *headers, size_t n_headers, int64_t body_size,
	const struct http_source *source, void *ctx)
{
	const struct answer answer = {
		.status = status,
		.headers = headers,
		.n_headers = n_headers,
		.kind = ANSWER_SOURCE,
		.source = source,
		.source_ctx = ctx,
		.body_size = body_size,
	};

	give(req, &answer);
}

void
http_respond_trailers(
	struct http_request *req, const struct http_header *trailers, size_t n_trailers)
{
	if (!req->refused && !request_is_dead(req))
		req->protocol->trailers(req, trailers, n_trailers);
}

void
http_respond_upgrade(struct http_request *req, const struct http_header *headers, size_t n_headers,
	const struct http_stream *stream, void *ctx)
{
	const struct answer answer = {
		.status = 101,
		.headers = headers,
		.n_headers = n_headers,
		.kind = ANSWER_UPGRADE,
		.stream = stream,
		.source_ctx = ctx,
	};

	assert(http_request_can_upgrade(req));
	give(req, &answer);
}

/* Answers with a page for people where there is one. */
static bool
show_page(struct http_request *req, unsigned int status)
{
	struct http_server *server = req->server;
	struct http_shared *page =
		server->error_page ? server->error_page(server->ctx, req, status) : NULL;

	if (page)
		http_respond_shared(req, page);
	return page != NULL;
}

void
respond_error_with(struct http_request *req, unsigned int status, const struct http_header *headers,
	size_t n_headers, const char *text)
{
	struct http_header all[4] = {
		{"Content-Type", "application/json"},
		{"Cache-Control", "no-store"},
	};
	json_t *json;
	char *body;

	if (n_headers == 0 && show_page(req, status))
		return;
	json = json_pack("{s:s}", "error", text);
	if (!json) /* The text is not UTF-8. */
		json = json_pack("{s:s}", "error", http_status_text(status));
	body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	assert(n_headers <= 2);
	for (size_t i = 0; i < n_headers; i++)
		all[2 + i] = headers[i];
	http_respond(req, status, all, 2 + n_headers, body, body ? strlen(body) : 0);
	free(body);
	json_decref(json);
}

void
http_respond_error(struct http_request *req, unsigned int status, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	respond_error_with(req, status, NULL, 0, text);
}

void
request_refuse(struct http_request *req, unsigned int status, const char *text)
{
	req->close = true;
	if (!req->answered)
		respond_error_with(req, status, NULL, 0, text);
	req->refused = true;
}
