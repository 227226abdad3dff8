/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver's sockets; see port_sockets.h. */
#include "dataplane/port_sockets.h"

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void
port_sockets_list(fd_set *before)
{
	FD_ZERO(before);
	for (int fd = 0; fd < FD_SETSIZE; fd++) {
		int domain = AF_UNSPEC;
		socklen_t size = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
			(domain == AF_XDP || domain == AF_PACKET))
			FD_SET(fd, before);
	}
}

void
port_sockets_join(int *fd, const fd_set *before, unsigned int n)
{
	int all = epoll_create1(EPOLL_CLOEXEC);
	unsigned int n_added = 0;
	bool failed = all < 0;
	fd_set now;

	port_sockets_list(&now);
	for (int each = 0; each < FD_SETSIZE; each++) {
		struct epoll_event event = {.events = EPOLLIN};

		if (!FD_ISSET(each, &now) || FD_ISSET(each, before))
			continue;
		failed = failed || epoll_ctl(all, EPOLL_CTL_ADD, each, &event) < 0;
		n_added++;
	}
	if (failed || n_added != n) {
		if (all >= 0)
			close(all);
		return;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = all;
}
