/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets; see listener.h. */
#include "common/http/listener.h"

#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/handshake.h"
#include "common/http/tls_session.h"
#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("http");

#define BACKLOG 4096
#define ACCEPTS_MAX 1024 /* In one go; the rest in the loop's next turn. */

static int
open_socket(const struct endpoint *endpoint, bool shared)
{
	struct sockaddr_storage address;
	socklen_t size = endpoint_to_sockaddr(endpoint, &address);
	const int on = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if ((shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
		bind(fd, (struct sockaddr *)&address, size) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static bool
listens_at(int fd, const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	struct endpoint bound;
	int listening = 0;
	socklen_t listening_size = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_size) < 0 ||
		!listening)
		return false;
	return getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	       endpoint_from_sockaddr((struct sockaddr *)&address, &bound) == 0 &&
	       addr_equal(&bound.addr, &endpoint->addr) && bound.port == endpoint->port;
}

/* Whether this process listens there already: another of its worker threads does. */
static bool
is_ours(const struct endpoint *endpoint)
{
	DIR *dir = opendir("/proc/self/fd");
	bool found = false;
	struct dirent *entry;

	while (dir && !found && (entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		found = end != entry->d_name && listens_at((int)fd, endpoint);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Binds with SO_REUSEPORT, so that each worker thread has a socket of its own. That would also let
 * a second process of the same user in, unnoticed; a first try without it finds that out. */
static int
bind_socket(const struct endpoint *endpoint, struct err *err)
{
	char text[ENDPOINT_TEXT_SIZE];
	int probe = open_socket(endpoint, false);
	int fd;

	endpoint_format(endpoint, text, sizeof(text));
	if (probe == -EADDRINUSE && !is_ours(endpoint))
		return err_set(err, -EADDRINUSE,
			"cannot listen on %s: the address is in use by another process; stop that "
			"('ss -ltnp' shows it) or choose another port",
			text);
	if (probe >= 0)
		close(probe);
	fd = open_socket(endpoint, true);
	if (fd >= 0)
		return fd;
	if (fd == -EACCES)
		return err_set(err, fd,
			"cannot listen on %s: ports below 1024 need root or "
			"CAP_NET_BIND_SERVICE",
			text);
	if (fd == -EADDRNOTAVAIL)
		return err_set(err, fd,
			"cannot listen on %s: this machine does not have the "
			"address; check the configuration and 'ip addr'",
			text);
	return err_set(err, fd, "cannot listen on %s: %s", text, strerror(-fd));
}

/* Closes a connection that there is no descriptor for, so that it does not keep the loop awake. */
static void
shed_one(struct listener *listener)
{
	int fd;

	LOG_LIMITED(LOG_WARN, "out of file descriptors: connections are refused; "
			      "raise 'ulimit -n' or lower max_connections");
	close(listener->spare_fd);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		listener->server->stats.n_shed++;
	}
	listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Makes the connection of a socket whose client may have it; closes the socket if memory is
 * short. */
static struct connection *
make_connection(struct listener *listener, int fd, const struct endpoint *peer)
{
	struct http_server *server = listener->server;
	struct connection *connection;
	SSL *ssl = NULL;

	if (listener->tls) {
		ssl = tls_session_new(listener->tls, fd);
		if (!ssl) {
			close(fd);
			server->stats.n_shed++;
			return NULL;
		}
	}
	connection = connection_new(server, fd, ssl, peer);
	if (connection)
		connection->entered = server->clients != NULL;
	return connection;
}

static void
accepted(struct listener *listener, int fd, const struct sockaddr *address)
{
	struct http_server *server = listener->server;
	struct connection *connection;
	struct endpoint peer;

	if (server->stats.n_connections >= server->max_connections ||
		endpoint_from_sockaddr(address, &peer) < 0) {
		LOG_LIMITED(LOG_WARN, "more than %u connections: new ones are refused",
			server->max_connections);
		close(fd);
		server->stats.n_shed++;
		return;
	}
	if (server->clients && !clients_enter(server->clients, &peer.addr, clock_now_ns())) {
		close(fd);
		server->stats.n_shed_client++;
		return;
	}
	connection = make_connection(listener, fd, &peer);
	if (!connection) {
		if (server->clients)
			clients_leave(server->clients, &peer.addr);
		return;
	}
	server->stats.n_accepted++;
	if (connection->ssl)
		handshake_start(connection);
	else
		core_serve(connection);
}

void
listener_accept(struct listener *listener)
{
	for (int i = 0; i < ACCEPTS_MAX && listener->fd >= 0; i++) {
		struct sockaddr_storage address;
		socklen_t size = sizeof(address);
		int fd = accept4(listener->fd, (struct sockaddr *)&address, &size,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			accepted(listener, fd, (struct sockaddr *)&address);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			shed_one(listener);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void
accept_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	listener_accept(poll->data);
}

static int
start_accepting(struct listener *listener, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	const int on = 1;
	int result;

	if (getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0 ||
		endpoint_from_sockaddr((struct sockaddr *)&address, &listener->endpoint) < 0)
		return err_set(err, -EINVAL, "descriptor %d is not a socket of IPv4 or IPv6",
			listener->fd);
	if (fcntl(listener->fd, F_SETFL, O_NONBLOCK) < 0 || listen(listener->fd, BACKLOG) < 0) {
		result = -errno;
		return err_set(err, result, "cannot listen: %s", strerror(-result));
	}
	/* Connections inherit it: responses are written whole (transfer.c). */
	setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	result = uv_poll_init(listener->server->loop, &listener->poll, listener->fd);
	if (result < 0)
		return err_set(
			err, result, "cannot watch a listening socket: %s", uv_strerror(result));
	listener->poll.data = listener;
	listener->polling = true;
	core_handle_opened(listener->server);
	uv_poll_start(&listener->poll, UV_READABLE, accept_ready);
	return 0;
}

int
listener_open(struct listener *listener, struct http_server *server,
	const struct http_listener *config, struct err *err)
{
	listener->server = server;
	listener->tls = config->tls;
	listener->polling = false;
	listener->spare_fd = -1;
	listener->fd = config->fd >= 0 ? config->fd : bind_socket(&config->endpoint, err);
	if (listener->fd < 0)
		return listener->fd;
	listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return start_accepting(listener, err);
}

static void
poll_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	core_handle_closed(listener->server);
}

void
listener_close(struct listener *listener)
{
	if (listener->polling) {
		listener->polling = false;
		uv_close((uv_handle_t *)&listener->poll, poll_closed);
	}
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->spare_fd >= 0)
		close(listener->spare_fd);
	listener->fd = -1;
	listener->spare_fd = -1;
}
