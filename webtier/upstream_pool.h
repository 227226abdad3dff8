/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's idle connections to the app nodes, kept open to be used again. */
#ifndef WEBTIER_UPSTREAM_POOL_H
#define WEBTIER_UPSTREAM_POOL_H

#include "webtier/upstream_conn.h"
#include "webtier/upstream_set.h"

#define UPSTREAM_POOL_MAX 128 /* Idle connections of one worker. */

enum upstream_freshness {
	UPSTREAM_ANY,   /* An idle connection if there is one. */
	UPSTREAM_ALIVE, /* The same, but the kernel is asked first whether it is still open. */
	UPSTREAM_FRESH, /* A new connection. */
};

struct upstream_pool;

/* 'idle_ms' must be less than the app nodes' own idle timeout, so that it is we who close an idle
 * connection and no request crosses its end. 'set' outlives the pool. Returns 0 or -ENOMEM. */
int upstream_pool_new(struct upstream_pool **out, const struct upstream_settings *settings,
	struct upstream_set *set, uint32_t idle_ms);

/* Closes the idle connections; the others must have been freed. NULL is allowed. */
void upstream_pool_free(struct upstream_pool *pool);

/* Takes an idle connection to node 'index' or opens one. Returns 1 if it was opened, 0 if it was
 * idle, or a negative errno. */
int upstream_pool_get(struct upstream_pool *pool, int index, enum upstream_freshness freshness,
	struct upstream_conn **out);

/* Gives back a connection to node 'index' after on_end; it is kept if it can be used again. */
void upstream_pool_put(struct upstream_pool *pool, int index, struct upstream_conn *conn);

size_t upstream_pool_n_idle(const struct upstream_pool *pool);

#endif /* WEBTIER_UPSTREAM_POOL_H */
