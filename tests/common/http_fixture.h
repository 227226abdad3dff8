/* SPDX-License-Identifier: BSD-3-Clause */
/* An HTTP server in a thread of its own on loopback, and raw clients to talk to it. */
#ifndef TESTS_COMMON_HTTP_FIXTURE_H
#define TESTS_COMMON_HTTP_FIXTURE_H

#include "common/http/server.h"

#include <semaphore.h>

#include <uv.h>

struct fixture {
	uv_loop_t loop;
	uv_thread_t thread;
	uv_async_t called;
	sem_t done;
	void (*call)(struct fixture *fixture, void *arg);
	void *call_arg;
	bool stop;
	struct http_server *server; /* Server thread. */
	struct http_server_config config;
	struct http_listener listener;
	struct endpoint endpoint;
};

/* Starts a server with these routes. 'change' (may be NULL) alters the configuration first. */
void fixture_start(struct fixture *fixture, const struct http_route *routes, void *ctx,
	void (*change)(struct http_server_config *config));
void fixture_stop(struct fixture *fixture);

/* Runs 'call' in the server's thread and waits for it. */
void fixture_call(
	struct fixture *fixture, void (*call)(struct fixture *fixture, void *arg), void *arg);
void fixture_stats(struct fixture *fixture, struct http_server_stats *out);

/* Waits, asking again and again, until the server has no connection; fails after 10 s. */
void fixture_await_idle(struct fixture *fixture);

/* A client's socket, connected; reads give up after 10 s. */
int client_connect(const struct fixture *fixture);
/* With a small receive buffer, so that the server soon has to wait for a client that does not read.
 */
int client_connect_small(const struct fixture *fixture);
void client_send(int fd, const char *text);

/* Reads until the server closes. Returns the NUL-terminated bytes, for free(). */
char *client_read_all(int fd, size_t *size);

/* Reads one response (by its Content-Length or chunks; 'head': without body). */
char *client_read_response(int fd, bool head);

/* Removes the chunk framing in place; returns the size, or -1 if the last chunk is missing. */
int64_t client_dechunk(char *body);

/* Sends and reads until the end, on a connection of its own. */
char *client_exchange(const struct fixture *fixture, const char *text);

/* Descriptors that this process has open. */
unsigned int count_fds(void);

#endif /* TESTS_COMMON_HTTP_FIXTURE_H */
