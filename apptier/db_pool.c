/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections to one server, lent out; see db_pool.h. */
#include "apptier/db_pool.h"

#include "apptier/backoff.h"
#include "common/clock.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

LOG_MODULE("database");

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000

enum slot_state {
	SLOT_CLOSED,
	SLOT_OPENING,
	SLOT_IDLE,
	SLOT_LENT
};

struct slot {
	struct db_pool *pool;
	struct db_connection *connection;
	enum slot_state state;
};

struct db_pool {
	uv_loop_t *loop;
	const struct db_account *account;
	struct slot *slots;
	uint32_t n_slots;
	uint32_t n_by_state[4]; /* Slots by enum slot_state. */
	struct db_lease *first; /* The queue. */
	struct db_lease *last;
	uint32_t queue_max;
	struct backoff backoff;
	uint64_t retry_ns;    /* No attempt to connect before this time. */
	uint64_t returned_ns; /* When a connection last came back in order while others waited. */
	uv_timer_t timer;     /* The deadline of the queue's first. */
	void (*on_lost)(void *ctx);
	void *on_lost_ctx;
	struct db_pool_stats stats;
};

static void
set_state(struct slot *slot, enum slot_state state)
{
	slot->pool->n_by_state[slot->state]--;
	slot->pool->n_by_state[state]++;
	slot->state = state;
}

static void
close_slot(struct slot *slot)
{
	struct db_connection *connection = slot->connection;

	slot->connection = NULL;
	set_state(slot, SLOT_CLOSED);
	db_connection_free(connection);
}

static struct slot *
find_state(struct db_pool *pool, enum slot_state state)
{
	if (pool->n_by_state[state] == 0)
		return NULL;
	for (uint32_t i = 0; i < pool->n_slots; i++) {
		if (pool->slots[i].state == state)
			return &pool->slots[i];
	}
	return NULL;
}

static struct slot *
find_connection(struct db_pool *pool, const struct db_connection *connection)
{
	for (uint32_t i = 0; i < pool->n_slots; i++) {
		if (pool->slots[i].connection == connection)
			return &pool->slots[i];
	}
	return NULL;
}

static void
remove_lease(struct db_pool *pool, struct db_lease *lease)
{
	struct db_lease **link = &pool->first, *previous = NULL;

	while (*link != lease) {
		previous = *link;
		link = &previous->next;
	}
	*link = lease->next;
	if (pool->last == lease)
		pool->last = previous;
	lease->queued = false;
	pool->stats.n_waiting--;
}

/* Refuses those who wait now; who comes back meanwhile is not asked again in this round. */
static void
refuse_all(struct db_pool *pool, enum db_status why)
{
	for (uint32_t n = pool->stats.n_waiting; n > 0 && pool->first; n--) {
		struct db_lease *lease = pool->first;

		remove_lease(pool, lease);
		lease->refused(lease->ctx, why);
	}
}

/* Lends 'slot' to the first in the queue, or lets it idle. */
static void
serve(struct db_pool *pool, struct slot *slot)
{
	struct db_lease *lease = pool->first;

	if (!lease) {
		set_state(slot, SLOT_IDLE);
		return;
	}
	remove_lease(pool, lease);
	set_state(slot, SLOT_LENT);
	lease->granted(lease->ctx, slot->connection);
}

static bool
has_live_slot(const struct db_pool *pool)
{
	return pool->n_by_state[SLOT_CLOSED] + pool->n_by_state[SLOT_OPENING] < pool->n_slots;
}

static void
on_opened(void *ctx, struct db_connection *connection)
{
	struct slot *slot = ctx;

	(void)connection;
	backoff_reset(&slot->pool->backoff);
	slot->pool->retry_ns = 0;
	slot->pool->stats.n_opened++;
	serve(slot->pool, slot);
}

static void
on_connection_lost(void *ctx, struct db_connection *connection, const char *why)
{
	struct slot *slot = ctx;
	struct db_pool *pool = slot->pool;
	bool was_open = slot->state != SLOT_OPENING;
	uint32_t random = 0;

	(void)connection;
	close_slot(slot);
	if (was_open) {
		LOG_LIMITED(LOG_WARN, "%s: %s", pool->account->server, why);
		pool->stats.n_lost++;
		if (pool->on_lost)
			pool->on_lost(pool->on_lost_ctx);
		return;
	}
	(void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
	pool->retry_ns = clock_now_ns() + backoff_fail(&pool->backoff, random) * NS_PER_MS;
	LOG_LIMITED(LOG_WARN, "%s: cannot connect: %s", pool->account->server, why);
	if (!has_live_slot(pool))
		refuse_all(pool, DB_UNAVAILABLE);
}

static const struct db_connection_events events = {
	.opened = on_opened,
	.lost = on_connection_lost,
};

/* Opens one more connection if there may be one. Returns false if none is on its way. */
static bool
open_slot(struct db_pool *pool)
{
	struct slot *slot = find_state(pool, SLOT_CLOSED);
	struct err err;

	/* One on its way for each who waits is enough. */
	if (!slot || pool->n_by_state[SLOT_OPENING] >= pool->stats.n_waiting ||
		clock_now_ns() < pool->retry_ns)
		return pool->n_by_state[SLOT_OPENING] > 0;
	set_state(slot, SLOT_OPENING);
	if (db_connection_new(&slot->connection, pool->loop, pool->account, &events, slot, &err) <
		0) {
		LOG_LIMITED(LOG_ERROR, "%s: %s", pool->account->server, err.text);
		set_state(slot, SLOT_CLOSED);
		return pool->n_by_state[SLOT_OPENING] > 0;
	}
	/* It may have failed already, or even have been served. */
	return slot->state != SLOT_CLOSED;
}

static void
on_timer(uv_timer_t *timer)
{
	struct db_pool *pool = timer->data;
	uint64_t now_ns = clock_now_ns();
	struct db_lease *lease;

	while ((lease = pool->first) && lease->deadline_ns <= now_ns) {
		remove_lease(pool, lease);
		pool->stats.n_refused++;
		/* If nothing came back all the while, the server hangs. */
		lease->refused(lease->ctx,
			pool->returned_ns < lease->queued_ns ? DB_UNAVAILABLE : DB_BUSY);
	}
	if (pool->first)
		uv_timer_start(
			timer, on_timer, (pool->first->deadline_ns - now_ns) / NS_PER_MS + 1, 0);
}

static void
enqueue(struct db_pool *pool, struct db_lease *lease)
{
	uint64_t now_ns = clock_now_ns();

	lease->next = NULL;
	lease->queued = true;
	lease->queued_ns = now_ns;
	if (pool->last)
		pool->last->next = lease;
	else
		pool->first = lease;
	pool->last = lease;
	pool->stats.n_waiting++;
	if (!uv_is_active((uv_handle_t *)&pool->timer) && lease->deadline_ns > now_ns)
		uv_timer_start(
			&pool->timer, on_timer, (lease->deadline_ns - now_ns) / NS_PER_MS + 1, 0);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int
db_pool_new(struct db_pool **out, uv_loop_t *loop, const struct db_account *account,
	uint32_t n_connections, uint32_t queue_max, struct err *err)
{
	struct db_pool *pool = calloc(1, sizeof(*pool));
	struct slot *slots = calloc(n_connections, sizeof(*slots));

	if (!pool || !slots) {
		free(pool);
		free(slots);
		return err_set(err, -ENOMEM, "no memory for a pool of database connections");
	}
	pool->loop = loop;
	pool->account = account;
	pool->slots = slots;
	pool->n_slots = pool->n_by_state[SLOT_CLOSED] = n_connections;
	pool->queue_max = queue_max;
	for (uint32_t i = 0; i < n_connections; i++)
		slots[i].pool = pool;
	backoff_init(&pool->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	uv_timer_init(loop, &pool->timer);
	pool->timer.data = pool;
	*out = pool;
	return 0;
}

void
db_pool_on_lost(struct db_pool *pool, void (*on_lost)(void *ctx), void *ctx)
{
	pool->on_lost = on_lost;
	pool->on_lost_ctx = ctx;
}

void
db_pool_free(struct db_pool *pool)
{
	if (!pool)
		return;
	assert(!pool->first && pool->n_by_state[SLOT_LENT] == 0);
	for (uint32_t i = 0; i < pool->n_slots; i++)
		close_slot(&pool->slots[i]);
	free(pool->slots);
	uv_close((uv_handle_t *)&pool->timer, on_timer_closed);
}

void
db_pool_acquire(struct db_pool *pool, struct db_lease *lease)
{
	struct slot *slot = find_state(pool, SLOT_IDLE);

	if (slot) {
		set_state(slot, SLOT_LENT);
		lease->granted(lease->ctx, slot->connection);
		return;
	}
	if (pool->stats.n_waiting >= pool->queue_max) {
		pool->stats.n_refused++;
		lease->refused(lease->ctx, DB_BUSY);
		return;
	}
	enqueue(pool, lease);
	/* From here on the lease may be gone: served, or refused because connecting failed at once.
	 */
	if (!open_slot(pool) && !has_live_slot(pool))
		refuse_all(pool, DB_UNAVAILABLE);
}

void
db_pool_cancel(struct db_pool *pool, struct db_lease *lease)
{
	if (lease->queued)
		remove_lease(pool, lease);
}

void
db_pool_release(struct db_pool *pool, struct db_connection *connection, bool discard)
{
	struct slot *slot = find_connection(pool, connection);

	assert(slot && slot->state == SLOT_LENT);
	if (db_connection_is_usable(connection) && !discard) {
		if (pool->first)
			pool->returned_ns = clock_now_ns();
		serve(pool, slot);
		return;
	}
	pool->stats.n_lost++;
	close_slot(slot);
	if (pool->on_lost)
		pool->on_lost(pool->on_lost_ctx);
	/* Who waits needs another one in its place. */
	if (pool->first && !open_slot(pool) && !has_live_slot(pool))
		refuse_all(pool, DB_UNAVAILABLE);
}

void
db_pool_reset(struct db_pool *pool)
{
	for (uint32_t i = 0; i < pool->n_slots; i++) {
		if (pool->slots[i].state == SLOT_IDLE)
			close_slot(&pool->slots[i]);
	}
	pool->retry_ns = 0;
	backoff_reset(&pool->backoff);
}

void
db_pool_stats(const struct db_pool *pool, struct db_pool_stats *out)
{
	*out = pool->stats;
	out->n_connections = pool->n_by_state[SLOT_IDLE] + pool->n_by_state[SLOT_LENT];
}
