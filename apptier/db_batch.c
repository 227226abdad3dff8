/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions that are begun anew; see db_batch.h.
 *
 *   begin → call → ... → call → commit → answer
 *     ↑_______↓_____________↓ rolled back by the server, or lost before the commit
 */
#include "apptier/db_batch.h"

#include "apptier/db_tx.h"
#include "common/clock.h"

#include <stdlib.h>

#define TRIES_MAX 4

struct db_batch {
	struct db *db;
	const struct db_call *calls;
	size_t n_calls;
	uint64_t deadline_ns;
	db_result_fn fn;
	void *ctx;
	struct db_tx *tx;
	void (*begin)(struct db_batch *batch);
	size_t n_done; /* Calls of this try. */
	unsigned int n_tries;
	uint64_t n_affected; /* By the last call. */
	uint64_t insert_id;
};

static void
answer(struct db_batch *batch, const struct db_result *result)
{
	db_result_fn fn = batch->fn;
	void *ctx = batch->ctx;

	free(batch);
	fn(ctx, result);
}

/* Begins anew where that is safe: what was not committed has been rolled back. */
static void
fail(struct db_batch *batch, enum db_status status)
{
	const struct db_result result = {.status = status};
	/* Without a try that has begun there is no primary now, or it is too busy. */
	bool lost = status == DB_UNAVAILABLE && batch->n_done > 0;

	db_tx_rollback(batch->tx);
	batch->tx = NULL;
	if ((status == DB_CONFLICT || lost) && batch->n_tries < TRIES_MAX &&
		clock_now_ns() < batch->deadline_ns)
		batch->begin(batch);
	else
		answer(batch, &result);
}

static void
on_committed(void *ctx, const struct db_result *result)
{
	struct db_batch *batch = ctx;
	const struct db_result told = {.status = DB_OK,
		.n_affected = batch->n_affected,
		.insert_id = batch->insert_id,
		.gtid = result->gtid};

	if (result->status != DB_OK) {
		fail(batch, result->status);
		return;
	}
	batch->tx = NULL; /* It ended itself. */
	answer(batch, &told);
}

/* After the beginning, and after each call. */
static void
on_step(void *ctx, const struct db_result *result)
{
	struct db_batch *batch = ctx;

	if (result->status != DB_OK) {
		fail(batch, result->status);
		return;
	}
	batch->n_affected = result->n_affected;
	batch->insert_id = result->insert_id;
	if (batch->n_done < batch->n_calls)
		db_tx_execute(batch->tx, &batch->calls[batch->n_done++], on_step, batch);
	else
		db_tx_commit(batch->tx, on_committed, batch);
}

static void
begin(struct db_batch *batch)
{
	const struct db_result no_memory = {.status = DB_BUSY};

	batch->n_tries++;
	batch->n_done = 0;
	batch->tx = db_begin(batch->db, batch->deadline_ns, on_step, batch);
	if (!batch->tx)
		answer(batch, &no_memory);
}

struct db_batch *
db_batch_run(struct db *db, const struct db_call *calls, size_t n_calls, uint64_t deadline_ns,
	db_result_fn fn, void *ctx)
{
	struct db_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	*batch = (struct db_batch){.db = db,
		.calls = calls,
		.n_calls = n_calls,
		.deadline_ns = deadline_ns,
		.fn = fn,
		.ctx = ctx,
		.begin = begin};
	batch->n_tries = 1;
	batch->tx = db_begin(db, deadline_ns, on_step, batch);
	if (!batch->tx) {
		free(batch);
		return NULL;
	}
	return batch;
}

void
db_batch_cancel(struct db_batch *batch)
{
	if (!batch)
		return;
	db_tx_rollback(batch->tx);
	free(batch);
}
