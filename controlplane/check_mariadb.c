/* SPDX-License-Identifier: BSD-3-Clause */
/* MariaDB check: a login works, and the server is what it should be: read-only or not, a replica
 * that is not far behind. See check.h.
 *
 * Each of Connector/C's operations is a pair: x_start(), and when that returned a mask of events,
 * x_cont() with those that came, until the mask is 0. A probe is up to five of them. */
#include "controlplane/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mysql.h>

#define PASSWORD_SIZE 256

enum step {
	STEP_CONNECT,
	STEP_READ_ONLY,
	STEP_READ_ONLY_ROWS,
	STEP_REPLICA,
	STEP_REPLICA_ROWS
};

struct mariadb_probe {
	uv_poll_t poll;
	bool polling; /* 'poll' is initialised. */
	MYSQL *mysql;
	uv_loop_t *loop;
	const struct check *check;
	struct endpoint endpoint;
	/* Connector/C uses them until it is connected. */
	char host[ADDR_TEXT_SIZE];
	char password[PASSWORD_SIZE];
	enum step step;
	bool ended; /* The step needed no waiting. */
	union {     /* Where Connector/C leaves the outcome of a step. */
		int number;
		MYSQL *mysql;
		MYSQL_RES *rows;
	} outcome;
	check_done_fn done;
	void *ctx;
};

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
end_probe(struct mariadb_probe *probe)
{
	explicit_bzero(probe->password, sizeof(probe->password));
	/* Closing says goodbye to the server, which must not block on a dead network. */
	if (probe->polling)
		shutdown(mysql_get_socket(probe->mysql), SHUT_RDWR);
	if (probe->polling)
		uv_close((uv_handle_t *)&probe->poll, on_closed);
	mysql_close(probe->mysql);
	if (!probe->polling)
		free(probe);
}

static void
finish(struct mariadb_probe *probe, bool ok, const char *why)
{
	check_done_fn done = probe->done;
	void *ctx = probe->ctx;
	char text[256];

	snprintf(text, sizeof(text), "%s", why); /* 'why' may belong to what is closed now. */
	end_probe(probe);
	done(ctx, ok, text);
}

/* --- What the answers say --- */

/* The text in the column called 'name' of a row; NULL if there is none. */
static const char *
column(MYSQL_RES *rows, MYSQL_ROW row, const char *name)
{
	const MYSQL_FIELD *fields = mysql_fetch_fields(rows);

	for (unsigned int i = 0; row && i < mysql_num_fields(rows); i++) {
		if (strcasecmp(fields[i].name, name) == 0)
			return row[i];
	}
	return NULL;
}

static bool
is_yes(const char *text)
{
	return text && strcasecmp(text, "yes") == 0;
}

static bool
read_only_is_good(const struct check_mariadb *mariadb, MYSQL_RES *rows, char *why, size_t size)
{
	MYSQL_ROW row = mysql_fetch_row(rows);
	bool read_only = row && row[0] && strcmp(row[0], "0") != 0;

	if (read_only == (mariadb->read_only == CHECK_READ_ONLY_YES))
		return true;
	snprintf(why, size, "the server is %s, expected %s", read_only ? "read-only" : "writable",
		read_only ? "writable" : "read-only");
	return false;
}

/* One row for each server that it replicates from; all must be well. */
static bool
replica_is_good(const struct check_mariadb *mariadb, MYSQL_RES *rows, char *why, size_t size)
{
	MYSQL_ROW row = mysql_fetch_row(rows);

	if (!row) {
		snprintf(why, size, "the server replicates from none");
		return false;
	}
	for (; row; row = mysql_fetch_row(rows)) {
		const char *lag = column(rows, row, "Seconds_Behind_Master");

		if (!is_yes(column(rows, row, "Slave_IO_Running")) ||
			!is_yes(column(rows, row, "Slave_SQL_Running")) || !lag) {
			snprintf(why, size, "replication does not run");
			return false;
		}
		if (strtoul(lag, NULL, 10) > mariadb->max_lag_s) {
			snprintf(why, size, "%s s behind, at most %u s", lag, mariadb->max_lag_s);
			return false;
		}
	}
	return true;
}

/* --- From step to step --- */

static int
start_query(struct mariadb_probe *probe, const char *sql)
{
	return mysql_real_query_start(&probe->outcome.number, probe->mysql, sql, strlen(sql));
}

static int
start_step(struct mariadb_probe *probe)
{
	switch (probe->step) {
	case STEP_CONNECT:
		return mysql_real_connect_start(&probe->outcome.mysql, probe->mysql, probe->host,
			probe->check->mariadb.user, probe->password, NULL, probe->endpoint.port,
			NULL, 0);
	case STEP_READ_ONLY:
		return start_query(probe, "SELECT @@global.read_only");
	case STEP_REPLICA:
		return start_query(probe, "SHOW ALL SLAVES STATUS");
	case STEP_READ_ONLY_ROWS:
	case STEP_REPLICA_ROWS:
		break;
	}
	return mysql_store_result_start(&probe->outcome.rows, probe->mysql);
}

static int
continue_step(struct mariadb_probe *probe, int ready)
{
	switch (probe->step) {
	case STEP_CONNECT:
		return mysql_real_connect_cont(&probe->outcome.mysql, probe->mysql, ready);
	case STEP_READ_ONLY:
	case STEP_REPLICA:
		return mysql_real_query_cont(&probe->outcome.number, probe->mysql, ready);
	case STEP_READ_ONLY_ROWS:
	case STEP_REPLICA_ROWS:
		break;
	}
	return mysql_store_result_cont(&probe->outcome.rows, probe->mysql, ready);
}

static bool
step_failed(const struct mariadb_probe *probe)
{
	switch (probe->step) {
	case STEP_CONNECT:
		return !probe->outcome.mysql;
	case STEP_READ_ONLY:
	case STEP_REPLICA:
		return probe->outcome.number != 0;
	case STEP_READ_ONLY_ROWS:
	case STEP_REPLICA_ROWS:
		break;
	}
	return !probe->outcome.rows;
}

/* Judges rows that have come. */
static bool
rows_are_good(struct mariadb_probe *probe, char *why, size_t size)
{
	const struct check_mariadb *mariadb = &probe->check->mariadb;
	bool good = true;

	if (probe->step == STEP_READ_ONLY_ROWS)
		good = read_only_is_good(mariadb, probe->outcome.rows, why, size);
	else if (probe->step == STEP_REPLICA_ROWS)
		good = replica_is_good(mariadb, probe->outcome.rows, why, size);
	else
		return true;
	mysql_free_result(probe->outcome.rows);
	return good;
}

/* Takes the step that follows; false if there is none. */
static bool
next_step(struct mariadb_probe *probe)
{
	const struct check_mariadb *mariadb = &probe->check->mariadb;

	if (probe->step == STEP_CONNECT && mariadb->read_only != CHECK_READ_ONLY_ANY)
		probe->step = STEP_READ_ONLY;
	else if (probe->step == STEP_READ_ONLY || probe->step == STEP_REPLICA)
		probe->step++;
	else if (probe->step != STEP_REPLICA_ROWS && mariadb->replica)
		probe->step = STEP_REPLICA;
	else
		return false;
	return true;
}

/* Runs from step to step until one has to wait, and returns the mask of what for; or 0 when all is
 * done, and then the probe is gone. 'mask' is what the last start or cont returned. */
static int
drive(struct mariadb_probe *probe, int mask)
{
	while (mask == 0) {
		char why[128];

		if (step_failed(probe)) {
			finish(probe, false, mysql_error(probe->mysql));
			return 0;
		}
		if (!rows_are_good(probe, why, sizeof(why))) {
			finish(probe, false, why);
			return 0;
		}
		if (!next_step(probe)) {
			finish(probe, true, "logged in");
			return 0;
		}
		mask = start_step(probe);
	}
	return mask;
}

static void
on_event(uv_poll_t *poll, int status, int events)
{
	struct mariadb_probe *probe = poll->data;
	int ready = 0, mask;

	if (events & UV_READABLE || status < 0)
		ready |= MYSQL_WAIT_READ;
	if (events & UV_WRITABLE || status < 0)
		ready |= MYSQL_WAIT_WRITE;
	mask = drive(probe, probe->ended ? 0 : continue_step(probe, ready));
	if (mask == 0)
		return;
	probe->ended = false;
	uv_poll_start(poll, UV_READABLE | (mask & MYSQL_WAIT_WRITE ? UV_WRITABLE : 0), on_event);
}

/* --- Start and end --- */

/* Reads the password for each probe, so that it can be changed. Returns 0 or a negative errno. */
static int
read_password(const char *path, char password[static PASSWORD_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, password, PASSWORD_SIZE - 1);
	close(fd);
	if (size < 0)
		return -errno;
	password[size] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	return 0;
}

static void
set_options(MYSQL *mysql)
{
	unsigned int protocol = MYSQL_PROTOCOL_TCP, no = 0;
	my_bool reconnect = 0;

	mysql_options(mysql, MYSQL_OPT_NONBLOCK, NULL);
	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_OPT_RECONNECT, &reconnect);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no);
}

/* Begins to connect. Returns false with 'err' set if that failed at once. */
static bool
connect_to_server(struct mariadb_probe *probe, struct err *err)
{
	int mask = start_step(probe), rc;

	probe->ended = mask == 0;
	if (probe->ended && step_failed(probe)) {
		err_set(err, -ENOTCONN, "%s", mysql_error(probe->mysql));
		return false;
	}
	rc = uv_poll_init(probe->loop, &probe->poll, mysql_get_socket(probe->mysql));
	if (rc < 0) {
		err_set(err, rc, "%s", uv_strerror(rc));
		return false;
	}
	probe->polling = true;
	uv_poll_start(&probe->poll,
		UV_READABLE | (probe->ended || mask & MYSQL_WAIT_WRITE ? UV_WRITABLE : 0),
		on_event);
	return true;
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	const char *password_file = target->check->mariadb.password_file;
	struct mariadb_probe *probe = calloc(1, sizeof(*probe));
	int rc;

	(void)engine;
	if (probe)
		probe->mysql = mysql_init(NULL);
	if (!probe || !probe->mysql) {
		free(probe);
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	probe->poll.data = probe;
	probe->loop = target->loop;
	probe->check = target->check;
	probe->endpoint = target->endpoint;
	probe->done = done;
	probe->ctx = ctx;
	addr_format(&target->endpoint.addr, probe->host, sizeof(probe->host));
	set_options(probe->mysql);
	rc = password_file ? read_password(password_file, probe->password) : 0;
	if (rc < 0)
		err_set(err, rc, "%s: %s", password_file, strerror(-rc));
	if (rc < 0 || !connect_to_server(probe, err)) {
		end_probe(probe);
		return NULL;
	}
	return probe;
}

static const char *
cancel(void *probe)
{
	end_probe(probe);
	return "answer";
}

const struct check_kind check_mariadb = {
	.start = start,
	.cancel = cancel,
};
