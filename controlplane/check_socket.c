/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets of probes; see check_socket.h. */
#include "controlplane/check_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* The port alone: the address is chosen as the kernel's routes say. */
static int
bind_port(int fd, const struct check_target *target)
{
	struct endpoint any = {.addr = {.family = target->endpoint.addr.family}};
	struct sockaddr_storage address;
	socklen_t size;
	int on = 1;

	if (target->local_port == 0)
		return 0;
	any.port = target->local_port;
	size = endpoint_to_sockaddr(&any, &address);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&address, size);
}

int
check_socket_connect(const struct check_target *target, int type, int protocol)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr_storage address;
	socklen_t size = endpoint_to_sockaddr(&target->endpoint, &address);
	int fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int rc;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (bind_port(fd, target) == 0 &&
		(connect(fd, (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}
