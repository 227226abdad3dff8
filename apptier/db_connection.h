/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection to one MariaDB server, on Connector/C's non-blocking calls in a libuv loop.
 *
 * A connection is used once: it connects, runs one statement after the other, and when it breaks it
 * is freed and its owner makes another. Statements are prepared at first use and kept. All of it
 * belongs to the loop's thread. Callbacks may come before the call that asked for them returns, and
 * may free the connection. */
#ifndef APPTIER_DB_CONNECTION_H
#define APPTIER_DB_CONNECTION_H

#include "apptier/db_value.h"
#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Where and as whom to connect. Outlives the connections. */
struct db_account {
	const char *server; /* The node's name, for messages. */
	struct endpoint endpoint;
	const char *user;
	const char *password;
	const char *database;
	const char *tls_ca; /* PEM; NULL: no TLS. */
	uint32_t connect_timeout_ms;
	uint32_t statement_timeout_ms; /* The server itself ends what takes longer. */
};

struct db_connection;

struct db_connection_events {
	void (*opened)(void *ctx, struct db_connection *connection);
	/* It could not be opened, or the server closed it between statements. Loss during a
	 * statement is told by that statement's result. The owner frees it now or later. */
	void (*lost)(void *ctx, struct db_connection *connection, const char *why);
};

/* Begins to connect. Returns 0, or -ENOMEM with 'err' set. 'account' and 'events' are borrowed. */
int db_connection_new(struct db_connection **out, uv_loop_t *loop, const struct db_account *account,
	const struct db_connection_events *events, void *ctx, struct err *err);

/* Closes at once, whatever is under way; no callback comes any more. Memory goes when the loop has
 * run its close callbacks. NULL is allowed. */
void db_connection_free(struct db_connection *connection);

/* True while statements can be given to it. */
bool db_connection_is_usable(const struct db_connection *connection);

/* The server's number of this connection if a statement on it was given up, and so may go on there;
 * else 0. */
unsigned long db_connection_given_up(const struct db_connection *connection);

/* Runs a prepared statement. The connection must be usable and idle; the call's values must stay
 * until 'fn' is called. At 'deadline_ns' the statement is given up and the connection broken.
 * Results: DB_UNAVAILABLE when it was certainly not run, DB_UNKNOWN when it may have been. */
void db_connection_execute(struct db_connection *connection, const struct db_call *call,
	uint64_t deadline_ns, db_result_fn fn, void *ctx);

/* As db_connection_execute() with a constant text that has no parameters and no result: "COMMIT".
 */
void db_connection_command(struct db_connection *connection, const char *sql, uint64_t deadline_ns,
	db_result_fn fn, void *ctx);

#endif /* APPTIER_DB_CONNECTION_H */
