/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-failover-server: the backend of the failover benchmark; failover.h says what it serves. It
 * is light: one thread, and no work but for those who ask. */
#include "failover.h"
#include "parameters.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS 64
#define SLOTS 20 /* Streams take turns, so that their chunks do not leave all at once. */
#define BACKLOG 4096
#define PATTERN_SIZE (FAILOVER_CHUNK + 251)

struct job {
	uint32_t port;
};

struct peer {
	int fd;
	uint8_t kind;  /* What it wants; 0: it has not said. */
	uint64_t sent; /* Bytes of its stream. */
	TAILQ_ENTRY(peer) entry;
};

TAILQ_HEAD(peers, peer);

struct server {
	int epoll;
	int listener;
	int timer;
	unsigned int slot;
	unsigned int next_slot;
	struct peers streams[SLOTS];
	struct peers others;
	uint8_t pattern[PATTERN_SIZE];
};

static const struct parameter parameters[] = {
	{"port", "where it listens", offsetof(struct job, port), 1, 65535, NULL},
};

static void
die(const char *what)
{
	fprintf(stderr, "bench-failover-server: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- One peer --- */

static void
drop(struct peer *peer, struct peers *list)
{
	TAILQ_REMOVE(list, peer, entry);
	close(peer->fd);
	free(peer);
}

/* A client that went away without a word is forgotten after some minutes. */
static void
set_keepalive(int fd)
{
	const int yes = 1, idle_s = 120, timeout_ms = 60000;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static void
accept_all(struct server *server)
{
	int fd;

	while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *peer = calloc(1, sizeof(*peer));
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

		if (!peer || epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			die("a connection");
		peer->fd = fd;
		set_keepalive(fd);
		TAILQ_INSERT_TAIL(&server->others, peer, entry);
	}
}

/* A stream is written to only: what its client sends, or its end, shows when sending fails. */
static void
begin_stream(struct server *server, struct peer *peer)
{
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
	TAILQ_REMOVE(&server->others, peer, entry);
	TAILQ_INSERT_TAIL(&server->streams[server->next_slot], peer, entry);
	server->next_slot = (server->next_slot + 1) % SLOTS;
}

static void
serve(struct server *server, struct peer *peer)
{
	uint8_t bytes[256];
	ssize_t n = recv(peer->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(peer, &server->others);
		return;
	}
	if (peer->kind == 0)
		peer->kind = bytes[0];
	if (peer->kind == FAILOVER_STREAM) {
		begin_stream(server, peer);
	} else if (peer->kind == FAILOVER_IDLE) {
		if (send(peer->fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
			drop(peer, &server->others);
	} else {
		(void)!send(peer->fd, server->pattern, FAILOVER_ANSWER, MSG_NOSIGNAL);
		drop(peer, &server->others);
	}
}

/* --- Streams --- */

static void
send_chunks(struct server *server)
{
	struct peers *list = &server->streams[server->slot];
	struct peer *next;

	server->slot = (server->slot + 1) % SLOTS;
	for (struct peer *peer = TAILQ_FIRST(list); peer; peer = next) {
		const uint8_t *from = server->pattern + peer->sent % 251;
		ssize_t n = send(peer->fd, from, FAILOVER_CHUNK, MSG_NOSIGNAL);

		next = TAILQ_NEXT(peer, entry);
		if (n > 0)
			peer->sent += (uint64_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			drop(peer, list);
	}
}

static void
on_timer(struct server *server)
{
	uint64_t n = 0;

	if (read(server->timer, &n, sizeof(n)) != sizeof(n))
		return;
	for (uint64_t i = 0; i < n && i < SLOTS; i++)
		send_chunks(server);
}

/* --- Start --- */

static void
watch(const struct server *server, int fd, void *mark)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};

	if (fd < 0 || epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll");
}

static void
listen_at(struct server *server, uint16_t port)
{
	const struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const int yes = 1, no = 0;

	server->listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->listener < 0)
		die("socket");
	setsockopt(server->listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(server->listener, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
		listen(server->listener, BACKLOG) < 0)
		die("listen");
	watch(server, server->listener, &server->listener);
}

static void
start(struct server *server, uint16_t port)
{
	const struct rlimit files = {FAILOVER_FILES_MAX, FAILOVER_FILES_MAX};
	const long step_ns = FAILOVER_CHUNK_MS * 1000000L / SLOTS;
	const struct itimerspec pace = {{0, step_ns}, {0, step_ns}};

	setrlimit(RLIMIT_NOFILE, &files);
	TAILQ_INIT(&server->others);
	for (unsigned int i = 0; i < SLOTS; i++)
		TAILQ_INIT(&server->streams[i]);
	for (unsigned int i = 0; i < PATTERN_SIZE; i++)
		server->pattern[i] = failover_byte(i);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	watch(server, server->timer, &server->timer);
	timerfd_settime(server->timer, 0, &pace, NULL);
	listen_at(server, port);
}

int
main(int argc, char **argv)
{
	static struct server server;
	struct epoll_event events[EVENTS];
	struct job job = {.port = 80};

	parameters_parse(parameters, sizeof(parameters) / sizeof(parameters[0]), &job, argc, argv);
	start(&server, (uint16_t)job.port);
	for (;;) {
		int n = epoll_wait(server.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			void *mark = events[i].data.ptr;

			if (mark == &server.listener)
				accept_all(&server);
			else if (mark == &server.timer)
				on_timer(&server);
			else
				serve(&server, mark);
		}
	}
}
