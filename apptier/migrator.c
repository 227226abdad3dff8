/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that migrates; see migrator.h. */
#include "apptier/migrator.h"

#include "apptier/backoff.h"
#include "apptier/migrate.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <mysql.h>
#include <uv.h>

LOG_MODULE("migrate");

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 2000

struct migrator {
	const struct model *model;
	const char *password;
	void (*ready)(void *ctx);
	void *ctx;
	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t stopped;
	bool stop; /* Under 'mutex'. */
};

/* Sleeps, unless it shall stop. Returns true if it shall. */
static bool
wait_or_stop(struct migrator *migrator, uint32_t wait_ms)
{
	uint64_t until_ns = clock_now_ns() + wait_ms * NS_PER_MS;
	bool stop;

	uv_mutex_lock(&migrator->mutex);
	for (uint64_t now_ns = clock_now_ns(); !migrator->stop && now_ns < until_ns;
		now_ns = clock_now_ns())
		uv_cond_timedwait(&migrator->stopped, &migrator->mutex, until_ns - now_ns);
	stop = migrator->stop;
	uv_mutex_unlock(&migrator->mutex);
	return stop;
}

/* Says why it is not done, once for each reason. */
static void
report(enum migrate_state state, int rc, const struct err *err, struct err *last)
{
	if (strcmp(err->text, last->text) == 0)
		return;
	*last = *err;
	if (rc < 0)
		LOG_ERR("the schema cannot be brought up to date, so nothing is served: %s",
			err->text);
	else if (state == MIGRATE_USABLE)
		LOG_WARNING("the schema is there, but no primary to check it on: %s", err->text);
	else
		LOG_WARNING("waiting for a database with the schema: %s", err->text);
}

static void
run(void *arg)
{
	struct migrator *migrator = arg;
	struct err err, last = {""};
	struct backoff backoff;
	uint32_t random = 0, wait_ms;
	bool told = false;

	mysql_thread_init();
	backoff_init(&backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	for (;;) {
		enum migrate_state state = MIGRATE_WAITING;
		int rc = migrate_run(migrator->model, migrator->password, &state, &err);

		if (rc == 0 && state != MIGRATE_WAITING && !told) {
			told = true;
			migrator->ready(migrator->ctx);
		}
		if (rc == 0 && state == MIGRATE_DONE) {
			LOG_INFORM("the schema is up to date");
			break;
		}
		report(state, rc, &err, &last);
		(void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
		wait_ms = backoff_fail(&backoff, random);
		if (wait_or_stop(migrator, wait_ms))
			break;
	}
	mysql_thread_end();
}

int
migrator_new(struct migrator **out, const struct model *model, const char *password,
	void (*ready)(void *ctx), void *ctx, struct err *err)
{
	struct migrator *migrator = calloc(1, sizeof(*migrator));
	int rc;

	if (!migrator)
		return err_set(err, -ENOMEM, "no memory for the migrations");
	*migrator =
		(struct migrator){.model = model, .password = password, .ready = ready, .ctx = ctx};
	uv_mutex_init(&migrator->mutex);
	uv_cond_init(&migrator->stopped);
	rc = uv_thread_create(&migrator->thread, run, migrator);
	if (rc < 0) {
		uv_mutex_destroy(&migrator->mutex);
		uv_cond_destroy(&migrator->stopped);
		free(migrator);
		return err_set(err, rc, "cannot start a thread: %s", uv_strerror(rc));
	}
	*out = migrator;
	return 0;
}

void
migrator_free(struct migrator *migrator)
{
	if (!migrator)
		return;
	uv_mutex_lock(&migrator->mutex);
	migrator->stop = true;
	uv_cond_signal(&migrator->stopped);
	uv_mutex_unlock(&migrator->mutex);
	uv_thread_join(&migrator->thread);
	uv_mutex_destroy(&migrator->mutex);
	uv_cond_destroy(&migrator->stopped);
	free(migrator);
}
