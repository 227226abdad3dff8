/* SPDX-License-Identifier: BSD-3-Clause */
/* The redirected socket calls; see shim.h. The names are the linker's. */
#include "common/http/shim.h"

#include "common/http/connection.h"

#include <stdatomic.h>

ssize_t __real_recv(int fd, void *buf, size_t size, int flags);
ssize_t __real_send(int fd, const void *buf, size_t size, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_sendfile64(int fd, int file, off_t *offset, size_t size);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __real_shutdown(int fd, int how);
int __real_close(int fd);

ssize_t __wrap_recv(int fd, void *buf, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t size, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendfile64(int fd, int file, off_t *offset, size_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);

/* Atomic because descriptors wander between threads by the kernel's hand: a number that one thread
 * has closed may be the next that another accepts. */
static struct connection *_Atomic connections[SHIM_FDS_MAX];

bool
shim_set(int fd, struct connection *connection)
{
	if (fd < 0 || fd >= SHIM_FDS_MAX)
		return false;
	atomic_store_explicit(&connections[fd], connection, memory_order_release);
	return true;
}

struct connection *
shim_get(int fd)
{
	if (fd < 0 || fd >= SHIM_FDS_MAX)
		return NULL;
	return atomic_load_explicit(&connections[fd], memory_order_acquire);
}

ssize_t
shim_recv(int fd, void *buf, size_t size, int flags)
{
	return __real_recv(fd, buf, size, flags);
}

ssize_t
shim_send(int fd, const void *buf, size_t size, int flags)
{
	return __real_send(fd, buf, size, flags);
}

ssize_t
shim_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return __real_sendmsg(fd, msg, flags);
}

ssize_t
shim_sendfile(int fd, int file, off_t *offset, size_t size)
{
	return __real_sendfile64(fd, file, offset, size);
}

int
shim_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return __real_setsockopt(fd, level, name, value, size);
}

int
shim_shutdown(int fd, int how)
{
	return __real_shutdown(fd, how);
}

int
shim_close(int fd)
{
	return __real_close(fd);
}

ssize_t
__wrap_recv(int fd, void *buf, size_t size, int flags)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_recv(connection, buf, size, flags)
			  : __real_recv(fd, buf, size, flags);
}

ssize_t
__wrap_send(int fd, const void *buf, size_t size, int flags)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_send(connection, buf, size, flags)
			  : __real_send(fd, buf, size, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_sendv(connection, msg->msg_iov, msg->msg_iovlen, flags)
			  : __real_sendmsg(fd, msg, flags);
}

ssize_t
__wrap_sendfile64(int fd, int file, off_t *offset, size_t size)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_sendfile(connection, file, offset, size)
			  : __real_sendfile64(fd, file, offset, size);
}

int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_setsockopt(connection, level, name, value, size)
			  : __real_setsockopt(fd, level, name, value, size);
}

int
__wrap_shutdown(int fd, int how)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_shutdown(connection, how) : __real_shutdown(fd, how);
}

int
__wrap_close(int fd)
{
	struct connection *connection = shim_get(fd);

	return connection ? connection_close(connection) : __real_close(fd);
}
