/* SPDX-License-Identifier: BSD-3-Clause */
/* Watches one database server; see db_probe.h. */
#include "apptier/db_probe.h"

#include "apptier/backoff.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

LOG_MODULE("database");

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000

/* What it wrote itself and what it has of others. */
static const struct db_statement statement = {
	"SELECT @@global.read_only, @@global.gtid_binlog_pos, @@global.gtid_slave_pos", 0};
static const struct db_call question = {&statement, NULL};

struct db_probe {
	uv_loop_t *loop;
	const struct db_account *account;
	struct db_connection *connection; /* NULL while waiting to try again. */
	bool asking;                      /* A question is under way ... */
	uint64_t asked_ns;                /* ... since then. */
	uv_timer_t timer;                 /* When to ask or to connect again ... */
	uv_timer_cb on_timer;             /* ... which is the same function for both. */
	struct backoff backoff;
	bool known; /* Something has been reported. */
	bool up;
	bool writable;
	const struct db_probe_events *events;
	void *ctx;
};

static void
report(struct db_probe *probe, bool up, bool writable, const char *why)
{
	if (probe->known && up == probe->up && writable == probe->writable)
		return;
	probe->known = true;
	probe->up = up;
	probe->writable = writable;
	probe->events->changed(probe->ctx, up, writable, why);
}

/* Closes the connection and tries again later. */
static void
retreat(struct db_probe *probe, const char *why)
{
	uint32_t random = 0;

	db_connection_free(probe->connection);
	probe->connection = NULL;
	probe->asking = false;
	(void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
	uv_timer_start(&probe->timer, probe->on_timer, backoff_fail(&probe->backoff, random), 0);
	report(probe, false, false, why);
}

static void
on_answer(void *ctx, const struct db_result *result)
{
	struct db_probe *probe = ctx;
	struct gtid_set position = {.n = 0};
	bool read_only;

	probe->asking = false;
	if (result->status != DB_OK || result->n_rows != 1) {
		retreat(probe, db_status_name(result->status));
		return;
	}
	backoff_reset(&probe->backoff);
	uv_timer_start(&probe->timer, probe->on_timer, DB_PROBE_INTERVAL_MS, 0);
	read_only = db_result_value(result, 0, 0)->integer != 0;
	for (size_t column = 1; column <= 2; column++) {
		const struct db_value *list = db_result_value(result, 0, column);

		if (list->kind == DB_TEXT && !gtid_set_add(&position, list->text, list->size))
			LOG_LIMITED(LOG_WARN, "%s: its GTID position '%s' cannot be understood",
				probe->account->server, list->text);
	}
	report(probe, true, !read_only, NULL);
	probe->events->answered(probe->ctx, probe->asked_ns, &position);
}

static void
ask(struct db_probe *probe)
{
	probe->asking = true;
	probe->asked_ns = clock_now_ns();
	db_connection_execute(probe->connection, &question,
		probe->asked_ns + DB_PROBE_TIMEOUT_MS * NS_PER_MS, on_answer, probe);
}

static void
on_opened(void *ctx, struct db_connection *connection)
{
	(void)connection;
	ask(ctx);
}

static void
on_lost(void *ctx, struct db_connection *connection, const char *why)
{
	(void)connection;
	retreat(ctx, why);
}

static const struct db_connection_events connection_events = {
	.opened = on_opened,
	.lost = on_lost,
};

static void
on_timer(uv_timer_t *timer)
{
	struct db_probe *probe = timer->data;
	struct err err;

	if (probe->connection) {
		ask(probe);
		return;
	}
	if (db_connection_new(&probe->connection, probe->loop, probe->account, &connection_events,
		    probe, &err) < 0)
		retreat(probe, err.text);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int
db_probe_new(struct db_probe **out, uv_loop_t *loop, const struct db_account *account,
	const struct db_probe_events *events, void *ctx, struct err *err)
{
	struct db_probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return err_set(err, -ENOMEM, "no memory for a database probe");
	probe->loop = loop;
	probe->account = account;
	probe->events = events;
	probe->ctx = ctx;
	probe->on_timer = on_timer;
	backoff_init(&probe->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	uv_timer_init(loop, &probe->timer);
	probe->timer.data = probe;
	uv_timer_start(&probe->timer, on_timer, 0, 0);
	*out = probe;
	return 0;
}

void
db_probe_free(struct db_probe *probe)
{
	if (!probe)
		return;
	db_connection_free(probe->connection);
	uv_close((uv_handle_t *)&probe->timer, on_timer_closed);
}

void
db_probe_now(struct db_probe *probe)
{
	/* While it connects, or waits to, the answer is "down" and nothing can be asked sooner. */
	if (probe->connection && !probe->asking && db_connection_is_usable(probe->connection))
		uv_timer_start(&probe->timer, on_timer, 0, 0);
}
