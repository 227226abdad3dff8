/* SPDX-License-Identifier: BSD-3-Clause */
/* The app tier's statements straight to the database, with the same library and in the same manner:
 * Connector/C's non-blocking calls, statements that stay prepared; see app_client.h. The password
 * is in the environment (APP_CLIENT_PASSWORD). */
#include "app_client.h"

#include "apptier/shortener/link_code.h"
#include "apptier/shortener/link_sql.h"
#include "apptier/shortener/link_time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <mysql.h>

#define DATABASE "weir"
#define USER "weir_app"
#define COLUMNS_MAX 16
#define COLUMN_SIZE 2049
#define N_PARAMETERS 3

enum step {
	STEP_EXECUTE,
	STEP_STORE,
	STEP_OVER,
};

struct app_target {
	MYSQL *mysql;
	MYSQL_STMT *read;
	MYSQL_STMT *write;
	MYSQL_STMT *running; /* One of both. */
	enum step step;
	bool under_way; /* The step has begun. */
	int rc;         /* Of the step. */
	char code[LINK_CODE_SIZE];
	char now[LINK_TIME_SIZE];
	MYSQL_BIND parameters[N_PARAMETERS];
	MYSQL_BIND columns[COLUMNS_MAX];
	char values[COLUMNS_MAX][COLUMN_SIZE];
};

static struct app_target *
fail_to_open(struct app_target *target, const char *what)
{
	fprintf(stderr, "bench-app-client: %s: %s\n", what, mysql_error(target->mysql));
	return NULL;
}

static MYSQL_STMT *
prepare(MYSQL *mysql, const char *sql)
{
	MYSQL_STMT *stmt = mysql_stmt_init(mysql);

	return stmt && mysql_stmt_prepare(stmt, sql, strlen(sql)) == 0 ? stmt : NULL;
}

static struct app_target *
db_open(const struct app_job *job, unsigned int index)
{
	struct app_target *target = calloc(1, sizeof(*target));
	unsigned int protocol = MYSQL_PROTOCOL_TCP;

	(void)index;
	if (!target)
		return NULL;
	target->mysql = mysql_init(NULL);
	mysql_options(target->mysql, MYSQL_OPT_NONBLOCK, NULL);
	mysql_options(target->mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(target->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!mysql_real_connect(target->mysql, "127.0.0.1", USER, getenv("APP_CLIENT_PASSWORD"),
		    DATABASE, job->port, NULL, 0))
		return fail_to_open(target, "cannot connect");
	target->read = prepare(target->mysql, LINK_SQL_SELECT);
	target->write = prepare(target->mysql, LINK_SQL_INSERT);
	if (!target->read || !target->write)
		return fail_to_open(target, "cannot prepare");
	for (size_t i = 0; i < COLUMNS_MAX; i++)
		target->columns[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
			.buffer = target->values[i],
			.buffer_length = COLUMN_SIZE};
	return target;
}

static int
db_fd(const struct app_target *target)
{
	return mysql_get_socket(target->mysql);
}

static void
bind_text(MYSQL_BIND *bind, char *text)
{
	*bind = (MYSQL_BIND){
		.buffer_type = MYSQL_TYPE_STRING, .buffer = text, .buffer_length = strlen(text)};
}

/* Starts or goes on with the step. Returns what it waits for, 0 if it is through. */
static int
do_step(struct app_target *target, int ready)
{
	bool begin = !target->under_way;

	target->under_way = true;
	if (target->step == STEP_EXECUTE)
		return begin ? mysql_stmt_execute_start(&target->rc, target->running)
			     : mysql_stmt_execute_cont(&target->rc, target->running, ready);
	return begin ? mysql_stmt_store_result_start(&target->rc, target->running)
		     : mysql_stmt_store_result_cont(&target->rc, target->running, ready);
}

/* The one row, copied out as an application would. */
static enum app_outcome
take_row(struct app_target *target)
{
	bool there = mysql_stmt_bind_result(target->running, target->columns) == 0 &&
		     mysql_stmt_fetch(target->running) == 0;

	mysql_stmt_free_result(target->running);
	return there ? APP_DONE : APP_FAILED;
}

static enum app_outcome
run(struct app_target *target, int ready, uint32_t *wanted)
{
	while (target->step != STEP_OVER) {
		int waits = do_step(target, ready);

		if (waits) {
			*wanted = (waits & MYSQL_WAIT_READ ? EPOLLIN : 0U) |
				  (waits & MYSQL_WAIT_WRITE ? EPOLLOUT : 0U);
			return APP_WAITS;
		}
		if (target->rc != 0)
			return APP_FAILED;
		target->under_way = false;
		target->step = target->step == STEP_EXECUTE && target->running == target->read
				       ? STEP_STORE
				       : STEP_OVER;
	}
	return target->running == target->read ? take_row(target) : APP_DONE;
}

static enum app_outcome
db_begin(struct app_target *target, const struct app_request *request, uint32_t *wanted)
{
	static char url[] = APP_CLIENT_URL;

	target->running = request->write ? target->write : target->read;
	target->step = STEP_EXECUTE;
	target->under_way = false;
	if (!request->write) {
		snprintf(target->code, sizeof(target->code), "%s", request->code);
	} else if (link_code_generate(target->code) < 0) {
		return APP_FAILED;
	}
	link_time_now(target->now);
	bind_text(&target->parameters[0], target->code);
	bind_text(&target->parameters[1], url);
	bind_text(&target->parameters[2], target->now);
	if (mysql_stmt_bind_param(target->running, target->parameters) != 0)
		return APP_FAILED;
	return run(target, 0, wanted);
}

static enum app_outcome
db_go_on(struct app_target *target, uint32_t events, uint32_t *wanted)
{
	int ready = (events & EPOLLOUT ? MYSQL_WAIT_WRITE : 0) |
		    (events & ~(uint32_t)EPOLLOUT ? MYSQL_WAIT_READ : 0);

	return run(target, ready, wanted);
}

static void
db_close(struct app_target *target)
{
	mysql_stmt_close(target->read);
	mysql_stmt_close(target->write);
	mysql_close(target->mysql);
	free(target);
}

const struct app_way app_way_db = {
	.open = db_open,
	.fd = db_fd,
	.begin = db_begin,
	.go_on = db_go_on,
	.close = db_close,
};
