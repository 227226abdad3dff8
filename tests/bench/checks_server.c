/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-checks-server: what the benchmark of health checks checks. Takes connections on a port, at
 * all addresses, and answers whatever comes first as HTTP. One thread, as light as can be. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define BACKLOG 4096

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void
die(const char *what)
{
	fprintf(stderr, "bench-checks-server: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int
listen_at(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

static void
take(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			die("epoll_ctl");
	}
}

static void
serve(int fd)
{
	char bytes[4096];
	ssize_t size = read(fd, bytes, sizeof(bytes));

	if (size > 0 && write(fd, answer, sizeof(answer) - 1) == sizeof(answer) - 1)
		return;
	if (size < 0 && errno == EAGAIN)
		return;
	close(fd);
}

int
main(int argc, char **argv)
{
	int listener = listen_at(argc == 2 ? (uint16_t)strtoul(argv[1], NULL, 10) : 8080);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
	struct epoll_event events[EVENTS];

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		die("epoll");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				take(epoll, listener);
			else
				serve(events[i].data.fd);
		}
	}
}
