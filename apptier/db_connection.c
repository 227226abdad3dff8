/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection to a MariaDB server; see db_connection.h.
 *
 * Each of Connector/C's operations is a pair: x_start() and, when it returned a mask of events,
 * x_cont() with those that came, until the mask is 0. drive() is the one loop over such pairs; a
 * statement is up to three of them (prepare, execute, store the result). */
#include "apptier/db_connection.h"

#include "apptier/db_cache.h"
#include "apptier/db_mysql.h"
#include "apptier/db_prepared.h"
#include "common/clock.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

LOG_MODULE("database");

enum step {
	STEP_IDLE,
	STEP_CONNECT,
	STEP_COMMAND,
	STEP_PREPARE,
	STEP_EXECUTE,
	STEP_STORE
};

struct db_connection {
	MYSQL *mysql;
	const struct db_account *account;
	char host[ADDR_TEXT_SIZE]; /* Connector/C uses it until it is connected. */
	const struct db_connection_events *events;
	void *ctx;
	enum step step;
	bool usable;     /* Connected and not broken. */
	bool closing;    /* db_connection_free() was called. */
	bool polling;    /* 'poll' is initialised. */
	int poll_events; /* What 'poll' waits for. */
	int n_handles;   /* Open libuv handles. */
	uv_poll_t poll;
	uv_timer_t timer; /* The deadline of what is under way. */
	union {           /* Where Connector/C leaves the outcome of a step. */
		int number;
		MYSQL *mysql;
	} outcome;
	const struct db_call *call;
	const char *command;
	db_result_fn fn;
	void *fn_ctx;
	MYSQL_STMT *stmt; /* Being prepared or executed. */
	struct db_cache cache;
	unsigned long given_up; /* The server's number of it, if a statement took too long. */
	struct db_rows rows;
};

static void
on_handle_closed(uv_handle_t *handle)
{
	struct db_connection *connection = handle->data;

	if (--connection->n_handles == 0)
		free(connection);
}

/* Ends the socket and all that hangs on it; the object stays until its owner frees it. */
static void
break_connection(struct db_connection *connection)
{
	MYSQL_STMT *unprepared = connection->step == STEP_PREPARE ? connection->stmt : NULL;
	bool in_order = connection->usable && connection->step == STEP_IDLE;

	connection->usable = false;
	connection->step = STEP_IDLE;
	uv_timer_stop(&connection->timer);
	if (!connection->mysql)
		return;
	if (connection->polling) {
		/* Closing says goodbye to the server, which must not block on a dead network; it
		 * cannot while nothing is under way. */
		if (!in_order)
			shutdown(mysql_get_socket(connection->mysql), SHUT_RDWR);
		uv_close((uv_handle_t *)&connection->poll, on_handle_closed);
		connection->polling = false;
	}
	mysql_close(connection->mysql);
	connection->mysql = NULL;
	/* Statements outlive their connection, and without it their closing is only memory. */
	db_cache_clear(&connection->cache);
	if (unprepared)
		mysql_stmt_close(unprepared);
}

/* Gives the result to whoever waits for it; the connection may be gone afterwards. */
static void
finish(struct db_connection *connection, const struct db_result *result)
{
	db_result_fn fn = connection->fn;

	uv_timer_stop(&connection->timer);
	connection->step = STEP_IDLE;
	connection->fn = NULL;
	fn(connection->fn_ctx, result);
}

/* The connection broke, or was given up, in the middle of something. */
static void
lose(struct db_connection *connection, const char *why)
{
	/* What was not sent is certainly not done. */
	bool sent = connection->step == STEP_EXECUTE || connection->step == STEP_STORE ||
		    connection->step == STEP_COMMAND;
	const struct db_result result = {.status = sent ? DB_UNKNOWN : DB_UNAVAILABLE};
	char text[256];

	snprintf(text, sizeof(text), "%s", why); /* 'why' may belong to what is closed now. */
	break_connection(connection);
	if (!connection->fn) {
		connection->events->lost(connection->ctx, connection, text);
		return;
	}
	LOG_LIMITED(LOG_WARN, "%s: connection lost during a statement: %s",
		connection->account->server, text);
	finish(connection, &result);
}

static void
fail(struct db_connection *connection, unsigned int code, const char *text)
{
	struct db_result result = {.status = db_mysql_status(code)};

	if (connection->step == STEP_CONNECT || db_mysql_is_fatal(code)) {
		lose(connection, text);
		return;
	}
	if (result.status == DB_FAILED)
		LOG_LIMITED(LOG_ERROR, "%s: refused a statement: %s (error %u)",
			connection->account->server, text, code);
	if (connection->step == STEP_PREPARE)
		mysql_stmt_close(connection->stmt);
	finish(connection, &result);
}

static void
finish_rows(struct db_connection *connection)
{
	struct db_result result = {.status = DB_OK};
	struct err err;

	if (db_prepared_collect(connection->stmt, &connection->rows, &err) < 0) {
		LOG_LIMITED(LOG_ERROR, "%s: %s", connection->account->server, err.text);
		result.status = DB_FAILED;
	} else {
		result.n_columns = connection->rows.n_columns;
		result.n_rows = result.n_columns ? connection->rows.n_values / result.n_columns : 0;
		result.values = connection->rows.values;
	}
	finish(connection, &result);
}

static void
finish_write(struct db_connection *connection, uint64_t n_affected, uint64_t insert_id)
{
	const struct db_result result = {.status = DB_OK,
		.n_affected = n_affected,
		.insert_id = insert_id,
		.gtid = db_mysql_gtid(connection->mysql)};

	finish(connection, &result);
}

static int
start_step(struct db_connection *connection)
{
	const struct db_account *account = connection->account;
	const char *sql;

	switch (connection->step) {
	case STEP_CONNECT:
		return mysql_real_connect_start(&connection->outcome.mysql, connection->mysql,
			connection->host, account->user, account->password, account->database,
			account->endpoint.port, NULL, 0);
	case STEP_COMMAND:
		return mysql_real_query_start(&connection->outcome.number, connection->mysql,
			connection->command, strlen(connection->command));
	case STEP_PREPARE:
		sql = connection->call->statement->sql;
		return mysql_stmt_prepare_start(
			&connection->outcome.number, connection->stmt, sql, strlen(sql));
	case STEP_EXECUTE:
		return mysql_stmt_execute_start(&connection->outcome.number, connection->stmt);
	case STEP_STORE:
		return mysql_stmt_store_result_start(&connection->outcome.number, connection->stmt);
	case STEP_IDLE:
		break;
	}
	return 0;
}

static int
continue_step(struct db_connection *connection, int ready)
{
	switch (connection->step) {
	case STEP_CONNECT:
		return mysql_real_connect_cont(
			&connection->outcome.mysql, connection->mysql, ready);
	case STEP_COMMAND:
		return mysql_real_query_cont(&connection->outcome.number, connection->mysql, ready);
	case STEP_PREPARE:
		return mysql_stmt_prepare_cont(
			&connection->outcome.number, connection->stmt, ready);
	case STEP_EXECUTE:
		return mysql_stmt_execute_cont(
			&connection->outcome.number, connection->stmt, ready);
	case STEP_STORE:
		return mysql_stmt_store_result_cont(
			&connection->outcome.number, connection->stmt, ready);
	case STEP_IDLE:
		break;
	}
	return 0;
}

/* Binds the parameters; on a mistake of the program the statement fails and false is returned. */
static bool
bind_call(struct db_connection *connection)
{
	const struct db_result result = {.status = DB_FAILED};
	struct err err;

	if (db_prepared_bind(connection->stmt, connection->call, &err) == 0)
		return true;
	LOG_ERR("%s: %s: %s", connection->account->server, err.text,
		connection->call->statement->sql);
	finish(connection, &result);
	return false;
}

/* Decides what follows a step that went well. Returns true if there is another one to drive; after
 * false the connection may be gone. */
static bool
next_step(struct db_connection *connection)
{
	switch (connection->step) {
	case STEP_CONNECT:
		uv_timer_stop(&connection->timer);
		connection->step = STEP_IDLE;
		connection->usable = true;
		connection->events->opened(connection->ctx, connection);
		return false;
	case STEP_COMMAND:
		finish_write(connection, mysql_affected_rows(connection->mysql), 0);
		return false;
	case STEP_PREPARE:
		db_cache_add(&connection->cache, connection->call->statement, connection->stmt);
		connection->step = STEP_EXECUTE;
		return bind_call(connection);
	case STEP_EXECUTE:
		if (mysql_stmt_field_count(connection->stmt) == 0) {
			finish_write(connection, mysql_stmt_affected_rows(connection->stmt),
				mysql_stmt_insert_id(connection->stmt));
			return false;
		}
		connection->step = STEP_STORE;
		return true;
	case STEP_STORE:
		finish_rows(connection);
		return false;
	case STEP_IDLE:
		break;
	}
	return false;
}

static bool
step_failed(const struct db_connection *connection)
{
	return connection->step == STEP_CONNECT ? !connection->outcome.mysql
						: connection->outcome.number != 0;
}

/* Waits for the events of Connector/C's mask. Registered events stay when they already suffice, so
 * that a statement costs no epoll_ctl(). */
static void
wait_for(struct db_connection *connection, int mask, uv_poll_cb on_event)
{
	int events = UV_READABLE | (mask & MYSQL_WAIT_WRITE ? UV_WRITABLE : 0);

	if (!connection->polling) {
		int rc = uv_poll_init(uv_handle_get_loop((uv_handle_t *)&connection->timer),
			&connection->poll, mysql_get_socket(connection->mysql));

		if (rc < 0) {
			lose(connection, uv_strerror(rc));
			return;
		}
		connection->poll.data = connection;
		connection->polling = true;
		connection->n_handles++;
		connection->poll_events = 0;
	}
	if (connection->poll_events != events)
		uv_poll_start(&connection->poll, events, on_event);
	connection->poll_events = events;
}

/* Runs from step to step until one has to wait, and returns the mask of what for; or 0 when all is
 * done, and then the connection may be gone. 'mask' is what the last start or cont returned. */
static int
drive(struct db_connection *connection, int mask)
{
	while (mask == 0) {
		if (step_failed(connection)) {
			bool of_stmt = connection->step >= STEP_PREPARE;

			fail(connection,
				of_stmt ? mysql_stmt_errno(connection->stmt)
					: mysql_errno(connection->mysql),
				of_stmt ? mysql_stmt_error(connection->stmt)
					: mysql_error(connection->mysql));
			return 0;
		}
		if (!next_step(connection))
			return 0;
		mask = start_step(connection);
	}
	return mask;
}

/* Between statements anything to read can only be the end or the server's last words. */
static bool
has_ended(const struct db_connection *connection)
{
	char byte;
	ssize_t n = recv(mysql_get_socket(connection->mysql), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

static void
on_event(uv_poll_t *poll, int status, int events)
{
	struct db_connection *connection = poll->data;
	int ready = 0, mask;

	if (connection->step == STEP_IDLE) {
		if (has_ended(connection)) {
			lose(connection, "the server closed the connection");
			return;
		}
		/* Writable, from a wait that has been answered since. */
		connection->poll_events = UV_READABLE;
		uv_poll_start(poll, UV_READABLE, on_event);
		return;
	}
	if (status < 0 || events & UV_READABLE)
		ready |= MYSQL_WAIT_READ;
	if (events & UV_WRITABLE)
		ready |= MYSQL_WAIT_WRITE;
	mask = drive(connection, continue_step(connection, ready));
	if (mask)
		wait_for(connection, mask, on_event);
}

/* Begins the current step. The connection may be gone afterwards. */
static void
run(struct db_connection *connection)
{
	int mask = drive(connection, start_step(connection));

	if (mask)
		wait_for(connection, mask, on_event);
}

static void
on_deadline(uv_timer_t *timer)
{
	struct db_connection *connection = timer->data;

	if (connection->usable)
		connection->given_up = mysql_thread_id(connection->mysql);
	lose(connection, "no answer in time");
}

static void
arm(struct db_connection *connection, uint64_t deadline_ns)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

	uv_timer_start(&connection->timer, on_deadline, left_ns / NS_PER_MS + 1, 0);
}

int
db_connection_new(struct db_connection **out, uv_loop_t *loop, const struct db_account *account,
	const struct db_connection_events *events, void *ctx, struct err *err)
{
	struct db_connection *connection = calloc(1, sizeof(*connection));

	if (connection)
		connection->mysql = mysql_init(NULL);
	if (!connection || !connection->mysql) {
		free(connection);
		return err_set(err, -ENOMEM, "no memory for a database connection");
	}
	connection->account = account;
	addr_format(&account->endpoint.addr, connection->host, sizeof(connection->host));
	connection->events = events;
	connection->ctx = ctx;
	uv_timer_init(loop, &connection->timer);
	connection->timer.data = connection;
	connection->n_handles = 1;
	db_mysql_set_options(connection->mysql, account);
	*out = connection;
	connection->step = STEP_CONNECT;
	arm(connection, clock_now_ns() + account->connect_timeout_ms * NS_PER_MS);
	run(connection);
	return 0;
}

void
db_connection_free(struct db_connection *connection)
{
	if (!connection || connection->closing)
		return;
	connection->closing = true;
	break_connection(connection);
	db_rows_fini(&connection->rows);
	uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
}

bool
db_connection_is_usable(const struct db_connection *connection)
{
	return connection->usable;
}

unsigned long
db_connection_given_up(const struct db_connection *connection)
{
	return connection->given_up;
}

static void
begin(struct db_connection *connection, uint64_t deadline_ns, db_result_fn fn, void *ctx)
{
	assert(connection->usable && connection->step == STEP_IDLE);
	connection->fn = fn;
	connection->fn_ctx = ctx;
	arm(connection, deadline_ns);
}

void
db_connection_execute(struct db_connection *connection, const struct db_call *call,
	uint64_t deadline_ns, db_result_fn fn, void *ctx)
{
	begin(connection, deadline_ns, fn, ctx);
	connection->call = call;
	connection->stmt = db_cache_find(&connection->cache, call->statement);
	connection->step = STEP_EXECUTE;
	if (connection->stmt) {
		if (!bind_call(connection))
			return;
	} else {
		connection->step = STEP_PREPARE;
		connection->stmt = mysql_stmt_init(connection->mysql);
		if (!connection->stmt) {
			lose(connection, "no memory for a statement");
			return;
		}
	}
	run(connection);
}

void
db_connection_command(struct db_connection *connection, const char *sql, uint64_t deadline_ns,
	db_result_fn fn, void *ctx)
{
	begin(connection, deadline_ns, fn, ctx);
	connection->command = sql;
	connection->step = STEP_COMMAND;
	run(connection);
}
