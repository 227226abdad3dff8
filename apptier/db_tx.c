/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions on the primary; see db_tx.h. */
#include "apptier/db_tx.h"

#include "apptier/db_internal.h"
#include "common/clock.h"

#include <assert.h>
#include <stdlib.h>

#define ROLLBACK_LIMIT_NS NS_PER_S

enum tx_state {
	TX_LEASING, /* Waits for a connection. */
	TX_RUNNING, /* A statement is under way. */
	TX_OPEN,    /* The owner's turn. */
	TX_OVER,    /* Committed or lost: nothing to roll back. */
};

struct db_tx {
	struct db_deferred deferred; /* First member. */
	struct db *db;
	struct db_server *server;
	struct db_connection *connection;
	struct db_lease lease;
	enum tx_state state;
	bool starting; /* Inside a call of the owner: the answer has to wait. */
	bool pending;  /* An answer is deferred. */
	bool committing;
	bool abandoned; /* The owner has gone; ends itself when it can. */
	uint64_t deadline_ns;
	db_result_fn fn;
	void *ctx;
	struct db_result result; /* Deferred. */
};

static void
tx_free(struct db_tx *tx, bool discard)
{
	if (tx->connection)
		db_pool_release(tx->server->writers, tx->connection, discard);
	tx->db->n_open--;
	free(tx);
}

static void
on_rolled_back(void *ctx, const struct db_result *result)
{
	struct db_tx *tx = ctx;

	db_server_note(tx->server, result);
	tx_free(tx, result->status != DB_OK);
}

/* Ends the transaction for an owner that has gone. No statement is under way. */
static void
end(struct db_tx *tx)
{
	if (tx->state == TX_OPEN && tx->connection && db_connection_is_usable(tx->connection))
		db_connection_command(tx->connection, "ROLLBACK",
			clock_now_ns() + ROLLBACK_LIMIT_NS, on_rolled_back, tx);
	else
		tx_free(tx, false);
}

static void
deliver(struct db_tx *tx)
{
	const struct db_result result = tx->result;
	db_result_fn fn = tx->fn;
	void *ctx = tx->ctx;

	tx->pending = false;
	if (tx->abandoned) {
		end(tx);
		return;
	}
	/* After a commit nothing is left to end, and a commit has no rows that would need us. */
	if (tx->state == TX_OVER && result.status == DB_OK)
		tx_free(tx, false);
	fn(ctx, &result);
}

static void
deliver_deferred(struct db_deferred *deferred)
{
	deliver((struct db_tx *)deferred);
}

static void
answer(struct db_tx *tx, const struct db_result *result)
{
	tx->result = *result;
	if (!tx->starting) {
		deliver(tx);
		return;
	}
	tx->pending = true;
	tx->deferred.run = deliver_deferred;
	db_defer(tx->db, &tx->deferred);
}

static void
on_result(void *ctx, const struct db_result *result)
{
	struct db_tx *tx = ctx;
	struct db_result told = *result;

	db_server_note(tx->server, result);
	tx->state = TX_OPEN;
	if (!db_connection_is_usable(tx->connection) || (tx->committing && result->status == DB_OK))
		tx->state = TX_OVER;
	/* What was lost before the commit is rolled back by the server: that much is certain. */
	if (told.status == DB_UNKNOWN && !tx->committing)
		told.status = DB_UNAVAILABLE;
	answer(tx, &told);
}

static void
command(struct db_tx *tx, const char *sql)
{
	tx->state = TX_RUNNING;
	db_connection_command(tx->connection, sql, tx->deadline_ns, on_result, tx);
}

static void
on_granted(void *ctx, struct db_connection *connection)
{
	struct db_tx *tx = ctx;

	tx->connection = connection;
	command(tx, "START TRANSACTION");
}

static void
on_refused(void *ctx, enum db_status why)
{
	struct db_tx *tx = ctx;
	const struct db_result result = {.status = why};

	tx->state = TX_OVER;
	answer(tx, &result);
}

struct db_tx *
db_begin(struct db *db, uint64_t deadline_ns, db_result_fn fn, void *ctx)
{
	struct db_tx *tx = calloc(1, sizeof(*tx));

	if (!tx)
		return NULL;
	db->n_open++;
	tx->db = db;
	tx->deadline_ns = deadline_ns;
	tx->fn = fn;
	tx->ctx = ctx;
	tx->lease = (struct db_lease){.deadline_ns = deadline_ns,
		.granted = on_granted,
		.refused = on_refused,
		.ctx = tx};
	tx->server = db_route_write(db);
	tx->starting = true;
	if (tx->server)
		db_pool_acquire(tx->server->writers, &tx->lease);
	else
		on_refused(tx, DB_UNAVAILABLE);
	tx->starting = false;
	return tx;
}

void
db_tx_execute(struct db_tx *tx, const struct db_call *call, db_result_fn fn, void *ctx)
{
	assert(tx->state == TX_OPEN && !tx->pending);
	tx->fn = fn;
	tx->ctx = ctx;
	tx->state = TX_RUNNING;
	tx->starting = true;
	db_connection_execute(tx->connection, call, tx->deadline_ns, on_result, tx);
	tx->starting = false;
}

void
db_tx_commit(struct db_tx *tx, db_result_fn fn, void *ctx)
{
	assert(tx->state == TX_OPEN && !tx->pending);
	tx->fn = fn;
	tx->ctx = ctx;
	tx->committing = true;
	tx->starting = true;
	command(tx, "COMMIT");
	tx->starting = false;
}

void
db_tx_rollback(struct db_tx *tx)
{
	if (!tx)
		return;
	tx->abandoned = true;
	if (tx->state == TX_LEASING) {
		db_pool_cancel(tx->server->writers, &tx->lease);
		tx_free(tx, false);
	} else if (tx->state != TX_RUNNING && !tx->pending) {
		end(tx);
	}
}
