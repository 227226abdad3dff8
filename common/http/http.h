/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests, responses and routes: what every HTTP handler of weir is written against.
 *
 * libmicrohttpd serves HTTP/1.1 (mhd.c); handlers never see its types, so that another protocol
 * (HTTP/2) can be mapped to the same handlers. A request belongs to the server's loop and its
 * thread, as do all functions here. It lives from the call of its handler until its response is
 * sent or its client is gone; then, after 'on_done', the pointer is dead.
 *
 * A handler answers now or later: it either calls one http_respond_*() before it returns, or keeps
 * the request and answers from another callback of the same loop. Exactly one answer is given;
 * a second is a bug (assert). */
#ifndef COMMON_HTTP_HTTP_H
#define COMMON_HTTP_HTTP_H

#include "common/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum http_method {
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_PUT,
	HTTP_METHOD_PATCH,
	HTTP_METHOD_DELETE,
	HTTP_METHOD_OPTIONS,
	HTTP_METHOD_OTHER,
};

struct http_header {
	const char *name;
	const char *value;
};

struct http_header_list {
	const struct http_header *headers;
	size_t n;
};

struct http_request;

/* What the request line and header said. Strings live as long as the request. */
enum http_method http_request_method(const struct http_request *req);
const char *http_request_method_name(const struct http_request *req);
/* As received: path and query, percent-encoding untouched. */
const char *http_request_target(const struct http_request *req);
/* The path alone, percent-decoded once. Never contains NUL. */
const char *http_request_path(const struct http_request *req);
/* The first value of the query argument 'name', decoded; NULL if there is none. */
const char *http_request_query(struct http_request *req, const char *name);
/* The first value of the header 'name' (any case), or NULL. */
const char *http_request_header(const struct http_request *req, const char *name);
/* Calls 'each' for every header in order. */
void http_request_each_header(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx);
const char *http_request_version(const struct http_request *req); /* "HTTP/1.1" */
const struct endpoint *http_request_peer(const struct http_request *req);
bool http_request_is_tls(const struct http_request *req);
/* Writes who the client is by its certificate (the subject, as in RFC 4514, in printable ASCII).
 * Returns false if it gave none, or if 'out' is too small. */
bool http_request_client_name(const struct http_request *req, char *out, size_t size);
/* Content-Length; -1 if the body is chunked, 0 if there is none. */
int64_t http_request_body_size(const struct http_request *req);
/* The whole body of a route with HTTP_BODY_BUFFERED; NUL-terminated behind 'size' bytes. */
const char *http_request_body(const struct http_request *req, size_t *size);
/* When its header was complete (clock_now_ns()). */
uint64_t http_request_start_ns(const struct http_request *req);

/* A pointer for the handler's own use, and what is called when the request ends for whatever
 * reason (answered, aborted): the last call about this request. Both may be NULL. */
void http_request_set_data(struct http_request *req, void *data,
	void (*on_done)(struct http_request *req, void *data));
void *http_request_data(const struct http_request *req);

/* --- Streamed request bodies (routes with HTTP_BODY_STREAMED) --- */

struct http_sink {
	/* Offers body bytes; returns how many were taken. Fewer than 'size' pauses the body until
	 * http_request_resume(). */
	size_t (*write)(void *ctx, struct http_request *req, const char *data, size_t size);
	/* The body is complete. */
	void (*end)(void *ctx, struct http_request *req);
};

/* A streamed route's handler calls this before it returns, unless it answers at once (which then
 * closes the connection, as the body has not been read). */
void http_request_set_sink(struct http_request *req, const struct http_sink *sink, void *ctx);

/* Calls 'each' for every field that came behind the body, once it is whole. */
void http_request_each_trailer(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx);

/* Goes on with a paused request body or a response source that had nothing to read. */
void http_request_resume(struct http_request *req);

/* Closes the client's connection without an answer (or in the middle of one). */
void http_request_abort(struct http_request *req);

/* --- Responses. 'headers' are copied. Date, Content-Length, Connection and Transfer-Encoding are
 * the server's and must not be among them. For HEAD no body is sent. --- */

/* Copies 'size' bytes of 'body'. */
void http_respond(struct http_request *req, unsigned int status, const struct http_header *headers,
	size_t n_headers, const void *body, size_t size);

/* The same with a body of malloc()'s, which is given away. */
void http_respond_given(struct http_request *req, unsigned int status,
	const struct http_header *headers, size_t n_headers, char *body, size_t size);

/* A JSON or text body, NUL-terminated. */
void http_respond_text(
	struct http_request *req, unsigned int status, const char *content_type, const char *body);

/* {"error": "..."} with 'status', the form of every error of weir's own. */
void http_respond_error(struct http_request *req, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A response made once and sent many times, by any number of threads: bytes in memory or a part of
 * a file (sent by sendfile; takes over 'fd'). Reference counted. */
struct http_shared;

struct http_shared *http_shared_bytes(unsigned int status, const struct http_header *headers,
	size_t n_headers, const void *body, size_t size);
struct http_shared *http_shared_file(unsigned int status, const struct http_header *headers,
	size_t n_headers, int fd, uint64_t offset, uint64_t size);
void http_shared_unref(struct http_shared *shared);
void http_respond_shared(struct http_request *req, struct http_shared *shared);

/* A body produced piece by piece. */
#define HTTP_SOURCE_END (-1) /* No more. */
#define HTTP_SOURCE_ERROR                                                       \
	(-2) /* Cannot go on: the connection is cut so that the client notices. \
	      */
#define HTTP_SIZE_UNKNOWN (-1)

struct http_source {
	/* Writes up to 'size' bytes to 'buf'; returns how many, HTTP_SOURCE_END or _ERROR; 0: none
	 * now, asked again after http_request_resume(). */
	ssize_t (*read)(void *ctx, char *buf, size_t size);
	/* Called once when nothing more will be read; may be NULL. */
	void (*release)(void *ctx);
};

/* 'ctx' must live until the request's on_done. 'body_size' may be HTTP_SIZE_UNKNOWN. 'source' may
 * be NULL where no body is sent, to tell its size alone: HEAD, and 304 with the size that 200 would
 * have. (A 304 by http_respond() without a body says nothing of a length.) */
void http_respond_source(struct http_request *req, unsigned int status,
	const struct http_header *headers, size_t n_headers, int64_t body_size,
	const struct http_source *source, void *ctx);

/* Whether the client has said that it takes fields behind a body (RFC 9110, section 10.1.4). */
bool http_request_takes_trailers(const struct http_request *req);

/* Fields to follow the body of a response by http_respond_source() of unknown size; given before
 * its source has said HTTP_SOURCE_END. They are copied. */
void http_respond_trailers(
	struct http_request *req, const struct http_header *trailers, size_t n_trailers);

/* --- Change of protocol (RFC 9110 7.8): the connection becomes a stream of bytes both ways --- */

struct http_stream {
	/* The client has been told and the stream has begun; or what is waited for may be there.
	 * May call all of the functions below. */
	void (*ready)(void *ctx);
};

/* Whether the request's connection could become one: HTTP/1.1, and no body follows. */
bool http_request_can_upgrade(const struct http_request *req);

/* Answers 101, 'headers' having Upgrade but not Connection. 'ctx' must live until the request's
 * on_done, which comes when the stream is closed; no server's time limit applies to it. */
void http_respond_upgrade(struct http_request *req, const struct http_header *headers,
	size_t n_headers, const struct http_stream *stream, void *ctx);

/* As recv() and send() of a socket that does not block. After anything but EAGAIN there may be
 * more to read that http_stream_wait() would not tell of. */
ssize_t http_stream_recv(struct http_request *req, void *buf, size_t size);
ssize_t http_stream_send(struct http_request *req, const void *buf, size_t size);

/* Says what to wait for from now on; it may be nothing. */
void http_stream_wait(struct http_request *req, bool to_read, bool to_write);

/* Nothing more will be sent. */
void http_stream_end(struct http_request *req);

/* Closes the connection, from the loop. (http_request_abort() does so without a goodbye.) */
void http_stream_close(struct http_request *req);

/* --- Routes --- */

enum http_body {
	HTTP_BODY_NONE,     /* A request with a body gets 413. */
	HTTP_BODY_BUFFERED, /* The handler is called when the whole body is there (up to max_body).
			     */
	HTTP_BODY_STREAMED, /* The handler is called at the header's end and sets a sink. */
};

struct http_route {
	const char *method; /* "GET" (serves HEAD too), "POST", ...; "*" for all. */
	const char *path;   /* Exact, or a prefix when it ends with '*' ("/api/" + "*"). */
	enum http_body body;
	uint64_t max_body; /* Bytes; 0: the server's limit. */
	void (*handle)(struct http_request *req, void *ctx);
	const char *help; /* One line, for the list of routes. */
};

/* "Not Found" for 404, and so on. */
const char *http_status_text(unsigned int status);

#endif /* COMMON_HTTP_HTTP_H */
