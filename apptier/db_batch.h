/* SPDX-License-Identifier: BSD-3-Clause */
/* A transaction whose statements are known from the start, so that it can be begun anew when the
 * database has rolled it back: after a deadlock, or when the connection broke before the commit was
 * sent. */
#ifndef APPTIER_DB_BATCH_H
#define APPTIER_DB_BATCH_H

#include "apptier/db.h"

struct db_batch;

/* Runs the calls in their order and commits. They and their values must stay until 'fn' is called,
 * which is once, not before this returns: with the last call's result and the transaction's GTID,
 * or with the first status that is not DB_OK. Returns NULL if memory is short. */
struct db_batch *db_batch_run(struct db *db, const struct db_call *calls, size_t n_calls,
	uint64_t deadline_ns, db_result_fn fn, void *ctx);

/* 'fn' will not be called, and the calls may go. A commit under way goes on, anything else is
 * rolled back. NULL is allowed. */
void db_batch_cancel(struct db_batch *batch);

#endif /* APPTIER_DB_BATCH_H */
