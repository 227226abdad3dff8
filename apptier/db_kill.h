/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends statements that nobody waits for any more.
 *
 * When a statement's deadline has passed its connection is closed, but a MariaDB server notices
 * that only when the statement is done: until then it computes in vain and holds its locks. So it
 * is told, over a connection that is opened for that. What cannot be told is ended by the session's
 * max_statement_time. Belongs to one loop and its thread. */
#ifndef APPTIER_DB_KILL_H
#define APPTIER_DB_KILL_H

#include "apptier/db_connection.h"

struct db_killer;

/* 'account', whose connections it ends, outlives it. Returns NULL if memory is short. */
struct db_killer *db_killer_new(uv_loop_t *loop, const struct db_account *account);
void db_killer_free(struct db_killer *killer);

/* Ends the connection that the server knows as 'thread'. */
void db_killer_kill(struct db_killer *killer, unsigned long thread);

uint64_t db_killer_count(const struct db_killer *killer);

#endif /* APPTIER_DB_KILL_H */
