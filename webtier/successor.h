/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that takes the place of this one: the same program, as its file is now, with the same
 * arguments, which is given the listening sockets (sockets.h).
 *
 * Both have the sockets for a while, and nobody is refused: this process accepts until the other
 * says that it serves. If that ends without having said so, nothing has changed. */
#ifndef WEBTIER_SUCCESSOR_H
#define WEBTIER_SUCCESSOR_H

#include "common/err.h"
#include "webtier/sockets.h"

#include <uv.h>

struct successor_socket {
	enum socket_use use;
	uint16_t port; /* As configured. */
	int fd;
};

struct successor_config {
	char **argv; /* Ends with NULL. */
	const struct successor_socket *sockets;
	size_t n_sockets;
	/* One of the two is called, once, from the loop. */
	void (*on_ready)(void *ctx);
	void (*on_failed)(void *ctx, const char *why);
	void *ctx;
};

struct successor;

/* Starts the process. Returns 0, or a negative errno with 'err' set. */
int successor_start(struct successor **out, uv_loop_t *loop, const struct successor_config *config,
	struct err *err);

/* Its number. */
int successor_pid(const struct successor *successor);

/* Ends the process if it has not said that it is ready. Memory goes when the loop has run. NULL is
 * allowed. */
void successor_free(struct successor *successor);

#endif /* WEBTIER_SUCCESSOR_H */
