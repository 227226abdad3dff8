/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections to one server, lent out; see db_pool.h. */
#include "apptier/db_pool.h"

#include "apptier/backoff.h"
#include "apptier/db_kill.h"
#include "common/clock.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

LOG_MODULE("database");

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define TEND_MS 500
#define IDLE_LIMIT_NS (60 * NS_PER_S)  /* Then those beyond the minimum are closed. */
#define CHECK_AFTER_NS (15 * NS_PER_S) /* Idle for so long: does it still live? */
#define CHECK_LIMIT_NS NS_PER_S

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
	uint64_t retire_ns;  /* When it is too old. */
	uint64_t used_ns;    /* When it was given back last. */
	uint64_t checked_ns; /* When it last did something. */
};

struct db_pool {
	uv_loop_t *loop;
	struct db_pool_config config;
	struct db_killer *killer;
	bool keep; /* The minimum is kept. */
	struct slot *slots;
	uint32_t n_slots;
	uint32_t n_by_state[4]; /* Slots by enum slot_state. */
	struct db_queue queue;
	struct backoff backoff;
	uint64_t retry_ns;    /* No attempt to connect before this time. */
	uint64_t returned_ns; /* When a connection last came back in order while others waited. */
	uv_timer_t timer;     /* The deadline of the queue's first. */
	uv_timer_t tend;      /* Looks after idle connections. */
	int n_handles;        /* Open libuv handles. */
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

/* Refuses those who wait now; who comes back meanwhile is not asked again in this round. */
static void
refuse_all(struct db_pool *pool, enum db_status why)
{
	for (uint32_t n = pool->queue.n; n > 0 && pool->queue.first; n--) {
		struct db_lease *lease = pool->queue.first;

		db_queue_remove(&pool->queue, lease);
		lease->refused(lease->ctx, why);
	}
}

/* Lends 'slot' to the first in the queue, or lets it idle. */
static void
serve(struct db_pool *pool, struct slot *slot)
{
	struct db_lease *lease = pool->queue.first;

	if (!lease) {
		slot->used_ns = slot->checked_ns = clock_now_ns();
		set_state(slot, SLOT_IDLE);
		return;
	}
	db_queue_remove(&pool->queue, lease);
	set_state(slot, SLOT_LENT);
	lease->granted(lease->ctx, slot->connection);
}

static bool
has_live_slot(const struct db_pool *pool)
{
	return pool->n_by_state[SLOT_CLOSED] + pool->n_by_state[SLOT_OPENING] < pool->n_slots;
}

static uint32_t
random_number(void)
{
	uint32_t random = 0;

	(void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return random;
}

/* When a connection that is opened now is too old: a tenth earlier or later, so that those which
 * were opened together are not all replaced together. */
static uint64_t
retire_ns(const struct db_pool *pool)
{
	uint64_t lifetime_ns = pool->config.lifetime_ns;

	if (lifetime_ns == 0)
		return UINT64_MAX;
	return clock_now_ns() + lifetime_ns - lifetime_ns / 10 +
	       lifetime_ns / 5 * (random_number() % 1024) / 1024;
}

static void
on_opened(void *ctx, struct db_connection *connection)
{
	struct slot *slot = ctx;

	(void)connection;
	slot->retire_ns = retire_ns(slot->pool);
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

	(void)connection;
	close_slot(slot);
	if (was_open) {
		LOG_LIMITED(LOG_WARN, "%s: %s", pool->config.account->server, why);
		pool->stats.n_lost++;
		if (pool->on_lost)
			pool->on_lost(pool->on_lost_ctx);
		return;
	}
	pool->retry_ns = clock_now_ns() + backoff_fail(&pool->backoff, random_number()) * NS_PER_MS;
	LOG_LIMITED(LOG_WARN, "%s: cannot connect: %s", pool->config.account->server, why);
	if (!has_live_slot(pool))
		refuse_all(pool, DB_UNAVAILABLE);
}

static const struct db_connection_events events = {
	.opened = on_opened,
	.lost = on_connection_lost,
};

/* How many may be on their way: one for each who waits, and what the minimum lacks. */
static uint32_t
n_wanted(const struct db_pool *pool)
{
	uint32_t n_open = pool->n_by_state[SLOT_IDLE] + pool->n_by_state[SLOT_LENT];
	uint32_t n_min = pool->keep ? pool->config.n_min : 0;
	uint32_t n_missing = n_open < n_min ? n_min - n_open : 0;

	return pool->queue.n > n_missing ? pool->queue.n : n_missing;
}

/* Connections that are, or can be, on their way: who waits for one of these is not in the queue. */
static uint32_t
n_to_come(const struct db_pool *pool)
{
	bool may_open = clock_now_ns() >= pool->retry_ns;

	return pool->n_by_state[SLOT_OPENING] + (may_open ? pool->n_by_state[SLOT_CLOSED] : 0);
}

/* Opens one more connection if there may be one. Returns false if none is on its way. */
static bool
open_slot(struct db_pool *pool)
{
	struct slot *slot = find_state(pool, SLOT_CLOSED);
	struct err err;

	if (!slot || pool->n_by_state[SLOT_OPENING] >= n_wanted(pool) ||
		clock_now_ns() < pool->retry_ns)
		return pool->n_by_state[SLOT_OPENING] > 0;
	set_state(slot, SLOT_OPENING);
	if (db_connection_new(
		    &slot->connection, pool->loop, pool->config.account, &events, slot, &err) < 0) {
		LOG_LIMITED(LOG_ERROR, "%s: %s", pool->config.account->server, err.text);
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

	while ((lease = pool->queue.first) && lease->deadline_ns <= now_ns) {
		db_queue_remove(&pool->queue, lease);
		pool->stats.n_refused++;
		/* If nothing came back all the while, the server hangs. */
		lease->refused(lease->ctx,
			pool->returned_ns < lease->queued_ns ? DB_UNAVAILABLE : DB_BUSY);
	}
	if (pool->queue.first)
		uv_timer_start(timer, on_timer,
			(pool->queue.first->deadline_ns - now_ns) / NS_PER_MS + 1, 0);
}

static void
enqueue(struct db_pool *pool, struct db_lease *lease)
{
	uint64_t now_ns = clock_now_ns();

	db_queue_add(&pool->queue, lease, now_ns);
	if (!uv_is_active((uv_handle_t *)&pool->timer) && lease->deadline_ns > now_ns)
		uv_timer_start(
			&pool->timer, on_timer, (lease->deadline_ns - now_ns) / NS_PER_MS + 1, 0);
}

/* Closes what came back and is not to be lent again; who waits gets another one. */
static void
drop_slot(struct db_pool *pool, struct slot *slot)
{
	close_slot(slot);
	if (pool->queue.first && !open_slot(pool) && !has_live_slot(pool))
		refuse_all(pool, DB_UNAVAILABLE);
}

static void
retire(struct db_pool *pool, struct slot *slot)
{
	pool->stats.n_retired++;
	drop_slot(pool, slot);
}

/* The answer of an idle connection that was asked whether it lives. */
static void
on_checked(void *ctx, const struct db_result *result)
{
	struct slot *slot = ctx;
	struct db_pool *pool = slot->pool;
	uint64_t used_ns = slot->used_ns;

	if (result->status == DB_OK) {
		serve(pool, slot);
		slot->used_ns = used_ns; /* A check is no use. */
		return;
	}
	pool->stats.n_lost++;
	drop_slot(pool, slot);
	if (pool->on_lost)
		pool->on_lost(pool->on_lost_ctx);
}

static void
tend_slot(struct db_pool *pool, struct slot *slot, uint64_t now_ns)
{
	uint32_t n_open = pool->n_by_state[SLOT_IDLE] + pool->n_by_state[SLOT_LENT];
	uint32_t n_min = pool->keep ? pool->config.n_min : 0;

	if (now_ns >= slot->retire_ns ||
		(n_open > n_min && now_ns - slot->used_ns >= IDLE_LIMIT_NS)) {
		retire(pool, slot);
	} else if (now_ns - slot->checked_ns >= CHECK_AFTER_NS) {
		set_state(slot, SLOT_LENT);
		db_connection_command(
			slot->connection, "DO 1", now_ns + CHECK_LIMIT_NS, on_checked, slot);
	}
}

static void
on_tend(uv_timer_t *timer)
{
	struct db_pool *pool = timer->data;
	uint64_t now_ns = clock_now_ns();
	uint32_t n_opening;

	for (uint32_t i = 0; i < pool->n_slots; i++) {
		if (pool->slots[i].state == SLOT_IDLE)
			tend_slot(pool, &pool->slots[i], now_ns);
	}
	do {
		n_opening = pool->n_by_state[SLOT_OPENING];
		open_slot(pool);
	} while (pool->n_by_state[SLOT_OPENING] > n_opening);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct db_pool *pool = handle->data;

	if (--pool->n_handles == 0)
		free(pool);
}

static void
open_timer(struct db_pool *pool, uv_timer_t *timer)
{
	uv_timer_init(pool->loop, timer);
	timer->data = pool;
	pool->n_handles++;
}

int
db_pool_new(
	struct db_pool **out, uv_loop_t *loop, const struct db_pool_config *config, struct err *err)
{
	struct db_pool *pool = calloc(1, sizeof(*pool));
	struct slot *slots = calloc(config->n_connections, sizeof(*slots));
	struct db_killer *killer = db_killer_new(loop, config->account);

	if (!pool || !slots || !killer) {
		free(pool);
		free(slots);
		db_killer_free(killer);
		return err_set(err, -ENOMEM, "no memory for a pool of database connections");
	}
	pool->loop = loop;
	pool->config = *config;
	pool->killer = killer;
	pool->slots = slots;
	pool->n_slots = pool->n_by_state[SLOT_CLOSED] = config->n_connections;
	for (uint32_t i = 0; i < pool->n_slots; i++)
		slots[i].pool = pool;
	backoff_init(&pool->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	open_timer(pool, &pool->timer);
	open_timer(pool, &pool->tend);
	uv_timer_start(&pool->tend, on_tend, TEND_MS, TEND_MS);
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
	assert(!pool->queue.first);
	db_killer_free(pool->killer);
	for (uint32_t i = 0; i < pool->n_slots; i++)
		close_slot(&pool->slots[i]);
	free(pool->slots);
	uv_close((uv_handle_t *)&pool->timer, on_timer_closed);
	uv_close((uv_handle_t *)&pool->tend, on_timer_closed);
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
	if (pool->queue.n >= pool->config.queue_max + n_to_come(pool)) {
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
		db_queue_remove(&pool->queue, lease);
}

void
db_pool_release(struct db_pool *pool, struct db_connection *connection, bool discard)
{
	struct slot *slot = find_connection(pool, connection);
	unsigned long given_up = db_connection_given_up(connection);

	assert(slot && slot->state == SLOT_LENT);
	if (db_connection_is_usable(connection) && !discard) {
		uint64_t now_ns = clock_now_ns();

		if (pool->queue.first)
			pool->returned_ns = now_ns;
		if (now_ns < slot->retire_ns)
			serve(pool, slot);
		else
			retire(pool, slot);
		return;
	}
	pool->stats.n_lost++;
	if (given_up)
		db_killer_kill(pool->killer, given_up);
	drop_slot(pool, slot);
	if (pool->on_lost)
		pool->on_lost(pool->on_lost_ctx);
}

void
db_pool_keep(struct db_pool *pool, bool keep)
{
	pool->keep = keep;
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
	out->n_waiting = pool->queue.n;
	out->n_connections = pool->n_by_state[SLOT_IDLE] + pool->n_by_state[SLOT_LENT];
	out->n_killed = db_killer_count(pool->killer);
}
