/* SPDX-License-Identifier: BSD-3-Clause */
/* The HTTP server as a whole: start, deadlines, drain, end; see server.h. */
#include "common/http/server.h"

#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/h2.h"
#include "common/http/listener.h"
#include "common/http/mhd.h"
#include "common/http/mhd_pool.h"
#include "common/http/shim.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define POLL_BATCH 256
#define REST_AFTER_MS 1000u /* Of silence a connection gives its memory back, ... */
#define RESTS_MAX 512u      /* ... and so many of them in one tick, for it takes time. */

void
core_handle_opened(struct http_server *server)
{
	server->n_handles++;
}

static void
free_if_unused(struct http_server *server)
{
	if (!server->closing || server->n_handles > 0)
		return;
	free(server->listeners);
	free(server);
}

void
core_handle_closed(struct http_server *server)
{
	server->n_handles--;
	free_if_unused(server);
}

void
core_serve(struct connection *connection)
{
	struct http_server *server = connection->server;

	if (h2_is_chosen(connection)) {
		h2_add(server->h2, connection);
		return;
	}
	connection_unwatch(connection);
	mhd_add(server->mhd, connection);
	mhd_wake(server->mhd);
}

/* Ends a connection before its time, in the way its phase asks for. */
static void
end_connection(struct connection *connection, bool graceful)
{
	if (connection->h2) {
		h2_end(connection);
		return;
	}
	if (connection->phase == CONNECTION_HANDSHAKE ||
		connection->phase == CONNECTION_LINGERING) {
		connection_free(connection);
		return;
	}
	if (connection->request && !graceful)
		http_request_abort(connection->request);
	connection_cut(connection, graceful);
	mhd_wake(connection->server->mhd);
}

static bool
is_unused(const struct connection *connection)
{
	return connection->phase == CONNECTION_IDLE && !connection->header_begun &&
	       !connection->request;
}

/* Whether a client that is overdue was too slow: not if it only kept its connection after an
 * answer, or does not go after the last one. */
static bool
is_slow(const struct connection *connection)
{
	bool kept_alive = is_unused(connection) && connection->n_requests > 0;

	return !kept_alive && connection->phase != CONNECTION_LINGERING;
}

static bool
may_rest(const struct connection *connection, uint64_t now_ns)
{
	return !connection->rests && is_unused(connection) &&
	       now_ns >= connection->since_ns + REST_AFTER_MS * NS_PER_MS;
}

/* Returns how many system calls that took. */
static unsigned int
rest(struct connection *connection)
{
	connection->rests = true;
	return mhd_pool_rest(connection->pool);
}

static void
find_overdue(struct http_server *server, uint32_t tick_ms)
{
	uint64_t now_ns = uv_now(server->loop) * NS_PER_MS;
	unsigned int n_rests = 0;
	struct connection *next;

	for (struct connection *at = server->connections; at; at = next) {
		next = at->next;
		if (at->h2) {
			h2_tick(at, tick_ms);
			continue;
		}
		if (at->dead)
			continue;
		if (connection_is_overdue(at, now_ns, tick_ms)) {
			server->stats.n_overdue += is_slow(at);
			end_connection(at, at->phase == CONNECTION_IDLE);
		} else if (server->draining && is_unused(at)) {
			end_connection(at, true);
		} else if (n_rests < RESTS_MAX && may_rest(at, now_ns)) {
			n_rests += rest(at);
		}
	}
}

/* Whether the loss of the client could go unnoticed now: sessions of HTTP/2 always read.
 * libmicrohttpd does not watch suspended
 * connections, and it misses a FIN that came together with data. A client that has closed its
 * side may take a response that is on its way. */
static bool
must_ask(const struct connection *connection)
{
	if (connection->dead || connection->h2)
		return false;
	switch (connection->phase) {
	case CONNECTION_IDLE:
	case CONNECTION_BODY:
		return connection->suspended || connection->check_end;
	case CONNECTION_WORKING:
	case CONNECTION_RESPONDING:
		return connection->suspended;
	case CONNECTION_HANDSHAKE:
	case CONNECTION_UPGRADED:
	case CONNECTION_LINGERING:
		break;
	}
	return false;
}

static void
poll_batch(struct connection *const *asked, struct pollfd *fds, nfds_t n)
{
	if (n == 0 || poll(fds, n, 0) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++) {
		if (fds[i].revents && connection_has_left(asked[i], fds[i].revents))
			end_connection(asked[i], false);
	}
}

static void
find_departed(struct http_server *server)
{
	struct connection *asked[POLL_BATCH];
	struct pollfd fds[POLL_BATCH];
	nfds_t n = 0;

	for (struct connection *at = server->connections; at; at = at->next) {
		if (!must_ask(at))
			continue;
		at->check_end = false;
		asked[n] = at;
		fds[n].fd = at->fd;
		fds[n].events = POLLRDHUP;
		if (++n == POLL_BATCH) {
			poll_batch(asked, fds, n);
			n = 0;
		}
	}
	poll_batch(asked, fds, n);
}

static void
check_drained(struct http_server *server)
{
	void (*on_drained)(void *ctx) = server->on_drained;
	bool late = uv_now(server->loop) >= server->drain_until_ms;

	if (!on_drained || (server->connections && !late))
		return;
	server->on_drained = NULL;
	on_drained(server->drained_ctx);
}

static void
tick_ready(uv_timer_t *timer)
{
	struct http_server *server = timer->data;
	uint64_t now_ms = uv_now(server->loop);
	uint32_t tick_ms = (uint32_t)(now_ms - server->last_tick_ms);

	server->last_tick_ms = now_ms;
	find_overdue(server, tick_ms);
	find_departed(server);
	if (!server->connections && !server->on_drained)
		uv_timer_stop(timer);
	check_drained(server); /* Last: may free the server. */
}

/* The timer runs only while there is something to look after. */
static void
start_ticking(struct http_server *server, uint32_t first_ms)
{
	if (server->closing || uv_is_active((uv_handle_t *)&server->tick))
		return;
	server->last_tick_ms = uv_now(server->loop);
	uv_timer_start(&server->tick, tick_ready, first_ms, CORE_TICK_MS);
}

void
core_connection_added(struct http_server *server)
{
	server->stats.n_connections++;
	start_ticking(server, CORE_TICK_MS);
}

void
core_connection_removed(struct http_server *server)
{
	server->stats.n_connections--;
	if (server->connections || !server->on_drained || server->closing)
		return;
	uv_timer_stop(&server->tick);
	start_ticking(server, 0); /* Drained: told from the loop, not from inside of a call. */
}

/* Allows as many descriptors as the process may have: each worker has its own connections. When
 * they run out nevertheless, connections are shed. */
static void
raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < SHIM_FDS_MAX ? limit.rlim_max : SHIM_FDS_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void
tick_closed(uv_handle_t *handle)
{
	core_handle_closed(handle->data);
}

static struct http_server *
make(uv_loop_t *loop, const struct http_server_config *config)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->listeners = calloc(config->n_listeners + 1, sizeof(*server->listeners));
	if (!server->listeners) {
		free(server);
		return NULL;
	}
	server->loop = loop;
	server->routes = config->routes;
	server->ctx = config->ctx;
	server->max_connections = config->max_connections;
	server->max_body_bytes = config->max_body_bytes;
	server->max_header_bytes = config->max_header_bytes;
	server->header_timeout_ms = config->header_timeout_ms;
	server->idle_timeout_ms = config->idle_timeout_ms;
	server->http2 = config->http2;
	server->clients = config->clients;
	server->extra[false] = config->extra[false];
	server->extra[true] = config->extra[true];
	server->error_page = config->error_page;
	server->on_request_end = config->on_request_end;
	uv_timer_init(loop, &server->tick);
	server->tick.data = server;
	core_handle_opened(server);
	return server;
}

int
http_server_new(struct http_server **out, uv_loop_t *loop, const struct http_server_config *config,
	struct err *err)
{
	struct http_server *server = make(loop, config);
	int result;

	if (!server)
		return err_set(err, -ENOMEM, "out of memory");
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that the client has closed. */
	raise_fd_limit();
	result = mhd_new(&server->mhd, server, err);
	if (result == 0 && config->http2.max_streams > 0 && h2_new(&server->h2, server) < 0)
		result = err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; result == 0 && i < config->n_listeners; i++) {
		result = listener_open(&server->listeners[i], server, &config->listeners[i], err);
		server->n_listeners++;
	}
	if (result < 0) {
		http_server_free(server);
		return result;
	}
	*out = server;
	return 0;
}

static void
stop_accepting(struct http_server *server)
{
	for (size_t i = 0; i < server->n_listeners; i++)
		listener_close(&server->listeners[i]);
}

void
http_server_drain(
	struct http_server *server, uint32_t timeout_ms, void (*on_drained)(void *ctx), void *ctx)
{
	server->draining = true;
	server->on_drained = on_drained;
	server->drained_ctx = ctx;
	server->drain_until_ms = uv_now(server->loop) + timeout_ms;
	stop_accepting(server);
	find_overdue(server, 0);
	uv_timer_stop(&server->tick);
	start_ticking(server, server->connections ? CORE_TICK_MS : 0);
}

bool
http_server_is_draining(const struct http_server *server)
{
	return server->draining;
}

void
http_server_free(struct http_server *server)
{
	struct connection *next;

	if (!server)
		return;
	server->closing = true;
	server->on_drained = NULL;
	stop_accepting(server);
	for (struct connection *at = server->connections; at; at = next) {
		next = at->next;
		end_connection(at, false);
	}
	mhd_free(server->mhd);
	h2_free(server->h2);
	uv_close((uv_handle_t *)&server->tick, tick_closed);
}

void
http_server_stats(const struct http_server *server, struct http_server_stats *out)
{
	*out = server->stats;
}

void
http_server_endpoint(const struct http_server *server, size_t listener, struct endpoint *out)
{
	*out = server->listeners[listener].endpoint;
}
