/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection to an app node; see upstream_conn.h.
 *
 * Callbacks are made only from the loop's callbacks, and are the last thing these do: the caller
 * may free the connection in them. */
#include "webtier/upstream_conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum conn_state {
	CONN_CONNECTING,
	CONN_ACTIVE, /* Carries a request. */
	CONN_PARKED,
	CONN_OVER, /* Its request has ended or failed. */
};

struct upstream_conn {
	const struct upstream_settings *settings;
	enum conn_state state;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer;
	int mask;             /* Events the poll handle waits for; 0: stopped. */
	uint64_t deadline_ms; /* On uv_now()'s clock; 0: none. */
	uint64_t armed_ms;    /* When the timer will fire; 0: it is stopped. */
	unsigned int n_open_handles;
	bool is_reading;
	bool is_write_blocked;
	bool has_write_failed;
	bool is_peer_closed;
	uint64_t n_sent;
	uint64_t n_requests;
	struct upstream_request request;
	struct response_parser *parser;
	void (*on_lost)(void *ctx, struct upstream_conn *conn);
	void *lost_ctx;
	uv_poll_cb on_poll;
	uv_timer_cb on_timer;
};

static void
on_handle_closed(uv_handle_t *handle)
{
	struct upstream_conn *conn = handle->data;

	if (--conn->n_open_handles > 0)
		return;
	response_parser_free(conn->parser);
	free(conn);
}

static void
set_mask(struct upstream_conn *conn, int mask)
{
	if (mask == conn->mask)
		return;
	conn->mask = mask;
	if (mask != 0)
		uv_poll_start(&conn->poll, mask, conn->on_poll);
	else
		uv_poll_stop(&conn->poll);
}

/* Moves the deadline to 'ms' from now; 0: there is none. A timer that would fire too early is left
 * running and looks again when it does, so that a busy connection rarely touches it. */
static void
set_deadline(struct upstream_conn *conn, uint32_t ms)
{
	conn->deadline_ms = ms > 0 ? uv_now(conn->settings->loop) + ms : 0;
	if (ms > 0 && (conn->armed_ms == 0 || conn->deadline_ms < conn->armed_ms)) {
		uv_timer_start(&conn->timer, conn->on_timer, ms, 0);
		conn->armed_ms = conn->deadline_ms;
	}
}

static bool
node_owes_something(const struct upstream_conn *conn)
{
	return byte_queue_size(conn->request.out) > 0 ||
	       (conn->request.is_whole && conn->is_reading);
}

/* Sets what the loop waits for after anything has happened to a request. */
static void
refresh(struct upstream_conn *conn)
{
	if (conn->state != CONN_ACTIVE)
		return;
	set_mask(conn,
		(conn->is_reading ? UV_READABLE : 0) | (conn->is_write_blocked ? UV_WRITABLE : 0));
	set_deadline(conn, node_owes_something(conn) ? conn->settings->response_timeout_ms : 0);
}

/* Sends what the kernel takes. An error is left to the reading side, which finds either the
 * response that the node gave before it closed, or the same error. */
static void
send_some(struct upstream_conn *conn)
{
	struct byte_queue *out = conn->request.out;

	while (byte_queue_size(out) > 0 && !conn->is_write_blocked && !conn->has_write_failed) {
		ssize_t n =
			send(conn->fd, byte_queue_data(out), byte_queue_size(out), MSG_NOSIGNAL);

		if (n > 0) {
			byte_queue_consume(out, (size_t)n);
			conn->n_sent += (uint64_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			conn->is_write_blocked = true;
		} else if (n < 0 && errno != EINTR) {
			conn->has_write_failed = true;
		}
	}
}

static void
fail(struct upstream_conn *conn, enum upstream_failure failure, const char *why)
{
	conn->state = CONN_OVER;
	set_mask(conn, 0);
	conn->deadline_ms = 0;
	conn->request.events->on_failure(conn->request.ctx, failure, why);
}

static void
finish_connect(struct upstream_conn *conn)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error != 0) {
		fail(conn, UPSTREAM_FAIL_CONNECT, strerror(error));
		return;
	}
	conn->state = CONN_ACTIVE;
	send_some(conn);
	refresh(conn);
	conn->request.events->on_progress(conn->request.ctx);
}

/* Reads once; the loop is level-triggered and calls again if there is more. */
static void
receive(struct upstream_conn *conn)
{
	const struct upstream_settings *settings = conn->settings;
	const char *why = NULL;
	ssize_t n = recv(conn->fd, settings->buffer, settings->buffer_size, 0);
	int rc = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		refresh(conn);
		return;
	}
	if (n < 0) {
		fail(conn, UPSTREAM_FAIL_CLOSED, strerror(errno));
		return;
	}
	if (n > 0 && conn->n_sent == 0) { /* An answer to nothing, such as an idle timeout's 408. */
		fail(conn, UPSTREAM_FAIL_CLOSED, "the node spoke before it was asked");
		return;
	}
	if (n > 0)
		rc = response_parser_feed(conn->parser, settings->buffer, (size_t)n, &why);
	else
		rc = response_parser_finish(conn->parser, &why);
	conn->is_peer_closed = n == 0;
	if (rc < 0) {
		fail(conn,
			rc == -ENOMEM ? UPSTREAM_FAIL_MEMORY
			: n == 0      ? UPSTREAM_FAIL_CLOSED
				      : UPSTREAM_FAIL_RESPONSE,
			why);
	} else if (response_parser_is_complete(conn->parser)) {
		conn->state = CONN_OVER;
		conn->deadline_ms = 0;
		conn->request.events->on_end(conn->request.ctx);
	} else {
		refresh(conn);
		conn->request.events->on_progress(conn->request.ctx);
	}
}

static void
transfer(struct upstream_conn *conn, int events)
{
	if (events & UV_WRITABLE) {
		conn->is_write_blocked = false;
		send_some(conn);
	}
	if ((events & UV_READABLE) && conn->is_reading) {
		receive(conn);
		return;
	}
	refresh(conn);
	conn->request.events->on_progress(conn->request.ctx);
}

static void
lose(struct upstream_conn *conn)
{
	conn->state = CONN_OVER;
	set_mask(conn, 0);
	conn->deadline_ms = 0;
	conn->on_lost(conn->lost_ctx, conn);
}

static void
on_poll(uv_poll_t *handle, int status, int events)
{
	struct upstream_conn *conn = handle->data;

	if (status < 0) { /* libuv has stopped the handle; the socket will tell its error. */
		conn->mask = 0;
		events = UV_READABLE | UV_WRITABLE;
	}
	switch (conn->state) {
	case CONN_CONNECTING:
		finish_connect(conn);
		break;
	case CONN_ACTIVE:
		transfer(conn, events);
		break;
	case CONN_PARKED: /* Closed, or bytes that nobody asked for. */
		lose(conn);
		break;
	case CONN_OVER:
		set_mask(conn, 0);
		break;
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct upstream_conn *conn = timer->data;
	uint64_t now_ms = uv_now(conn->settings->loop);

	conn->armed_ms = 0;
	if (conn->deadline_ms == 0)
		return;
	if (now_ms < conn->deadline_ms) {
		conn->armed_ms = conn->deadline_ms;
		uv_timer_start(timer, on_timer, conn->deadline_ms - now_ms, 0);
		return;
	}
	switch (conn->state) {
	case CONN_CONNECTING:
		fail(conn, UPSTREAM_FAIL_CONNECT_TIMEOUT, "no answer to the connection request");
		break;
	case CONN_ACTIVE:
		fail(conn, UPSTREAM_FAIL_TIMEOUT, "no progress in time");
		break;
	case CONN_PARKED:
		lose(conn);
		break;
	case CONN_OVER:
		break;
	}
}

/* Returns a socket that is connecting (*done: connected already), or a negative errno. */
static int
start_connect(const struct endpoint *endpoint, bool *done)
{
	struct sockaddr_storage ss;
	socklen_t size = endpoint_to_sockaddr(endpoint, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*done = connect(fd, (struct sockaddr *)&ss, size) == 0;
	if (!*done && errno != EINPROGRESS) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int
upstream_conn_new(struct upstream_conn **out, const struct upstream_settings *settings,
	const struct endpoint *endpoint)
{
	struct upstream_conn *conn = calloc(1, sizeof(*conn));
	bool is_connected = false;
	int rc;

	if (!conn)
		return -ENOMEM;
	rc = response_parser_new(&conn->parser);
	if (rc < 0)
		goto free_conn;
	conn->settings = settings;
	conn->on_poll = on_poll;
	conn->on_timer = on_timer;
	conn->fd = rc = start_connect(endpoint, &is_connected);
	if (rc < 0)
		goto free_parser;
	rc = uv_poll_init(settings->loop, &conn->poll, conn->fd);
	if (rc < 0)
		goto close_fd;
	uv_timer_init(settings->loop, &conn->timer);
	conn->poll.data = conn;
	conn->timer.data = conn;
	conn->n_open_handles = 2;
	conn->state = is_connected ? CONN_ACTIVE : CONN_CONNECTING;
	if (!is_connected) {
		set_mask(conn, UV_WRITABLE);
		set_deadline(conn, settings->connect_timeout_ms);
	}
	*out = conn;
	return 0;

close_fd:
	close(conn->fd);
free_parser:
	response_parser_free(conn->parser);
free_conn:
	free(conn);
	return rc;
}

int
upstream_conn_detach(struct upstream_conn *conn)
{
	conn->state = CONN_OVER;
	uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
	uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
	return conn->fd;
}

void
upstream_conn_free(struct upstream_conn *conn)
{
	if (conn)
		close(upstream_conn_detach(conn));
}

void
upstream_conn_begin(struct upstream_conn *conn, const struct upstream_request *request)
{
	assert(conn->state != CONN_OVER);
	conn->request = *request;
	conn->n_requests++;
	conn->n_sent = 0;
	conn->is_reading = true;
	response_parser_reset(conn->parser, request->is_head, request->in);
	if (request->may_upgrade)
		response_parser_allow_upgrade(conn->parser);
	if (conn->state == CONN_CONNECTING)
		return;
	conn->state = CONN_ACTIVE;
	send_some(conn);
	refresh(conn);
}

void
upstream_conn_flush(struct upstream_conn *conn)
{
	if (conn->state != CONN_ACTIVE)
		return;
	send_some(conn);
	refresh(conn);
}

void
upstream_conn_end_request(struct upstream_conn *conn)
{
	conn->request.is_whole = true;
	upstream_conn_flush(conn);
}

void
upstream_conn_set_reading(struct upstream_conn *conn, bool is_reading)
{
	if (conn->is_reading == is_reading)
		return;
	conn->is_reading = is_reading;
	refresh(conn);
}

uint64_t
upstream_conn_n_sent(const struct upstream_conn *conn)
{
	return conn->n_sent;
}

bool
upstream_conn_is_reused(const struct upstream_conn *conn)
{
	return conn->n_requests > 1;
}

const struct response_parser *
upstream_conn_response(const struct upstream_conn *conn)
{
	return conn->parser;
}

bool
upstream_conn_is_reusable(const struct upstream_conn *conn)
{
	return conn->state == CONN_OVER && !conn->is_peer_closed && !conn->has_write_failed &&
	       conn->request.is_whole && byte_queue_size(conn->request.out) == 0 &&
	       response_parser_keeps_alive(conn->parser);
}

void
upstream_conn_park(struct upstream_conn *conn, uint32_t idle_ms,
	void (*on_lost)(void *ctx, struct upstream_conn *conn), void *ctx)
{
	conn->state = CONN_PARKED;
	conn->on_lost = on_lost;
	conn->lost_ctx = ctx;
	set_mask(conn, UV_READABLE);
	set_deadline(conn, idle_ms);
}

bool
upstream_conn_is_alive(const struct upstream_conn *conn)
{
	char byte;

	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}
