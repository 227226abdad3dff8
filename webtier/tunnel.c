/* SPDX-License-Identifier: BSD-3-Clause */
/* WebSockets; see tunnel.h. */
#include "webtier/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_READS 16         /* Of one side, before others get their turn. */
#define HALF_CLOSED_MS 10000u /* Nothing moves, and one side has ended. */

/* One way: who is read, who is written to, and what waits in between. */
struct way {
	ssize_t (*receive)(struct tunnel *tunnel, void *buf, size_t size);
	ssize_t (*send)(struct tunnel *tunnel, const void *buf, size_t size);
	void (*end)(struct tunnel *tunnel);
	uint64_t *n_bytes;
	struct byte_queue left;
	bool is_dry;    /* Nothing to read until the socket says so. */
	bool is_full;   /* No room to write until the socket says so. */
	bool has_ended; /* No more to read ever, ... */
	bool is_over;   /* ... and the other side knows. */
};

struct tunnel {
	const struct tunnel_settings *settings;
	struct http_request *req;
	int fd; /* Of the node. */
	uv_poll_t poll;
	uv_timer_t timer;
	uv_poll_cb on_poll;
	uv_timer_cb on_timer;
	unsigned int n_handles;
	uint64_t moved_ms;
	struct way up;   /* From the client to the node. */
	struct way down; /* And back. */
	bool is_closing;
};

static ssize_t
receive_client(struct tunnel *tunnel, void *buf, size_t size)
{
	return http_stream_recv(tunnel->req, buf, size);
}

static ssize_t
send_client(struct tunnel *tunnel, const void *buf, size_t size)
{
	return http_stream_send(tunnel->req, buf, size);
}

static void
end_client(struct tunnel *tunnel)
{
	http_stream_end(tunnel->req);
}

static ssize_t
receive_node(struct tunnel *tunnel, void *buf, size_t size)
{
	return recv(tunnel->fd, buf, size, 0);
}

static ssize_t
send_node(struct tunnel *tunnel, const void *buf, size_t size)
{
	return send(tunnel->fd, buf, size, MSG_NOSIGNAL);
}

static void
end_node(struct tunnel *tunnel)
{
	shutdown(tunnel->fd, SHUT_WR);
}

/* Sends what it can of 'data'; returns how much, or -1 if that side is lost. */
static ssize_t
pass(struct tunnel *tunnel, struct way *way, const char *data, size_t size)
{
	size_t done = 0;

	while (done < size && !way->is_full) {
		ssize_t n = way->send(tunnel, data + done, size - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			way->is_full = true;
		else if (n == 0 || errno != EINTR)
			return -1;
	}
	if (done > 0)
		tunnel->moved_ms = uv_now(tunnel->settings->loop);
	*way->n_bytes += done;
	return (ssize_t)done;
}

/* Passes on what waits. Returns false if a side is lost. */
static bool
pass_left(struct tunnel *tunnel, struct way *way)
{
	ssize_t n = pass(tunnel, way, byte_queue_data(&way->left), byte_queue_size(&way->left));

	if (n < 0)
		return false;
	byte_queue_consume(&way->left, (size_t)n);
	if (byte_queue_size(&way->left) == 0)
		byte_queue_reset(&way->left, 0);
	return true;
}

/* Reads once and passes that on; what is not taken waits. Returns false if a side is lost. */
static bool
pass_more(struct tunnel *tunnel, struct way *way)
{
	const struct tunnel_settings *settings = tunnel->settings;
	ssize_t n = way->receive(tunnel, settings->buffer, settings->buffer_size);
	ssize_t passed;

	if (n == 0) {
		way->has_ended = true;
		return true;
	}
	if (n < 0) {
		way->is_dry = errno == EAGAIN;
		return errno == EAGAIN || errno == EINTR;
	}
	passed = pass(tunnel, way, settings->buffer, (size_t)n);
	return passed >= 0 &&
	       byte_queue_append(&way->left, settings->buffer + passed, (size_t)(n - passed));
}

/* Moves what can be moved one way. Returns false if a side is lost. */
static bool
move(struct tunnel *tunnel, struct way *way)
{
	for (int i = 0; i < TURN_READS && !way->is_over; i++) {
		if (byte_queue_size(&way->left) > 0 && !pass_left(tunnel, way))
			return false;
		if (byte_queue_size(&way->left) > 0)
			return true;
		if (way->has_ended) {
			way->end(tunnel);
			way->is_over = true;
		} else if (way->is_dry) {
			return true;
		} else if (!pass_more(tunnel, way)) {
			return false;
		}
	}
	return true;
}

static bool
waits_to_read(const struct way *way)
{
	return way->is_dry && !way->has_ended && byte_queue_size(&way->left) == 0;
}

/* Has had its turn, and could have gone on. */
static bool
is_ready(const struct way *way)
{
	return !way->is_over && !way->is_full && !waits_to_read(way);
}

static uint32_t
idle_limit_ms(const struct tunnel *tunnel)
{
	bool is_half = tunnel->up.is_over || tunnel->down.is_over;
	uint32_t idle_ms = tunnel->settings->idle_ms;

	return is_half && idle_ms > HALF_CLOSED_MS ? HALF_CLOSED_MS : idle_ms;
}

static void
wait(struct tunnel *tunnel)
{
	int events = (waits_to_read(&tunnel->down) ? UV_READABLE : 0) |
		     (tunnel->up.is_full ? UV_WRITABLE : 0);
	bool goes_on = is_ready(&tunnel->up) || is_ready(&tunnel->down);

	uv_poll_start(&tunnel->poll, events, tunnel->on_poll);
	uv_timer_start(&tunnel->timer, tunnel->on_timer, goes_on ? 0 : idle_limit_ms(tunnel), 0);
	http_stream_wait(tunnel->req, waits_to_read(&tunnel->up), tunnel->down.is_full);
}

static void
close_both(struct tunnel *tunnel, bool is_lost)
{
	tunnel->is_closing = true;
	uv_poll_stop(&tunnel->poll);
	uv_timer_stop(&tunnel->timer);
	if (is_lost)
		http_request_abort(tunnel->req);
	else
		http_stream_close(tunnel->req);
}

static void
go_on(struct tunnel *tunnel)
{
	if (tunnel->is_closing)
		return;
	if (!move(tunnel, &tunnel->up) || !move(tunnel, &tunnel->down))
		close_both(tunnel, true);
	else if (tunnel->up.is_over && tunnel->down.is_over)
		close_both(tunnel, false);
	else
		wait(tunnel);
}

static void
on_client(void *ctx)
{
	struct tunnel *tunnel = ctx;

	tunnel->up.is_dry = false;
	tunnel->down.is_full = false;
	go_on(tunnel);
}

static const struct http_stream client_stream = {.ready = on_client};

static void
on_node(uv_poll_t *poll, int status, int events)
{
	struct tunnel *tunnel = poll->data;

	if (status < 0) /* The socket will tell its error. */
		events = UV_READABLE | UV_WRITABLE;
	if (events & UV_READABLE)
		tunnel->down.is_dry = false;
	if (events & UV_WRITABLE)
		tunnel->up.is_full = false;
	go_on(tunnel);
}

static void
on_timer(uv_timer_t *timer)
{
	struct tunnel *tunnel = timer->data;
	uint64_t idle_ms = uv_now(tunnel->settings->loop) - tunnel->moved_ms;

	if (tunnel->is_closing)
		return;
	if (idle_ms >= idle_limit_ms(tunnel)) {
		tunnel->settings->stats->n_idle++;
		close_both(tunnel, true);
		return;
	}
	go_on(tunnel);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct tunnel *tunnel = handle->data;

	if (--tunnel->n_handles > 0)
		return;
	byte_queue_fini(&tunnel->up.left);
	byte_queue_fini(&tunnel->down.left);
	free(tunnel);
}

int
tunnel_new(struct tunnel **out, const struct tunnel_settings *settings, int fd,
	struct byte_queue *early)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	int rc = tunnel ? uv_poll_init(settings->loop, &tunnel->poll, fd) : -ENOMEM;

	if (rc < 0) {
		free(tunnel);
		close(fd);
		return rc;
	}
	uv_timer_init(settings->loop, &tunnel->timer);
	tunnel->n_handles = 2;
	tunnel->poll.data = tunnel;
	tunnel->timer.data = tunnel;
	tunnel->on_poll = on_node;
	tunnel->on_timer = on_timer;
	tunnel->settings = settings;
	tunnel->fd = fd;
	tunnel->up = (struct way){.receive = receive_client,
		.send = send_node,
		.end = end_node,
		.n_bytes = &settings->stats->received_bytes};
	tunnel->down = (struct way){.receive = receive_node,
		.send = send_client,
		.end = end_client,
		.n_bytes = &settings->stats->sent_bytes,
		.left = *early};
	byte_queue_init(early);
	settings->stats->n_open++;
	settings->stats->n_opened++;
	*out = tunnel;
	return 0;
}

void
tunnel_open(struct tunnel *tunnel, struct http_request *req, const struct http_header *headers,
	size_t n_headers)
{
	tunnel->req = req;
	tunnel->moved_ms = uv_now(tunnel->settings->loop);
	http_respond_upgrade(req, headers, n_headers, &client_stream, tunnel);
}

void
tunnel_free(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	tunnel->is_closing = true;
	tunnel->settings->stats->n_open--;
	uv_close((uv_handle_t *)&tunnel->poll, on_handle_closed);
	uv_close((uv_handle_t *)&tunnel->timer, on_handle_closed);
	close(tunnel->fd);
}
