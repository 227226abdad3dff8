/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection to an app node: sends a request, reads the response, and may do so again.
 *
 * The socket is registered with the loop once, for reading; interest in writing is added only
 * while the kernel takes no more. Bytes to send come from a queue of the caller and body bytes
 * that arrive go to another one, so that the caller sets the pace on both sides. There is one
 * deadline, which runs only while the node owes something. Belongs to one loop.
 *
 * After on_end or on_failure the connection does no more for this request and calls back no more;
 * the caller then frees it or, after a good end, may park it for another request. No function
 * here calls back before it returns, so a caller need not be re-entrant. */
#ifndef WEBTIER_UPSTREAM_CONN_H
#define WEBTIER_UPSTREAM_CONN_H

#include "common/addr.h"
#include "webtier/byte_queue.h"
#include "webtier/response_parser.h"

#include <uv.h>

enum upstream_failure {
	UPSTREAM_FAIL_CONNECT, /* Refused, unreachable. */
	UPSTREAM_FAIL_CONNECT_TIMEOUT,
	UPSTREAM_FAIL_CLOSED,   /* Reset or ended before the response was whole. */
	UPSTREAM_FAIL_TIMEOUT,  /* The node took too long to go on. */
	UPSTREAM_FAIL_RESPONSE, /* Not a response that we accept. */
	UPSTREAM_FAIL_MEMORY,
};

struct upstream_events {
	/* Some bytes went out or came in. */
	void (*on_progress)(void *ctx);
	/* The response is complete. */
	void (*on_end)(void *ctx);
	/* 'why' is for the log. */
	void (*on_failure)(void *ctx, enum upstream_failure failure, const char *why);
};

/* What a worker's connections have in common. */
struct upstream_settings {
	uv_loop_t *loop;
	uint32_t connect_timeout_ms;
	uint32_t response_timeout_ms; /* Also between two pieces of a response. */
	char *buffer; /* To receive into; shared, as it never holds anything over. */
	size_t buffer_size;
};

struct upstream_request {
	struct byte_queue *out; /* Header and body; filled and owned by the caller. */
	struct byte_queue *in;  /* Body bytes of the response. */
	bool is_head;
	bool may_upgrade; /* It offers another protocol. */
	bool is_whole;    /* 'out' has all of it; else upstream_conn_end_request() will say so. */
	const struct upstream_events *events;
	void *ctx;
};

struct upstream_conn;

/* Begins to connect. Returns 0, or a negative errno if that fails at once. 'settings' must outlive
 * the connection. */
int upstream_conn_new(struct upstream_conn **out, const struct upstream_settings *settings,
	const struct endpoint *endpoint);

/* Closes it; nothing is called any more. Memory goes when the loop has run. NULL is allowed. */
void upstream_conn_free(struct upstream_conn *conn);

/* The same, but the socket stays open and is the caller's: it is returned. */
int upstream_conn_detach(struct upstream_conn *conn);

/* Starts a request on a connection that is new or was parked. */
void upstream_conn_begin(struct upstream_conn *conn, const struct upstream_request *request);

/* There is more in 'out'. */
void upstream_conn_flush(struct upstream_conn *conn);

/* 'out' has got the last byte. */
void upstream_conn_end_request(struct upstream_conn *conn);

/* Stops or goes on reading the response (back-pressure). */
void upstream_conn_set_reading(struct upstream_conn *conn, bool is_reading);

/* Bytes of the current request that the kernel has taken. */
uint64_t upstream_conn_n_sent(const struct upstream_conn *conn);

/* Has carried another request before the current one. */
bool upstream_conn_is_reused(const struct upstream_conn *conn);
const struct response_parser *upstream_conn_response(const struct upstream_conn *conn);

/* After on_end: true if the connection can carry another request. */
bool upstream_conn_is_reusable(const struct upstream_conn *conn);

/* Keeps the connection open without a request. 'on_lost' is called, and the connection must then be
 * freed, when the peer closes it or 'idle_ms' have passed. */
void upstream_conn_park(struct upstream_conn *conn, uint32_t idle_ms,
	void (*on_lost)(void *ctx, struct upstream_conn *conn), void *ctx);

/* For a parked connection: asks the kernel whether the peer has closed it already. */
bool upstream_conn_is_alive(const struct upstream_conn *conn);

#endif /* WEBTIER_UPSTREAM_CONN_H */
