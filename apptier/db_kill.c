/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends statements that nobody waits for; see db_kill.h. */
#include "apptier/db_kill.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>

LOG_MODULE("database");

#define THREADS_MAX 64 /* That wait to be ended; more are left to max_statement_time. */
#define KILL_LIMIT_NS NS_PER_S

struct db_killer {
	uv_loop_t *loop;
	const struct db_account *account;
	struct db_connection *connection; /* NULL: nothing to do. */
	unsigned long threads[THREADS_MAX];
	size_t n_threads;
	uint64_t n_killed;
	char command[64];
};

/* Forgets those that are left: the server cannot be told now. */
static void
give_up(struct db_killer *killer)
{
	db_connection_free(killer->connection);
	killer->connection = NULL;
	killer->n_threads = 0;
}

/* After one has been ended ('result'), or before the first (NULL): the next. */
static void
go_on(void *ctx, const struct db_result *result)
{
	struct db_killer *killer = ctx;

	if (result && result->status == DB_OK)
		killer->n_killed++;
	if (killer->n_threads == 0 || !db_connection_is_usable(killer->connection)) {
		give_up(killer);
		return;
	}
	snprintf(killer->command, sizeof(killer->command), "KILL CONNECTION %lu",
		killer->threads[--killer->n_threads]);
	db_connection_command(
		killer->connection, killer->command, clock_now_ns() + KILL_LIMIT_NS, go_on, killer);
}

static void
on_opened(void *ctx, struct db_connection *connection)
{
	(void)connection;
	go_on(ctx, NULL);
}

static void
on_lost(void *ctx, struct db_connection *connection, const char *why)
{
	struct db_killer *killer = ctx;

	(void)connection;
	LOG_LIMITED(LOG_WARN, "%s: cannot be told to end statements that took too long: %s",
		killer->account->server, why);
	give_up(killer);
}

static const struct db_connection_events events = {
	.opened = on_opened,
	.lost = on_lost,
};

struct db_killer *
db_killer_new(uv_loop_t *loop, const struct db_account *account)
{
	struct db_killer *killer = calloc(1, sizeof(*killer));

	if (!killer)
		return NULL;
	killer->loop = loop;
	killer->account = account;
	return killer;
}

void
db_killer_free(struct db_killer *killer)
{
	if (!killer)
		return;
	db_connection_free(killer->connection);
	free(killer);
}

void
db_killer_kill(struct db_killer *killer, unsigned long thread)
{
	struct err err;

	if (killer->n_threads == THREADS_MAX)
		return;
	killer->threads[killer->n_threads++] = thread;
	if (killer->connection)
		return;
	if (db_connection_new(&killer->connection, killer->loop, killer->account, &events, killer,
		    &err) < 0) {
		LOG_LIMITED(LOG_ERROR, "%s: %s", killer->account->server, err.text);
		killer->n_threads = 0;
	}
}

uint64_t
db_killer_count(const struct db_killer *killer)
{
	return killer->n_killed;
}
