/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers by HTTP/2; see h2_answer.h.
 *
 * Bodies in memory and in files go straight from there into what is written to the socket; those of
 * a source are read into nghttp2's frame, as nobody knows before how much there is. */
#include "common/http/h2_answer.h"

#include "common/http/respond.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define OWN_FIELDS 3 /* :status, date, content-length */
#define FRAME_HEAD_BYTES 9
#define NUMBER_SIZE 24

/* --- The header --- */

/* RFC 9113 8.2.2: what is about a connection must not be sent. */
static bool
is_forbidden(const char *name)
{
	static const char *const names[] = {
		"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* nghttp2 copies both and writes the name in small letters. */
static void
add(nghttp2_nv *nv, size_t *n, const char *name, const char *value)
{
	nghttp2_nv *at = &nv[(*n)++];

	memset(at, 0, sizeof(*at));
	memcpy(&at->name, &name, sizeof(void *)); /* Neither is written to. */
	memcpy(&at->value, &value, sizeof(void *));
	at->namelen = strlen(name);
	at->valuelen = strlen(value);
}

static bool
has_field(const struct answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_headers; i++)
		if (strcasecmp(answer->headers[i].name, name) == 0)
			return true;
	return false;
}

static void
add_fields(nghttp2_nv *nv, size_t *n, const struct answer *answer,
	const struct http_header_list *extra)
{
	for (size_t i = 0; i < answer->n_headers; i++) {
		if (!is_forbidden(answer->headers[i].name))
			add(nv, n, answer->headers[i].name, answer->headers[i].value);
	}
	for (size_t i = 0; i < extra->n; i++) {
		if (!has_field(answer, extra->headers[i].name))
			add(nv, n, extra->headers[i].name, extra->headers[i].value);
	}
}

/* Whether the answer tells its size: where there may be no body, that of 0 means nothing. */
static bool
tells_size(const struct h2_stream *stream)
{
	unsigned int status = stream->base.status;

	if (stream->body_size < 0 || status == 204)
		return false;
	return status != 304 || stream->body_size > 0;
}

static int
submit(struct h2_stream *stream, const struct answer *answer, const nghttp2_data_provider *body)
{
	struct h2_session *session = stream->session;
	const struct http_header_list *extra = &session->h2->server->extra[true];
	size_t room = answer->n_headers + extra->n + OWN_FIELDS;
	nghttp2_nv *nv = malloc(room * sizeof(*nv));
	char status[NUMBER_SIZE];
	char size[NUMBER_SIZE];
	size_t n = 0;
	int rc;

	if (!nv)
		return -ENOMEM;
	snprintf(status, sizeof(status), "%u", answer->status);
	add(nv, &n, ":status", status);
	add(nv, &n, "date", h2_date(session->h2));
	add_fields(nv, &n, answer, extra);
	if (tells_size(stream)) {
		snprintf(size, sizeof(size), "%" PRId64, stream->body_size);
		add(nv, &n, "content-length", size);
	}
	rc = nghttp2_submit_response(session->nghttp2, stream->id, nv, n, body);
	free(nv);
	return rc;
}

/* --- The body --- */

/* The body will not be whole: the client sees that by the reset. */
static ssize_t
give_up(struct h2_stream *stream)
{
	stream->is_cut = true;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* The end of a body of unknown size, which fields may follow. */
static ssize_t
end_body(struct h2_stream *stream, uint32_t *flags)
{
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!stream->behind)
		return 0;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	if (nghttp2_submit_trailer(
		    stream->session->nghttp2, stream->id, stream->behind, stream->n_behind) < 0)
		return give_up(stream);
	return 0;
}

static ssize_t
read_source(nghttp2_session *nghttp2, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
	nghttp2_data_source *source, void *ctx)
{
	struct h2_stream *stream = source->ptr;
	ssize_t n;

	(void)nghttp2;
	(void)id;
	(void)ctx;
	if (stream->base.aborted)
		return give_up(stream);
	do {
		stream->resumed = false;
		n = stream->source->read(stream->source_ctx, (char *)buf, size);
	} while (n == 0 && stream->resumed);
	if (n == 0) {
		stream->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0) {
		stream->read += (uint64_t)n;
		stream->sent += (uint64_t)n;
		stream->moved_ms = h2_now_ms(stream->session);
	}
	if (n < 0 && n != HTTP_SOURCE_END)
		return give_up(stream);
	if (stream->body_size < 0 && n == HTTP_SOURCE_END)
		return end_body(stream, flags);
	if (stream->body_size < 0)
		return n;
	/* It must be what was promised, neither less nor more. */
	if (stream->read > (uint64_t)stream->body_size ||
		(n == HTTP_SOURCE_END && stream->read < (uint64_t)stream->body_size))
		return give_up(stream);
	if (stream->read == (uint64_t)stream->body_size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return n == HTTP_SOURCE_END ? 0 : n;
}

/* Says how much the next frame has; h2_answer_send() fetches it. */
static ssize_t
measure(nghttp2_session *nghttp2, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
	nghttp2_data_source *source, void *ctx)
{
	const struct h2_stream *stream = source->ptr;
	uint64_t left = (uint64_t)stream->body_size - stream->read;

	(void)nghttp2;
	(void)id;
	(void)buf;
	(void)ctx;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (left > size)
		return (ssize_t)size;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)left;
}

static bool
fetch(const struct h2_stream *stream, char *out, size_t size)
{
	const struct http_shared *shared = stream->shared;
	size_t done = 0;

	if (!shared || shared->fd < 0) {
		const char *bytes = shared ? shared->body : stream->bytes;

		memcpy(out, bytes + stream->read, size);
		return true;
	}
	while (done < size) {
		ssize_t n = pread(shared->fd, out + done, size - done,
			(off_t)(shared->offset + stream->read + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false; /* The file is shorter than it was. */
		done += (size_t)n;
	}
	return true;
}

/* Nothing is padded, as no callback asks for that. */
int
h2_answer_send(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *head, size_t size,
	nghttp2_data_source *source, void *ctx)
{
	struct h2_session *session = ctx;
	struct h2_stream *stream = source->ptr;
	char *out = h2_session_reserve(session, FRAME_HEAD_BYTES + size);

	(void)nghttp2;
	(void)frame;
	if (!out)
		return NGHTTP2_ERR_WOULDBLOCK;
	memcpy(out, head, FRAME_HEAD_BYTES);
	if (!fetch(stream, out + FRAME_HEAD_BYTES, size)) {
		session->out_used -= FRAME_HEAD_BYTES + size;
		return (int)give_up(stream);
	}
	stream->read += size;
	stream->sent += size;
	stream->moved_ms = h2_now_ms(session);
	return 0;
}

/* --- Public --- */

/* Takes over what the answer is made of. Returns false when memory is short. */
static bool
take(struct h2_stream *stream, const struct answer *answer)
{
	switch (answer->kind) {
	case ANSWER_BYTES:
		stream->body_size = (int64_t)answer->size;
		stream->bytes = malloc(answer->size ? answer->size : 1);
		if (!stream->bytes)
			return false;
		if (answer->size > 0)
			memcpy(stream->bytes, answer->body, answer->size);
		break;
	case ANSWER_SHARED:
		stream->shared = answer->shared;
		stream->body_size = (int64_t)answer->shared->size;
		break;
	case ANSWER_SOURCE:
		stream->source = answer->source;
		stream->source_ctx = answer->source_ctx;
		stream->body_size = answer->body_size;
		break;
	case ANSWER_UPGRADE: /* HTTP/1.1 alone (http_request_can_upgrade()). */
		return false;
	}
	return true;
}

static bool
has_body(const struct h2_stream *stream, const struct answer *answer)
{
	if (stream->base.method == HTTP_METHOD_HEAD || answer->status == 204 ||
		answer->status == 304 || stream->body_size == 0)
		return false;
	return answer->kind != ANSWER_SOURCE || answer->source;
}

void
h2_answer(struct h2_stream *stream, const struct answer *answer)
{
	const nghttp2_data_provider body = {
		.source = {.ptr = stream},
		.read_callback = answer->kind == ANSWER_SOURCE ? read_source : measure,
	};

	if (take(stream, answer) && !stream->is_cut &&
		submit(stream, answer, has_body(stream, answer) ? &body : NULL) == 0) {
		stream->is_submitted = true;
		stream->moved_ms = h2_now_ms(stream->session);
		h2_session_mark(stream->session);
	} else {
		h2_stream_cut(stream, NGHTTP2_INTERNAL_ERROR);
	}
}

/* Kept in one block with their strings. */
void
h2_answer_trailers(struct h2_stream *stream, const struct http_header *trailers, size_t n)
{
	size_t size = n * sizeof(nghttp2_nv);
	size_t n_added = 0;
	char *text;

	if (n == 0 || stream->behind || !stream->source || stream->body_size >= 0)
		return;
	for (size_t i = 0; i < n; i++)
		size += strlen(trailers[i].name) + strlen(trailers[i].value) + 2;
	stream->behind = malloc(size);
	if (!stream->behind)
		return;
	text = (char *)(stream->behind + n);
	for (size_t i = 0; i < n; i++) {
		char *name = text;
		char *value = stpcpy(name, trailers[i].name) + 1;

		text = stpcpy(value, trailers[i].value) + 1;
		add(stream->behind, &n_added, name, value);
	}
	stream->n_behind = n;
}

void
h2_answer_fini(struct h2_stream *stream)
{
	http_shared_unref(stream->shared);
	if (stream->source && stream->source->release)
		stream->source->release(stream->source_ctx);
	free(stream->bytes);
	free(stream->behind);
}
