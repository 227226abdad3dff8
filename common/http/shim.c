/* SPDX-License-Identifier: BSD-3-Clause */
/* The redirected socket calls; see shim.h. What the linker calls __wrap_X stands in for X. */
#include "common/http/shim.h"

#include "common/http/connection.h"

#include <stdatomic.h>

ssize_t wrap_recv(int fd, void *buf, size_t size, int flags) __asm__("__wrap_recv");
ssize_t wrap_send(int fd, const void *buf, size_t size, int flags) __asm__("__wrap_send");
ssize_t wrap_sendmsg(int fd, const struct msghdr *msg, int flags) __asm__("__wrap_sendmsg");
ssize_t wrap_sendfile(int fd, int file, off_t *offset, size_t size) __asm__("__wrap_sendfile64");
int wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size) __asm__(
	"__wrap_setsockopt");
int wrap_shutdown(int fd, int how) __asm__("__wrap_shutdown");
int wrap_close(int fd) __asm__("__wrap_close");
int wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event) __asm__(
	"__wrap_epoll_ctl");
int wrap_epoll_wait(int set, struct epoll_event *events, int n_max, int timeout_ms) __asm__(
	"__wrap_epoll_wait");

struct slot {
	struct connection *_Atomic connection;
	atomic_uint number;
};

/* Atomic because descriptors wander between threads by the kernel's hand: a number that one thread
 * has closed may be the next that another accepts. */
static struct slot slots[SHIM_FDS_MAX];
static atomic_uint last_number;

bool
shim_set(int fd, struct connection *connection)
{
	if (fd < 0 || fd >= SHIM_FDS_MAX)
		return false;
	/* Before the connection: who sees that sees its number, too. */
	if (connection)
		atomic_store_explicit(&slots[fd].number,
			atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1,
			memory_order_relaxed);
	atomic_store_explicit(&slots[fd].connection, connection, memory_order_release);
	return true;
}

struct connection *
shim_get(int fd)
{
	if (fd < 0 || fd >= SHIM_FDS_MAX)
		return NULL;
	return atomic_load_explicit(&slots[fd].connection, memory_order_acquire);
}

unsigned int
shim_number(int fd)
{
	return atomic_load_explicit(&slots[fd].number, memory_order_relaxed);
}

ssize_t
wrap_recv(int fd, void *buf, size_t size, int flags)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_recv(connection, buf, size, flags)
			  : shim_recv(fd, buf, size, flags);
}

ssize_t
wrap_send(int fd, const void *buf, size_t size, int flags)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_send(connection, buf, size, flags)
			  : shim_send(fd, buf, size, flags);
}

ssize_t
wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_sendv(connection, msg->msg_iov, msg->msg_iovlen, flags)
			  : shim_sendmsg(fd, msg, flags);
}

ssize_t
wrap_sendfile(int fd, int file, off_t *offset, size_t size)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_sendfile(connection, file, offset, size)
			  : shim_sendfile(fd, file, offset, size);
}

int
wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_setsockopt(connection, level, name, value, size)
			  : shim_setsockopt(fd, level, name, value, size);
}

int
wrap_shutdown(int fd, int how)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_shutdown(connection, how) : shim_shutdown(fd, how);
}

int
wrap_close(int fd)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_close(connection) : shim_close(fd);
}

int
wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
	struct connection *connection = shim_get(fd);

	return connection ? readiness_control(connection, set, operation, event)
			  : shim_epoll_ctl(set, operation, fd, event);
}

int
wrap_epoll_wait(int set, struct epoll_event *events, int n_max, int timeout_ms)
{
	return readiness_wait(set, events, n_max, timeout_ms);
}
