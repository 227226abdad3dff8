/* SPDX-License-Identifier: BSD-3-Clause */
/* An HTTP server on a libuv loop: listening sockets, limits, drain.
 *
 * One server belongs to one loop and one thread. A tier that uses several cores runs one loop and
 * one server per worker thread, each with its own SO_REUSEPORT sockets; nothing is shared on the
 * way of a request. HTTP/1.1 is libmicrohttpd in external-epoll mode, HTTP/2 is nghttp2. */
#ifndef COMMON_HTTP_SERVER_H
#define COMMON_HTTP_SERVER_H

#include "common/err.h"
#include "common/http/clients.h"
#include "common/http/http.h"
#include "common/http/tls.h"

#include <uv.h>

struct http_listener {
	struct endpoint endpoint; /* "0.0.0.0" and "::" for all addresses of a family. */
	struct tls_context *tls;  /* NULL: plain HTTP. Borrowed; outlives the server. */
	int fd;                   /* A listening socket to take over, or -1 to make one. */
};

/* What a client may do by HTTP/2 (RFC 9113), which TLS clients choose by ALPN. */
struct http2_limits {
	uint32_t max_streams;  /* Requests at a time on a connection; 0: HTTP/2 is not spoken. */
	uint32_t resets_per_s; /* Of streams by a client, on a connection; at least 1. */
	uint32_t reset_burst;  /* Of these, so many may come at once; at least 1. */
};

struct http_server_config {
	const struct http_listener *listeners;
	size_t n_listeners;
	const struct http_route
		*routes;           /* Tried in order; ends with a NULL path. Outlives the server. */
	void *ctx;                 /* Passed to handlers. */
	uint32_t max_connections;  /* More are closed at accept and counted. */
	uint64_t max_body_bytes;   /* Of buffered and streamed bodies; more gets 413. */
	uint32_t max_header_bytes; /* Request line and header; more gets 431. */
	uint32_t header_timeout_ms;
	uint32_t idle_timeout_ms;
	struct http2_limits http2; /* Only where the TLS context offers it (tls.h). */
	struct clients *clients; /* What each client may do; NULL: anything. Outlives the server. */
	/* Added to every response to plain and to TLS clients ([false], [true]), except those of
	 * these names in it. What is pointed to outlives the server. */
	struct http_header_list extra[2];
	/* The page that this client is to see instead of an error of the server's own; NULL: none.
	 * May be NULL itself. */
	struct http_shared *(*error_page)(
		void *ctx, const struct http_request *req, unsigned int status);
	/* Called when a request has ended, for access logs and statistics; may be NULL. 'status' is
	 * 0 if the client left before an answer. 'sent' counts body bytes. */
	void (*on_request_end)(
		void *ctx, const struct http_request *req, unsigned int status, uint64_t sent);
};

/* Counters of one server, read in its thread (http_server_stats()). */
struct http_server_stats {
	uint64_t n_accepted;
	uint64_t n_shed;        /* Closed at accept: too many connections. */
	uint64_t n_shed_client; /* Closed at accept: too many of this client. */
	uint64_t n_throttled;   /* Requests answered 429. */
	uint64_t n_overdue;     /* Connections cut because the client was too slow. */
	uint64_t n_connections; /* Now. */
	uint64_t n_requests;
	uint64_t n_responses[6]; /* By hundreds of the status; [0]: no answer. */
	uint64_t n_refused;      /* Malformed or smuggling requests answered 400. */
	uint64_t n_tls_handshakes;
	uint64_t n_tls_resumed;
	uint64_t n_tls_failed;
	uint64_t n_tls_by_kernel; /* Handshakes after which the kernel encrypts. */
	uint64_t sent_bytes;      /* Of response bodies. */
	uint64_t n_h2_accepted;   /* Connections by HTTP/2. */
	uint64_t n_h2_resets;     /* Streams that clients have reset, or made us reset. */
	uint64_t n_h2_floods;     /* Connections ended because of what clients sent too often. */
};

struct http_server;

/* Binds and listens on all listeners and starts to serve. Returns 0 and the server, or a negative
 * errno with 'err' naming the address and what to do (in use, not permitted), nothing left open
 * (memory goes when the loop has run its close callbacks). Ignores SIGPIPE for the process and
 * raises its limit of descriptors to what is allowed. */
int http_server_new(struct http_server **out, uv_loop_t *loop,
	const struct http_server_config *config, struct err *err);

/* Stops accepting; connections close after the answer in flight or, where none is, after the next
 * one, if a request comes within 2 s and half of 'timeout_ms'. 'on_drained' is called when none is
 * left or 'timeout_ms' has passed. */
void http_server_drain(
	struct http_server *server, uint32_t timeout_ms, void (*on_drained)(void *ctx), void *ctx);
bool http_server_is_draining(const struct http_server *server);

/* Closes everything at once; on_done of open requests is called. Memory goes when the loop has run
 * its close callbacks. Not from within a handler. NULL is allowed. */
void http_server_free(struct http_server *server);

void http_server_stats(const struct http_server *server, struct http_server_stats *out);

/* Where a listener really is bound: with the port that the system chose if port 0 was asked for. */
void http_server_endpoint(const struct http_server *server, size_t listener, struct endpoint *out);

/* The descriptor of a listener, for another process to take over, and whether it is for TLS; -1 if
 * there are not so many. Any thread, before http_server_drain(). */
int http_server_socket(const struct http_server *server, size_t listener, bool *is_tls);

#endif /* COMMON_HTTP_SERVER_H */
