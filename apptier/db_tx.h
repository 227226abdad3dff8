/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions: several statements on one connection to the primary, all or nothing.
 *
 *   db_begin → 'fn' with the result of BEGIN → db_tx_execute → 'fn' → ... → db_tx_commit → 'fn'
 *
 * Each step calls the function it was given once, never before the step's call returns. After a
 * result other than DB_OK the owner ends the transaction with db_tx_rollback(), whatever the result
 * was; nothing it did is then in the database, except that a commit with DB_UNKNOWN may have
 * happened. When a commit's DB_OK is told it is over already and the pointer is dead. */
#ifndef APPTIER_DB_TX_H
#define APPTIER_DB_TX_H

#include "apptier/db.h"

struct db_tx;

/* Returns the transaction, or NULL if memory is short ('fn' is then not called). */
struct db_tx *db_begin(struct db *db, uint64_t deadline_ns, db_result_fn fn, void *ctx);

/* Runs a statement. The call's values must stay until 'fn' is called. */
void db_tx_execute(struct db_tx *tx, const struct db_call *call, db_result_fn fn, void *ctx);

/* Results: DB_OK with the GTID; DB_UNKNOWN when the connection was lost meanwhile. */
void db_tx_commit(struct db_tx *tx, db_result_fn fn, void *ctx);

/* Ends the transaction; no function is called any more, and the pointer is dead. Allowed at any
 * time: a commit under way goes on, anything else is rolled back. NULL is allowed. */
void db_tx_rollback(struct db_tx *tx);

#endif /* APPTIER_DB_TX_H */
