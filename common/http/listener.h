/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: listening sockets, and what they accept. */
#ifndef COMMON_HTTP_LISTENER_H
#define COMMON_HTTP_LISTENER_H

#include "common/http/core.h"

#include <uv.h>

struct listener {
	struct http_server *server;
	struct tls_context *tls;
	struct endpoint endpoint; /* As bound: with the real port. */
	uv_poll_t poll;
	int fd;       /* -1 once closed. */
	int spare_fd; /* Given up to accept and close a connection when descriptors run out. */
	bool polling; /* 'poll' is open. */
};

/* Opens the socket (or takes it over) and begins to accept. On failure nothing is left open
 * but what listener_close() closes. */
int listener_open(struct listener *listener, struct http_server *server,
	const struct http_listener *config, struct err *err);

/* Accepts those who wait. */
void listener_accept(struct listener *listener);

/* Stops accepting. Twice is harmless. */
void listener_close(struct listener *listener);

#endif /* COMMON_HTTP_LISTENER_H */
