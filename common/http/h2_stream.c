/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests by HTTP/2; see h2_stream.h. What answers them is in h2_answer.c. */
#include "common/http/h2_stream.h"

#include "common/clock.h"
#include "common/http/h2_answer.h"
#include "common/http/respond.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct h2_stream *
of(const struct http_request *req)
{
	struct h2_stream *stream;

	memcpy(&stream, &req, sizeof(void *)); /* 'base' is the first member; sheds const. */
	return stream;
}

static const char *
protocol_header(const struct http_request *req, const char *name)
{
	return h2_fields_find(&of(req)->fields, name);
}

static void
protocol_each_header(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	h2_fields_each(&of(req)->fields, each, ctx);
}

static void
protocol_each_trailer(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	h2_fields_each(&of(req)->trailers, each, ctx);
}

/* The handler may be in the middle of something: it is gone on with in the session's turn. */
static void
protocol_resume(struct http_request *req)
{
	struct h2_stream *stream = of(req);

	stream->resumed = true;
	if (stream->is_woken || (stream->pending_size == 0 && !stream->is_deferred))
		return;
	stream->is_woken = true;
	TAILQ_INSERT_TAIL(&stream->session->woken, stream, in_woken);
	h2_session_mark(stream->session);
}

static void
protocol_abort(struct http_request *req)
{
	h2_stream_cut(of(req), NGHTTP2_INTERNAL_ERROR);
}

static void
protocol_answer(struct http_request *req, const struct answer *answer)
{
	h2_answer(of(req), answer);
}

static void
protocol_trailers(struct http_request *req, const struct http_header *trailers, size_t n)
{
	h2_answer_trailers(of(req), trailers, n);
}

static const struct http_protocol protocol = {
	.header = protocol_header,
	.each_header = protocol_each_header,
	.each_trailer = protocol_each_trailer,
	.answer = protocol_answer,
	.trailers = protocol_trailers,
	.resume = protocol_resume,
	.abort = protocol_abort,
};

struct h2_stream *
h2_stream_new(struct h2_session *session, int32_t id)
{
	struct h2_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->base.protocol = &protocol;
	stream->base.connection = session->connection;
	stream->base.server = session->h2->server;
	stream->base.index = session->n_requests++;
	stream->base.method_name = "-";
	stream->base.version = "HTTP/2.0";
	stream->base.method = HTTP_METHOD_OTHER;
	stream->session = session;
	stream->id = id;
	stream->moved_ms = h2_now_ms(session);
	h2_fields_init(&stream->fields, stream->base.server->max_header_bytes);
	h2_fields_init(&stream->trailers, stream->base.server->max_header_bytes);
	TAILQ_INSERT_TAIL(&session->streams, stream, in_all);
	return stream;
}

void
h2_stream_end(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	TAILQ_REMOVE(&session->streams, stream, in_all);
	if (stream->is_woken)
		TAILQ_REMOVE(&session->woken, stream, in_woken);
	if (stream->has_begun)
		exchange_done(&stream->base, stream->is_submitted ? stream->base.status : 0,
			stream->sent);
	h2_answer_fini(stream);
	h2_fields_fini(&stream->fields);
	h2_fields_fini(&stream->trailers);
	free(stream->storage);
	free(stream->pending);
	free(stream);
	session->since_ms = h2_now_ms(session);
}

void
h2_stream_cut(struct h2_stream *stream, uint32_t error)
{
	if (stream->is_cut)
		return;
	stream->is_cut = true;
	nghttp2_submit_rst_stream(stream->session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, error);
	h2_session_mark(stream->session);
}

/* Makes room in the client's window for what has been taken. */
static void
consume(struct h2_stream *stream, size_t size)
{
	if (size == 0)
		return;
	nghttp2_session_consume(stream->session->nghttp2, stream->id, size);
	h2_session_mark(stream->session);
}

/* Offers body bytes until the handler takes no more. Returns how many it took. */
static size_t
offer(struct h2_stream *stream, const char *data, size_t size)
{
	size_t taken = 0;

	do {
		stream->resumed = false;
		if (stream->base.aborted)
			return size;
		taken += exchange_body(&stream->base, data + taken, size - taken);
	} while (taken < size && stream->resumed);
	return taken;
}

/* Keeps what the handler has not taken. */
static bool
keep(struct h2_stream *stream, const char *data, size_t size)
{
	size_t left = stream->pending_size - stream->pending_done;
	char *grown;

	if (size == 0)
		return true;
	grown = malloc(left + size);
	if (!grown)
		return false;
	if (left > 0)
		memcpy(grown, stream->pending + stream->pending_done, left);
	memcpy(grown + left, data, size);
	free(stream->pending);
	stream->pending = grown;
	stream->pending_size = left + size;
	stream->pending_done = 0;
	return true;
}

void
h2_stream_data(struct h2_stream *stream, const char *data, size_t size)
{
	size_t taken = 0;

	stream->moved_ms = h2_now_ms(stream->session);
	if (stream->pending_size == 0)
		taken = offer(stream, data, size);
	consume(stream, taken);
	if (keep(stream, data + taken, size - taken))
		return;
	nghttp2_session_consume_connection(stream->session->nghttp2, size - taken);
	h2_stream_cut(stream, NGHTTP2_INTERNAL_ERROR);
}

static void
end_if_due(struct h2_stream *stream)
{
	if (!stream->is_whole || stream->has_ended || stream->pending_size > 0 ||
		stream->base.aborted)
		return;
	stream->has_ended = true;
	exchange_end(&stream->base);
}

void
h2_stream_whole(struct h2_stream *stream)
{
	stream->is_whole = true;
	end_if_due(stream);
}

/* Offers again what the handler has not taken before. */
static void
offer_pending(struct h2_stream *stream)
{
	size_t taken;

	if (stream->pending_size == 0)
		return;
	taken = offer(stream, stream->pending + stream->pending_done,
		stream->pending_size - stream->pending_done);
	stream->pending_done += taken;
	stream->moved_ms = h2_now_ms(stream->session);
	if (stream->pending_done == stream->pending_size) {
		free(stream->pending);
		stream->pending = NULL;
		stream->pending_size = 0;
		stream->pending_done = 0;
	}
	consume(stream, taken);
	end_if_due(stream);
}

void
h2_stream_go_on(struct h2_stream *stream)
{
	offer_pending(stream);
	if (!stream->is_deferred)
		return;
	stream->is_deferred = false;
	stream->moved_ms = h2_now_ms(stream->session);
	nghttp2_session_resume_data(stream->session->nghttp2, stream->id);
}

/* What the request line says in HTTP/1.1. Returns false when memory is short. */
static bool
set_line(struct h2_stream *stream, bool *valid)
{
	const char *method = h2_fields_pseudo(&stream->fields, H2_METHOD);
	const char *path = h2_fields_pseudo(&stream->fields, H2_PATH);
	size_t size;

	if (!path)
		path = ""; /* CONNECT has none (RFC 9113 8.5), nor has what was too large. */
	size = strlen(path);
	stream->storage = malloc(REQUEST_STORAGE(size));
	if (!stream->storage)
		return false;
	*valid = request_set_target(&stream->base, stream->storage, path, size) == 0;
	if (method)
		request_set_method(&stream->base, method);
	return true;
}

static void
promise_to_read(struct h2_stream *stream)
{
	static uint8_t name[] = ":status";
	static uint8_t value[] = "100";
	const nghttp2_nv nv = {name, value, sizeof(name) - 1, sizeof(value) - 1, 0};
	const char *expect = h2_fields_find(&stream->fields, "expect");

	if (expect && strcasecmp(expect, "100-continue") == 0 && !stream->base.answered)
		nghttp2_submit_headers(stream->session->nghttp2, NGHTTP2_FLAG_NONE, stream->id,
			NULL, &nv, 1, NULL);
}

void
h2_stream_header(struct h2_stream *stream, bool is_whole)
{
	struct http_request *req = &stream->base;
	bool valid = false;
	int64_t length;

	req->fault_status = h2_fields_complete(&stream->fields, &req->fault);
	if (req->fault_status == 0)
		req->fault = NULL;
	length = h2_fields_length(&stream->fields);
	req->body_size = is_whole ? 0 : length >= 0 ? length : HTTP_SIZE_UNKNOWN;
	if (!set_line(stream, &valid)) {
		h2_stream_cut(stream, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	stream->moved_ms = h2_now_ms(stream->session);
	stream->has_begun = true;
	exchange_header(req, valid);
	if (is_whole)
		h2_stream_whole(stream);
	else
		promise_to_read(stream);
}

void
h2_stream_answered(struct h2_stream *stream)
{
	/* RFC 9113 8.1: the rest of the request is not wanted any more. */
	if (!stream->is_whole)
		h2_stream_cut(stream, NGHTTP2_NO_ERROR);
}

bool
h2_stream_is_receiving(const struct h2_stream *stream)
{
	/* Other streams, whose bodies nobody takes, may have used up the connection's window. */
	return stream->has_begun && !stream->is_whole && stream->pending_size == 0 &&
	       nghttp2_session_get_local_window_size(stream->session->nghttp2) > 0;
}

bool
h2_stream_is_sending(const struct h2_stream *stream)
{
	return stream->is_submitted && !stream->is_deferred;
}

bool
h2_stream_is_shut(const struct h2_stream *stream)
{
	return nghttp2_session_get_stream_remote_window_size(
		       stream->session->nghttp2, stream->id) <= 0;
}
