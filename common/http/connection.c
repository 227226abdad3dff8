/* SPDX-License-Identifier: BSD-3-Clause */
/* Life and deadlines of a connection; see connection.h. Reading and writing are in transfer.c. */
#include "common/http/connection.h"

#include "common/clock.h"
#include "common/http/core.h"
#include "common/http/mhd_pool.h"
#include "common/http/request.h"
#include "common/http/shim.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#define LINGER_MS 2000

/* The loop's handle of a connection. Separate, because the loop lets go of it later. */
struct watcher {
	uv_poll_t poll;
	struct http_server *server;
	struct connection *connection;
	void (*ready)(struct connection *connection);
	int events;
};

struct connection *
connection_new(struct http_server *server, int fd, SSL *ssl, const struct endpoint *peer)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection || !shim_set(fd, connection)) {
		free(connection);
		SSL_free(ssl);
		shim_close(fd);
		return NULL;
	}
	connection->server = server;
	connection->fd = fd;
	connection->ssl = ssl;
	connection->peer = *peer;
	guard_init(&connection->guard, server->max_header_bytes);
	connection_set_phase(connection, ssl ? CONNECTION_HANDSHAKE : CONNECTION_IDLE);
	connection->next = server->connections;
	if (connection->next)
		connection->next->previous = connection;
	server->connections = connection;
	core_connection_added(server);
	return connection;
}

static void
unlink_connection(struct connection *connection)
{
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		connection->server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
}

void
connection_free(struct connection *connection)
{
	struct http_server *server = connection->server;

	connection_unwatch(connection);
	mhd_pool_disown(connection->pool);
	unlink_connection(connection);
	SSL_free(connection->ssl);
	if (connection->reset) {
		const struct linger now = {.l_onoff = 1, .l_linger = 0};

		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	if (connection->entered)
		clients_leave(server->clients, &connection->peer.addr);
	shim_set(connection->fd, NULL);
	shim_close(connection->fd);
	free(connection);
	core_connection_removed(server);
}

struct connection *
connection_of(int fd)
{
	return shim_get(fd);
}

void
connection_set_phase(struct connection *connection, enum connection_phase phase)
{
	connection->phase = phase;
	connection->since_ns = uv_now(connection->server->loop) * NS_PER_MS;
	connection->patience_ms = 0;
	connection->header_begun = false;
	if (phase == CONNECTION_IDLE) {
		connection->header_begun = !guard_is_between(&connection->guard);
		connection->bare_304 = false;
	}
}

static void
watcher_ready(uv_poll_t *poll, int status, int events)
{
	struct watcher *watcher = poll->data;

	(void)status;
	(void)events;
	watcher->ready(watcher->connection);
}

static void
watcher_closed(uv_handle_t *handle)
{
	struct watcher *watcher = handle->data;
	struct http_server *server = watcher->server;

	free(watcher);
	core_handle_closed(server);
}

int
connection_watch(
	struct connection *connection, int events, void (*ready)(struct connection *connection))
{
	struct http_server *server = connection->server;
	struct watcher *watcher = connection->watcher;

	if (!watcher) {
		int result;

		watcher = calloc(1, sizeof(*watcher));
		if (!watcher)
			return -ENOMEM;
		result = uv_poll_init(server->loop, &watcher->poll, connection->fd);
		if (result < 0) {
			free(watcher);
			return result;
		}
		watcher->server = server;
		watcher->connection = connection;
		watcher->poll.data = watcher;
		connection->watcher = watcher;
		core_handle_opened(server);
	}
	watcher->ready = ready;
	if (watcher->events == events)
		return 0;
	watcher->events = events;
	return uv_poll_start(&watcher->poll, events, watcher_ready);
}

void
connection_unwatch(struct connection *connection)
{
	if (!connection->watcher)
		return;
	uv_close((uv_handle_t *)&connection->watcher->poll, watcher_closed);
	connection->watcher = NULL;
}

void
connection_say_goodbye(struct connection *connection)
{
	if (!connection->ssl)
		return;
	connection->is_leaving = true;
	SSL_shutdown(connection->ssl);
}

void
connection_cut(struct connection *connection, bool graceful)
{
	if (connection->dead)
		return;
	if (graceful)
		connection_say_goodbye(connection);
	connection->dead = true;
	shim_shutdown(connection->fd, SHUT_RDWR);
}

bool
connection_has_unseen(const struct connection *connection)
{
	return connection->ssl && SSL_has_pending(connection->ssl);
}

bool
connection_refuses(const struct connection *connection, const struct http_request *req)
{
	return guard_refuses(&connection->guard, req->index);
}

bool
connection_has_left(const struct connection *connection, short events)
{
	const struct guard *guard = &connection->guard;
	int unread = 0;

	if (events & (POLLHUP | POLLERR))
		return true;
	if (!(events & POLLRDHUP))
		return false;
	if (connection->phase != CONNECTION_BODY && connection->phase != CONNECTION_IDLE)
		return true;
	if (connection->phase == CONNECTION_BODY && guard_is_between(guard))
		return false; /* The body is here in whole, only its reader pauses. */
	/* It has closed its side with something to come: is the rest waiting to be read? */
	if (ioctl(connection->fd, FIONREAD, &unread) < 0 || unread == 0)
		return true;
	return guard->state == GUARD_BODY && (uint64_t)unread < guard->left;
}

static bool
has_lasted(const struct connection *connection, uint64_t now_ns, uint32_t limit_ms)
{
	return now_ns >= connection->since_ns + limit_ms * NS_PER_MS;
}

/* A body and a response must move at 1 kB/s or more: transfers give back a millisecond for each
 * byte (transfer.c), and what is used up may not reach the limit. */
static bool
runs_out(struct connection *connection, uint32_t tick_ms, uint32_t limit_ms)
{
	if (connection->suspended)
		return false;
	connection->patience_ms += tick_ms;
	return connection->patience_ms >= limit_ms;
}

bool
connection_is_overdue(struct connection *connection, uint64_t now_ns, uint32_t tick_ms)
{
	const struct http_server *server = connection->server;
	bool kept_alive = connection->n_requests > 0 && !connection->header_begun;

	switch (connection->phase) {
	case CONNECTION_HANDSHAKE:
		return has_lasted(connection, now_ns, server->header_timeout_ms);
	case CONNECTION_IDLE:
		return has_lasted(connection, now_ns,
			kept_alive ? server->idle_timeout_ms : server->header_timeout_ms);
	case CONNECTION_BODY:
		return runs_out(connection, tick_ms, server->header_timeout_ms);
	case CONNECTION_WORKING:
	case CONNECTION_UPGRADED:
		return false;
	case CONNECTION_RESPONDING:
		return runs_out(connection, tick_ms, server->idle_timeout_ms);
	case CONNECTION_LINGERING:
		return has_lasted(connection, now_ns, LINGER_MS);
	}
	return false;
}
