/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: what epoll has said about a client's socket, and system calls that
 * need not be made because of it.
 *
 * libmicrohttpd takes a connection out of its epoll set whenever it suspends it, puts it back
 * afterwards, and then reads, for it may have missed something: three system calls for each
 * request that a handler cannot answer at once. Its epoll calls are redirected here (shim.h).
 * The socket stays where it is; while the library wants no events they are kept from it, but what
 * they say is remembered. A read of a socket known to be empty is answered without asking. */
#ifndef COMMON_HTTP_READINESS_H
#define COMMON_HTTP_READINESS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct connection;

/* Part of a connection. The flags speak of the last call since the last event. */
struct readiness {
	void *tag;        /* The library's own mark of the connection. */
	bool registered;  /* In its epoll set, as the kernel has it ... */
	bool muted;       /* ... but the library wants to hear nothing. */
	bool half_closed; /* The client will send no more. */
	bool drained;     /* There was nothing more to read. */
	bool full;        /* There was no more room to write. */
};

/* The library suspends the connection ('muted') or is about to resume it: then it takes the socket
 * for readable and writable before it asks epoll again, so nothing that was kept from it is lost.
 */
static inline void
readiness_mute(struct readiness *readiness, bool muted)
{
	readiness->muted = muted;
}

/* The library has done with the connection, and its mark leads nowhere. It says so by no other call
 * than close() if the connection was resumed and has not blocked since. */
static inline void
readiness_forget(struct readiness *readiness)
{
	readiness->tag = NULL;
	readiness->muted = true;
}

/* epoll_ctl() on the socket of a connection, and epoll_wait() on any set. */
int readiness_control(
	struct connection *connection, int set, int operation, const struct epoll_event *event);
int readiness_wait(int set, struct epoll_event *events, int n_max, int timeout_ms);

/* Whether a call that was to move 'size' bytes and returned 'result' has found that the next one
 * would block. */
static inline bool
readiness_is_exhausted(ssize_t result, size_t size)
{
	return result < 0 ? errno == EAGAIN : result > 0 && (size_t)result < size;
}

/* The end of what the client sends may lie behind the last data without an event of its own. */
static inline void
readiness_has_read(struct readiness *readiness, ssize_t result, size_t size)
{
	readiness->drained = readiness->registered && !readiness->half_closed &&
			     readiness_is_exhausted(result, size);
}

static inline void
readiness_has_written(struct readiness *readiness, ssize_t result, size_t size)
{
	readiness->full = readiness->registered && readiness_is_exhausted(result, size);
}

#endif /* COMMON_HTTP_READINESS_H */
