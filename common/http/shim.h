/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS, the guard and the accounting under libmicrohttpd's own socket calls.
 *
 * libmicrohttpd knows sockets, not streams. It is linked statically, and the linker redirects its
 * recv, send, sendmsg, sendfile64, setsockopt, shutdown, close, epoll_ctl and epoll_wait (--wrap,
 * see meson.build) to this file. A call on a descriptor that is a server's connection goes to
 * connection_*() or readiness_*(); any other goes on to the system. Redirected are all objects
 * linked into the executable statically, not shared libraries.
 *
 * The table of descriptors is the one thing the process shares, because the wrapped functions get
 * nothing but a number. A slot is written by the thread that owns the connection before the
 * descriptor is known to anyone else and cleared before it is closed; another thread
 * looks at it only by an event that comes late (readiness.c). */
#ifndef COMMON_HTTP_SHIM_H
#define COMMON_HTTP_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

struct connection;

#define SHIM_FDS_MAX (1 << 20)

/* Registers the connection of 'fd' (NULL: none). Returns false if the number is too large. */
bool shim_set(int fd, struct connection *connection);
struct connection *shim_get(int fd);

/* A number that no other connection has had of late. To be asked for after shim_get() has found
 * one: if it is as remembered, that is the same connection. */
unsigned int shim_number(int fd);

/* The system's own calls, under the names by which the linker keeps them. */
ssize_t shim_recv(int fd, void *buf, size_t size, int flags) __asm__("__real_recv");
ssize_t shim_send(int fd, const void *buf, size_t size, int flags) __asm__("__real_send");
ssize_t shim_sendmsg(int fd, const struct msghdr *msg, int flags) __asm__("__real_sendmsg");
ssize_t shim_sendfile(int fd, int file, off_t *offset, size_t size) __asm__("__real_sendfile64");
int shim_setsockopt(int fd, int level, int name, const void *value, socklen_t size) __asm__(
	"__real_setsockopt");
int shim_shutdown(int fd, int how) __asm__("__real_shutdown");
int shim_close(int fd) __asm__("__real_close");
int shim_epoll_ctl(int set, int operation, int fd, struct epoll_event *event) __asm__(
	"__real_epoll_ctl");
int shim_epoll_wait(int set, struct epoll_event *events, int n_max, int timeout_ms) __asm__(
	"__real_epoll_wait");

#endif /* COMMON_HTTP_SHIM_H */
