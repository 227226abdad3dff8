/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of HTTP/2: one connection's session, as its parts (h2.c, h2_session.c, h2_frames.c,
 * h2_stream.c) share it.
 *
 * Calls of nghttp2 nest: it calls back while it reads (into handlers) and while it writes (to fetch
 * bodies). So callbacks and handlers never make it read or write; they leave that to the session's
 * turn (h2_session_mark()), and only a turn may end the session. */
#ifndef COMMON_HTTP_H2_SESSION_H
#define COMMON_HTTP_H2_SESSION_H

#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/h2.h"
#include "common/http/h2_meter.h"

#include <sys/queue.h>

#include <nghttp2/nghttp2.h>

#define H2_DATE_SIZE 32
#define H2_PAYLOAD_MAX 16375u /* Of a DATA frame: with its header it fills a TLS record. */

struct h2_stream;

TAILQ_HEAD(h2_sessions, h2_session);
TAILQ_HEAD(h2_streams, h2_stream);

/* What the sessions of a server have in common. */
struct h2 {
	struct http_server *server;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	uv_prepare_t prepare;
	struct h2_sessions marked; /* Have something to do before the loop waits. */
	time_t date_time;          /* What 'date' says. */
	char date[H2_DATE_SIZE];
};

struct h2_session {
	struct h2 *h2;
	struct connection *connection;
	nghttp2_session *nghttp2;
	struct h2_streams streams; /* All that are open, oldest first. */
	struct h2_streams woken;   /* Those that handlers go on with. */
	TAILQ_ENTRY(h2_session) in_marked;
	void (*ready)(struct connection *connection); /* Called when the socket is. */
	bool is_marked;
	bool has_unread;  /* OpenSSL may have more, which no epoll sees. */
	bool is_closing;  /* Ends as soon as what is to be said is written, at once if it cannot be.
			   */
	bool must_linger; /* The client may not have read why it ends. */
	uint8_t n_notices;  /* Of the drain: told to go, told which streams still count. */
	uint64_t notice_ms; /* When the first was given. */
	char *out;          /* Frames for the socket; NULL: none. */
	size_t out_used;
	size_t out_sent;
	uint64_t since_ms;    /* When it was opened, or its last stream ended. */
	uint64_t header_ms;   /* When the header block that is not complete began; 0: none. */
	int32_t header_id;    /* Whose that is. */
	uint32_t n_requests;  /* So far. */
	uint32_t slow_in_ms;  /* Used up by a client that sends less than 1 kB/s, ... */
	uint32_t slow_out_ms; /* ... or takes less. */
	uint32_t n_windows;   /* WINDOW_UPDATE frames that it may send as there was data to take. */
	struct h2_meter resets;
	struct h2_meter frames;
};

/* Has something to do outside of its turn. */
void h2_session_mark(struct h2_session *session);

/* Its turn: passes on what handlers have done and writes what there is. May free the session with
 * its connection. */
void h2_session_run(struct h2_session *session);

/* The session ends with this error (RFC 9113 7) as soon as that is written. */
void h2_session_fail(struct h2_session *session, uint32_t error);

/* Makes the session of a connection, which waits for its first turn. Returns 0 or -ENOMEM. */
int h2_session_new(struct h2 *h2, struct connection *connection);

/* Frees the session with all its requests; the connection remains. */
void h2_session_free(struct h2_session *session);

/* Reserves room for 'size' bytes in what is written to the socket; NULL if there is none now. */
char *h2_session_reserve(struct h2_session *session, size_t size);

/* The date of now for a response's header. */
const char *h2_date(struct h2 *h2);

static inline uint64_t
h2_now_ms(const struct h2_session *session)
{
	return uv_now(session->h2->server->loop);
}

#endif /* COMMON_HTTP_H2_SESSION_H */
