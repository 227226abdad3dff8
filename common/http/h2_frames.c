/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of HTTP/2; see h2_frames.h.
 *
 * Some frames cost the server more than the client: streams that are reset as soon as they are
 * opened (CVE-2023-44487), or made to be reset by the server (CVE-2025-8671), CONTINUATION without
 * end (CVE-2024-27316), PING, SETTINGS, empty DATA (CVE-2019-9512 to 9518). Each kind may come so
 * often, and a connection on which it comes more often is ended with ENHANCE_YOUR_CALM. */
#include "common/http/h2_frames.h"

#include "common/clock.h"
#include "common/http/h2_answer.h"
#include "common/http/h2_stream.h"

/* Frames that carry nothing: enough for clients that measure the line. */
#define FRAMES_PER_S 200u
#define FRAMES_BURST 2000u
#define PADDED_MIN 512u /* Shorter padded frames count as empty. */
/* A client may open its window twice for every frame that it takes, for the stream and for the
 * connection, and a few times for a stream that begins. */
#define WINDOWS_PER_FRAME 4u
#define WINDOWS_PER_STREAM 10u
#define WINDOWS_MAX 1000000u
#define LIST_FLOOD 4u /* So many times what a header may be is no mistake any more. */

static int
flood(struct h2_session *session)
{
	if (!session->is_closing)
		session->h2->server->stats.n_h2_floods++;
	h2_session_fail(session, NGHTTP2_ENHANCE_YOUR_CALM);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int
broken(struct h2_session *session)
{
	session->h2->server->stats.n_refused++;
	h2_session_fail(session, NGHTTP2_PROTOCOL_ERROR);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static uint64_t
now_ns(const struct h2_session *session)
{
	return h2_now_ms(session) * NS_PER_MS;
}

static int
charge(struct h2_session *session)
{
	if (h2_meter_take(&session->frames, now_ns(session), FRAMES_PER_S, FRAMES_BURST))
		return 0;
	return flood(session);
}

static void
allow_windows(struct h2_session *session, uint32_t n)
{
	session->n_windows += n;
	if (session->n_windows > WINDOWS_MAX)
		session->n_windows = WINDOWS_MAX;
}

static int
on_begin_frame(nghttp2_session *nghttp2, const nghttp2_frame_hd *head, void *ctx)
{
	struct h2_session *session = ctx;
	bool is_empty = head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM);

	(void)nghttp2;
	if (session->is_closing)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	switch (head->type) {
	case NGHTTP2_HEADERS:
		allow_windows(session, WINDOWS_PER_STREAM);
		return 0;
	case NGHTTP2_DATA:
		if (is_empty || ((head->flags & NGHTTP2_FLAG_PADDED) && head->length < PADDED_MIN))
			return charge(session);
		return 0;
	case NGHTTP2_WINDOW_UPDATE:
		if (session->n_windows == 0)
			return charge(session);
		session->n_windows--;
		return 0;
	case NGHTTP2_PRIORITY:
		if (head->stream_id == 0) /* nghttp2 does not look at what is deprecated. */
			return broken(session);
		return charge(session);
	default:
		return charge(session);
	}
}

static int
on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream;

	session->header_ms = h2_now_ms(session);
	session->header_id = frame->hd.stream_id;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	stream = h2_stream_new(session, frame->hd.stream_id);
	if (!stream)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_session_set_stream_user_data(nghttp2, stream->id, stream);
	return 0;
}

static struct h2_stream *
stream_of(nghttp2_session *nghttp2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(nghttp2, id);
}

/* Trailers have the same limits of their own. */
static int
on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *ctx)
{
	struct h2_stream *stream = stream_of(nghttp2, frame->hd.stream_id);
	int rc = 0;

	(void)flags;
	if (!stream)
		return 0;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		rc = h2_fields_add(&stream->fields, (const char *)name, name_size,
			(const char *)value, value_size);
	else
		rc = h2_fields_add(&stream->trailers, (const char *)name, name_size,
			(const char *)value, value_size);
	if (stream->fields.list_size / LIST_FLOOD > stream->fields.list_max ||
		stream->trailers.list_size / LIST_FLOOD > stream->trailers.list_max)
		return flood(ctx);
	return rc < 0 ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* nghttp2 would leave a malformed field out and go on; RFC 9113 8.1.1 asks for a stream error. */
static int
on_invalid_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *ctx)
{
	(void)nghttp2;
	(void)frame;
	(void)name;
	(void)name_size;
	(void)value;
	(void)value_size;
	(void)flags;
	(void)ctx;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int
on_frame(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream;
	bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS)
		session->header_ms = 0;
	stream = stream_of(nghttp2, frame->hd.stream_id);
	if (!stream)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		h2_stream_header(stream, is_last);
	else if (is_last)
		h2_stream_whole(stream);
	return 0;
}

static int
on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *data, size_t size,
	void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, id);

	(void)flags;
	session->slow_in_ms -= size < session->slow_in_ms ? (uint32_t)size : session->slow_in_ms;
	if (stream)
		h2_stream_data(stream, (const char *)data, size);
	else
		nghttp2_session_consume_connection(nghttp2, size);
	return 0;
}

/* A stream that the client has reset, or made the server reset, has cost something. */
static void
count_reset(struct h2_session *session)
{
	struct http_server *server = session->h2->server;

	if (session->is_closing)
		return;
	server->stats.n_h2_resets++;
	if (!h2_meter_take(&session->resets, now_ns(session), server->http2.resets_per_s,
		    server->http2.reset_burst))
		flood(session);
}

/* Also called while frames are written, which must not fail. */
static int
on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t error, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = stream_of(nghttp2, id);
	bool is_reset = error != NGHTTP2_NO_ERROR;

	if (id == session->header_id)
		session->header_ms = 0; /* What was malformed is no frame that is reported. */
	if (stream) {
		is_reset = is_reset && !stream->is_cut;
		nghttp2_session_consume_connection(
			nghttp2, stream->pending_size - stream->pending_done);
		nghttp2_session_set_stream_user_data(nghttp2, id, NULL);
		h2_stream_end(stream);
	}
	if (is_reset)
		count_reset(session);
	return 0;
}

/* A malformed frame or header, or a stream too many, which is refused before it is one; whether it
 * costs the stream or the connection is for nghttp2 to say. */
static int
on_invalid_frame(nghttp2_session *nghttp2, const nghttp2_frame *frame, int error, void *ctx)
{
	struct h2_session *session = ctx;

	(void)nghttp2;
	(void)frame;
	if (error == NGHTTP2_ERR_REFUSED_STREAM)
		count_reset(session);
	else
		session->h2->server->stats.n_refused++;
	return 0;
}

static int
on_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *ctx)
{
	struct h2_stream *stream;

	if (frame->hd.type == NGHTTP2_DATA)
		allow_windows(ctx, WINDOWS_PER_FRAME);
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
		!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	stream = stream_of(nghttp2, frame->hd.stream_id);
	if (stream)
		h2_stream_answered(stream);
	return 0;
}

static ssize_t
send_frame(nghttp2_session *nghttp2, const uint8_t *data, size_t size, int flags, void *ctx)
{
	char *room = h2_session_reserve(ctx, size);

	(void)nghttp2;
	(void)flags;
	if (!room)
		return NGHTTP2_ERR_WOULDBLOCK;
	memcpy(room, data, size);
	return (ssize_t)size;
}

static ssize_t
payload_max(nghttp2_session *nghttp2, uint8_t type, int32_t id, int32_t session_window,
	int32_t stream_window, uint32_t frame_max, void *ctx)
{
	(void)nghttp2;
	(void)type;
	(void)id;
	(void)session_window;
	(void)stream_window;
	(void)frame_max; /* At least 16384. */
	(void)ctx;
	return H2_PAYLOAD_MAX;
}

void
h2_frames_set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_send_callback(callbacks, send_frame);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_answer_send);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, payload_max);
}
