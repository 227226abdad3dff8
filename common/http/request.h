/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: a request as the protocol adapter (mhd.c) and the exchange
 * (exchange.c) share it. Handlers see http.h only.
 *
 * The adapter embeds a 'struct http_request' as the first member of its own, fills in what the
 * client said, and then calls exchange_header(), exchange_body() and exchange_end() as the
 * request arrives, and exchange_done() once when it is over. The exchange and the handlers
 * reach the adapter by 'protocol'. */
#ifndef COMMON_HTTP_REQUEST_H
#define COMMON_HTTP_REQUEST_H

#include "common/http/http.h"

struct connection;
struct http_server;
struct decoded;
struct upgrade;

enum answer_body {
	ANSWER_BYTES,
	ANSWER_SHARED,
	ANSWER_SOURCE,
	ANSWER_UPGRADE
};

/* An answer on its way from http_respond_*() to the adapter, which copies what it keeps. */
struct answer {
	unsigned int status;
	const struct http_header *headers;
	size_t n_headers;
	enum answer_body kind;
	const void *body; /* ANSWER_BYTES */
	size_t size;
	char **given; /* The body, if the adapter may keep it: it then puts NULL here. Or NULL. */
	struct http_shared *shared;       /* ANSWER_SHARED: a reference that is given away. */
	const struct http_source *source; /* ANSWER_SOURCE; NULL if no body is to be sent. */
	const struct http_stream *stream; /* ANSWER_UPGRADE */
	void *source_ctx;                 /* Of the source or stream. */
	int64_t body_size;
};

struct http_protocol {
	const char *(*header)(const struct http_request *req, const char *name);
	void (*each_header)(const struct http_request *req,
		void (*each)(void *ctx, const char *name, const char *value), void *ctx);
	void (*each_trailer)(const struct http_request *req,
		void (*each)(void *ctx, const char *name, const char *value), void *ctx);
	/* Sends the answer when its turn has come. */
	void (*answer)(struct http_request *req, const struct answer *answer);
	/* Sends the fields behind the body of the answer. */
	void (*trailers)(struct http_request *req, const struct http_header *trailers, size_t n);
	/* Goes on with the paused body or source. */
	void (*resume)(struct http_request *req);
	void (*abort)(struct http_request *req);
};

struct http_request {
	const struct http_protocol *protocol;
	struct connection *connection;
	struct http_server *server;
	const struct http_route *route; /* NULL: none fits, or not yet known. */

	uint32_t index; /* Its place on the connection, from 0. */
	const char *method_name;
	const char *version;
	enum http_method method;
	char *target;
	char *path;              /* Decoded; same storage as 'target'. */
	struct decoded *decoded; /* Query arguments given out. */
	uint64_t start_ns;
	int64_t body_size;

	char *body; /* HTTP_BODY_BUFFERED */
	size_t body_capacity;
	uint64_t body_received; /* Bytes of the body so far, whatever became of them. */
	const struct http_sink *sink;
	void *sink_ctx;

	struct upgrade *upgrade; /* Answered by a change of protocol. */

	void *data;
	void (*on_done)(struct http_request *req, void *data);

	unsigned int fault_status; /* What to answer because the client breaks a rule; 0: none. */
	const char *fault;         /* Which rule that is. */

	unsigned int status; /* Of the answer; 0: none yet. */
	bool answered;
	bool aborted; /* Nothing more is to be said or done about it. */
	bool refused; /* Answered by the server itself: what the handler says no longer counts. */
	bool close;   /* The connection ends with this answer. */
};

/* Sets target and path from the raw request target, in 'storage' of REQUEST_STORAGE(size) bytes.
 * Returns 0, or -EINVAL if the path is not one (the request is then answered 400). */
#define REQUEST_STORAGE(target_size) (2 * ((target_size) + 2))
int request_set_target(struct http_request *req, char *storage, const char *target, size_t size);
void request_set_method(struct http_request *req, const char *name);

/* Whether it can no longer be answered. */
bool request_is_dead(const struct http_request *req);

/* Frees what the request itself holds. */
void request_fini(struct http_request *req);

/* An error of the server's own, even if the handler may still answer: that is then ignored. */
void request_refuse(struct http_request *req, unsigned int status, const char *text);

#endif /* COMMON_HTTP_REQUEST_H */
