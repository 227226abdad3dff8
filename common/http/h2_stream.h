/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of HTTP/2: a stream as a request that handlers answer.
 *
 * It begins with its first HEADERS frame and lives until nghttp2 closes the stream. Of a body that
 * a handler does not take at once no more is kept than the stream's window lets in, and the window
 * opens as the handler goes on. */
#ifndef COMMON_HTTP_H2_STREAM_H
#define COMMON_HTTP_H2_STREAM_H

#include "common/http/exchange.h"
#include "common/http/h2_fields.h"
#include "common/http/h2_session.h"

struct h2_stream {
	struct http_request base; /* First: handlers have a pointer to it. */
	struct h2_session *session;
	TAILQ_ENTRY(h2_stream) in_all;
	TAILQ_ENTRY(h2_stream) in_woken;
	int32_t id;
	struct h2_fields fields;
	struct h2_fields trailers; /* Behind the request's body. */
	nghttp2_nv *behind;        /* The response's body; NULL: none. */
	size_t n_behind;
	char *storage;     /* Of the target. */
	uint64_t moved_ms; /* When a byte of a body moved last, or could have. */

	char *pending; /* Body bytes that the handler has not taken. */
	size_t pending_size;
	size_t pending_done;
	bool has_begun; /* The header is complete. */
	bool is_whole;  /* All of the request has come ... */
	bool has_ended; /* ... and has been passed on. */
	bool is_woken;  /* In the session's list. */
	bool resumed;   /* The handler went on during a call to it. */
	bool is_cut;    /* Reset by us, through no fault of the client. */

	bool is_submitted; /* nghttp2 has the answer. */
	bool is_deferred;  /* The source has nothing to read now. */
	struct http_shared *shared;
	const struct http_source *source;
	void *source_ctx;
	char *bytes;
	int64_t body_size; /* Of the response; HTTP_SIZE_UNKNOWN. */
	uint64_t read;     /* Of the response's body, from its source, memory or file. */
	uint64_t sent;
};

/* Returns NULL when memory is short. */
struct h2_stream *h2_stream_new(struct h2_session *session, int32_t id);

/* The request is over: tells whoever wants to know, and frees it. */
void h2_stream_end(struct h2_stream *stream);

/* The header is complete; 'is_whole': and nothing follows. */
void h2_stream_header(struct h2_stream *stream, bool is_whole);
void h2_stream_data(struct h2_stream *stream, const char *data, size_t size);
void h2_stream_whole(struct h2_stream *stream);

/* Passes on what the handler went on with. */
void h2_stream_go_on(struct h2_stream *stream);

/* The answer has been sent to its end. */
void h2_stream_answered(struct h2_stream *stream);

/* Whether the client is waited for: to send the body, or to take the response. The last of these
 * says whether its window of this stream is what keeps the response. */
bool h2_stream_is_receiving(const struct h2_stream *stream);
bool h2_stream_is_sending(const struct h2_stream *stream);
bool h2_stream_is_shut(const struct h2_stream *stream);

/* Gives it up. */
void h2_stream_cut(struct h2_stream *stream, uint32_t error);

#endif /* COMMON_HTTP_H2_STREAM_H */
