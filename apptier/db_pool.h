/* SPDX-License-Identifier: BSD-3-Clause */
/* The connections of one worker to one database server, lent out one at a time.
 *
 * Connections are opened when they are needed, up to a maximum, and a minimum is kept open while
 * the pool is told to. Those that idle are asked now and then whether they still live, those beyond
 * the minimum are closed when nobody has needed them for a while, and old ones are replaced. Who
 * finds none free waits in a queue, first come first served, up to the queue's limit and the
 * waiter's deadline. When the server cannot be reached, attempts back off with jitter, and those
 * who wait are refused at once, so that they can go elsewhere. Belongs to one loop and its thread.
 */
#ifndef APPTIER_DB_POOL_H
#define APPTIER_DB_POOL_H

#include "apptier/db_connection.h"
#include "apptier/db_queue.h"

struct db_pool;

struct db_pool_config {
	const struct db_account *account; /* Outlives the pool. */
	uint32_t n_connections;           /* At most. */
	uint32_t n_min;                   /* That are kept open; see db_pool_keep(). */
	uint64_t lifetime_ns;             /* 0: unlimited. */
	uint32_t queue_max;
};

struct db_pool_stats {
	uint64_t n_opened;      /* Connections made since the start. */
	uint64_t n_lost;        /* Of them, those that broke. */
	uint64_t n_retired;     /* Of them, those closed because of their age or idleness. */
	uint64_t n_killed;      /* Statements ended at the server after their deadline. */
	uint64_t n_refused;     /* Leases refused with DB_BUSY. */
	uint32_t n_connections; /* Now. */
	uint32_t n_waiting;     /* Now. */
};

/* 'on_lost' is called when a connection that was open broke: a hint that the server may be gone.
 * Returns 0, or -ENOMEM with 'err' set. */
int db_pool_new(struct db_pool **out, uv_loop_t *loop, const struct db_pool_config *config,
	struct err *err);
void db_pool_on_lost(struct db_pool *pool, void (*on_lost)(void *ctx), void *ctx);

/* Closes all connections. Nobody may hold or wait for one any more. NULL is allowed. */
void db_pool_free(struct db_pool *pool);

/* Asks for a connection: exactly one of 'granted' and 'refused' is called, perhaps before this
 * returns. */
void db_pool_acquire(struct db_pool *pool, struct db_lease *lease);

/* Leaves the queue; neither callback comes any more. Allowed in any state of the lease. */
void db_pool_cancel(struct db_pool *pool, struct db_lease *lease);

/* Gives back what was granted. A connection that is not usable any more, or that 'discard' says is
 * in the middle of something, is closed. */
void db_pool_release(struct db_pool *pool, struct db_connection *connection, bool discard);

/* Whether the minimum of connections is kept open: not while the server is down or nobody will ask
 * for them. */
void db_pool_keep(struct db_pool *pool, bool keep);

/* Drops all idle connections and tries anew at the next acquire: the server is another than it was
 * (its role changed), or is back. */
void db_pool_reset(struct db_pool *pool);

void db_pool_stats(const struct db_pool *pool, struct db_pool_stats *out);

#endif /* APPTIER_DB_POOL_H */
