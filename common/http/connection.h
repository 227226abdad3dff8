/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: one client's connection, from accept to close.
 *
 * A connection begins with the TLS handshake where there is one (handshake.c), is then handed to
 * the protocol adapter (mhd.c), may linger at its end (linger.c), and is gone when its descriptor
 * is closed. The adapter's library reads and writes by socket calls, which the shim (shim.c)
 * redirects to connection_recv() and its like here. All in the server's thread. */
#ifndef COMMON_HTTP_CONNECTION_H
#define COMMON_HTTP_CONNECTION_H

#include "common/addr.h"
#include "common/http/guard.h"
#include "common/http/readiness.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct h2_session;
struct http_request;
struct http_server;
struct MemoryPool;
struct watcher;

/* Who is waited for, and so which deadline applies (connection_is_overdue()). */
enum connection_phase {
	CONNECTION_HANDSHAKE,
	CONNECTION_IDLE,       /* No request whose header is complete. */
	CONNECTION_BODY,       /* The client sends a request body. */
	CONNECTION_WORKING,    /* A handler prepares the answer. */
	CONNECTION_RESPONDING, /* The client takes the response. */
	CONNECTION_UPGRADED,   /* A stream of another protocol, which its handler looks after. */
	CONNECTION_LINGERING,
};

struct connection {
	struct http_server *server;
	struct connection *previous; /* In the server's list of all. */
	struct connection *next;
	struct http_request *request; /* The one in progress; NULL between requests. */
	struct h2_session *h2;        /* It speaks HTTP/2; NULL: HTTP/1.1, or not yet known. */
	SSL *ssl;                     /* NULL: plain. */
	int fd;
	enum connection_phase phase;
	uint64_t since_ns;    /* When the phase began; in IDLE: when what is waited for was due. */
	uint32_t patience_ms; /* Used up by a client that sends or takes too little. */
	uint32_t n_requests;  /* Given to the adapter so far. */
	uint64_t sent_bytes;  /* Of the current response with its header. */
	uint64_t file_left; /* Of a file that is the response: bytes to come, header not counted. */
	struct guard guard;
	struct readiness readiness;
	struct MemoryPool *pool; /* The adapter's memory for it (mhd_pool.h), or NULL. */
	struct endpoint peer;
	bool entered;            /* Counted among those of its client. */
	struct watcher *watcher; /* Handshake and lingering: the loop's handle; else NULL. */
	bool header_begun;       /* IDLE: a first byte of the next request has come. */
	bool rests;              /* IDLE: its memory has been given back, or need not be. */
	bool suspended;  /* The adapter neither reads nor writes: a handler must go on first. */
	bool check_end;  /* A FIN may have come with the last data: the next tick looks. */
	bool ended;      /* The client has closed its side. */
	bool dead;       /* Cut: nothing more is read or written. */
	bool is_leaving; /* Says goodbye, and will send nothing more. */
	bool reset;    /* To be closed by RST, so that the client sees that something is missing. */
	bool bare_304; /* The answer is a 304 whose Content-Length of 0 must not be sent. */
};

/* Makes the connection of an accepted socket, which it owns from now on, and adds it to the
 * server's list. Returns NULL when memory is short; the socket is then closed. */
struct connection *connection_new(
	struct http_server *server, int fd, SSL *ssl, const struct endpoint *peer);

/* Closes the socket and forgets the connection, now. */
void connection_free(struct connection *connection);

/* The connection of this descriptor in this process, or NULL. */
struct connection *connection_of(int fd);

void connection_set_phase(struct connection *connection, enum connection_phase phase);

/* Calls 'ready' when the socket can be read or written ('events' of uv_poll_start()), until
 * connection_unwatch() or connection_free(). Returns 0 or a negative errno. */
int connection_watch(
	struct connection *connection, int events, void (*ready)(struct connection *connection));
void connection_unwatch(struct connection *connection);

/* Says in TLS that nothing more will be sent (close_notify); the caller shuts the socket down. */
void connection_say_goodbye(struct connection *connection);

/* Cuts the connection: the adapter will find it dead and let go of it. 'graceful' says goodbye
 * in TLS (close_notify) first. */
void connection_cut(struct connection *connection, bool graceful);

static inline bool
connection_is_dead(const struct connection *connection)
{
	return connection->dead;
}

/* Whether OpenSSL has something of the client that no epoll sees: a request that came with the end
 * of the handshake. */
bool connection_has_unseen(const struct connection *connection);

/* Whether this request of the connection breaks the rules of HTTP (guard.h). */
bool connection_refuses(const struct connection *connection, const struct http_request *req);

/* Whether these events of poll() mean that the client is gone, and not merely that it has sent all
 * it had to. */
bool connection_has_left(const struct connection *connection, short events);

/* Whether the client has taken longer than it may, 'tick_ms' after the last call. */
bool connection_is_overdue(struct connection *connection, uint64_t now_ns, uint32_t tick_ms);

/* The socket calls of the adapter's library; results and errno as of the system calls. */
ssize_t connection_recv(struct connection *connection, void *buf, size_t size, int flags);
ssize_t connection_send(struct connection *connection, const void *buf, size_t size, int flags);
ssize_t connection_sendv(
	struct connection *connection, const struct iovec *iov, size_t n_iov, int flags);
ssize_t connection_sendfile(struct connection *connection, int file, off_t *offset, size_t size);
int connection_setsockopt(
	struct connection *connection, int level, int name, const void *value, socklen_t size);
int connection_shutdown(struct connection *connection, int how);
int connection_close(struct connection *connection);

#endif /* COMMON_HTTP_CONNECTION_H */
