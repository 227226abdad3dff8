/* SPDX-License-Identifier: BSD-3-Clause */
/* Idle upstream connections; see upstream_pool.h.
 *
 * One small array, newest last: the connection that was used last is taken first, so that those
 * which a lower load does not need grow old and are closed. */
#include "webtier/upstream_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct idle_conn {
	struct upstream_conn *conn;
	int index; /* Of its node. */
};

struct upstream_pool {
	struct upstream_settings settings;
	struct upstream_set *set;
	uint32_t idle_ms;
	struct idle_conn idle[UPSTREAM_POOL_MAX];
	size_t n_idle;
};

int
upstream_pool_new(struct upstream_pool **out, const struct upstream_settings *settings,
	struct upstream_set *set, uint32_t idle_ms)
{
	struct upstream_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->settings = *settings;
	pool->set = set;
	pool->idle_ms = idle_ms;
	*out = pool;
	return 0;
}

/* Takes entry 'at' out of the array, which keeps its order. */
static struct upstream_conn *
take_out(struct upstream_pool *pool, size_t at)
{
	struct upstream_conn *conn = pool->idle[at].conn;

	pool->n_idle--;
	memmove(&pool->idle[at], &pool->idle[at + 1], (pool->n_idle - at) * sizeof(pool->idle[0]));
	return conn;
}

void
upstream_pool_free(struct upstream_pool *pool)
{
	if (!pool)
		return;
	while (pool->n_idle > 0)
		upstream_conn_free(take_out(pool, pool->n_idle - 1));
	free(pool);
}

static void
on_lost(void *ctx, struct upstream_conn *conn)
{
	struct upstream_pool *pool = ctx;

	for (size_t i = 0; i < pool->n_idle; i++) {
		if (pool->idle[i].conn == conn) {
			upstream_conn_free(take_out(pool, i));
			return;
		}
	}
}

int
upstream_pool_get(struct upstream_pool *pool, int index, enum upstream_freshness freshness,
	struct upstream_conn **out)
{
	int rc;

	for (size_t i = pool->n_idle; freshness != UPSTREAM_FRESH && i > 0; i--) {
		struct upstream_conn *conn = pool->idle[i - 1].conn;

		if (pool->idle[i - 1].index != index)
			continue;
		take_out(pool, i - 1);
		if (freshness == UPSTREAM_ANY || upstream_conn_is_alive(conn)) {
			*out = conn;
			return 0;
		}
		upstream_conn_free(conn);
	}
	rc = upstream_conn_new(out, &pool->settings, &pool->set->nodes[index].endpoint);
	return rc < 0 ? rc : 1;
}

void
upstream_pool_put(struct upstream_pool *pool, int index, struct upstream_conn *conn)
{
	if (!upstream_conn_is_reusable(conn)) {
		upstream_conn_free(conn);
		return;
	}
	if (pool->n_idle == UPSTREAM_POOL_MAX)
		upstream_conn_free(take_out(pool, 0)); /* The oldest. */
	upstream_conn_park(conn, pool->idle_ms, on_lost, pool);
	pool->idle[pool->n_idle++] = (struct idle_conn){conn, index};
}

size_t
upstream_pool_n_idle(const struct upstream_pool *pool)
{
	return pool->n_idle;
}
