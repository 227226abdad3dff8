/* SPDX-License-Identifier: BSD-3-Clause */
/* What epoll has said; see readiness.h.
 *
 * In the kernel's set a connection is marked with its descriptor, its number (shim.h) and a bit
 * that no pointer of the library has. Events are edges: each is reported once. While a connection
 * is suspended they are kept from the library, which does not expect any. Once it is resumed the
 * library is to have them all, though it puts the connection back only when a call has blocked. */
#include "common/http/readiness.h"

#include "common/http/connection.h"
#include "common/http/shim.h"

#include <errno.h>
#include <stdint.h>

#define OURS (UINT64_C(1) << 63)
#define NUMBER_SHIFT 32

/* The number tells a connection from an earlier one of the same descriptor. That one's socket stays
 * in the set, and goes on reporting, while a child process that is being started has a copy of it
 * (epoll(7)). */
static uint64_t
mark_of(int fd)
{
	return OURS | (uint64_t)shim_number(fd) << NUMBER_SHIFT | (unsigned int)fd;
}

int
readiness_control(
	struct connection *connection, int set, int operation, const struct epoll_event *event)
{
	struct readiness *readiness = &connection->readiness;
	struct epoll_event ours = {.data.u64 = mark_of(connection->fd)};

	if (operation == EPOLL_CTL_DEL) {
		readiness_mute(readiness, true);
		return 0;
	}
	readiness_mute(readiness, false);
	readiness->tag = event->data.ptr;
	if (readiness->registered)
		return 0;
	ours.events = event->events | EPOLLRDHUP;
	if (shim_epoll_ctl(set, operation, connection->fd, &ours) < 0)
		return -1;
	readiness->registered = true;
	return 0;
}

/* Remembers what an event says. Returns false if the library is not to see it. */
static bool
note(struct epoll_event *event)
{
	int fd = (int)(uint32_t)event->data.u64;
	struct connection *connection = shim_get(fd); /* May be another thread's. */
	struct readiness *readiness;

	if (!connection || event->data.u64 != mark_of(fd))
		return false;
	readiness = &connection->readiness;
	readiness->drained = false;
	readiness->full = false;
	if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		readiness->half_closed = true;
	event->events &= ~(uint32_t)EPOLLRDHUP;
	event->data.ptr = readiness->tag;
	return !readiness->muted;
}

int
readiness_wait(int set, struct epoll_event *events, int n_max, int timeout_ms)
{
	int n = shim_epoll_wait(set, events, n_max, timeout_ms);
	int kept = 0;

	for (int i = 0; i < n; i++) {
		struct epoll_event event = events[i];

		if (!(event.data.u64 & OURS) || note(&event))
			events[kept++] = event;
	}
	return n < 0 ? n : kept;
}
