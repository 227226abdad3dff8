/* SPDX-License-Identifier: BSD-3-Clause */
/* Hosts that links may not lead to; see refused_hosts.h. */
#include "apptier/shortener/refused_hosts.h"

#include "apptier/shortener/host_list.h"
#include "apptier/shortener/link_url.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_MODULE("refused");

#define PAGE 1000 /* Names of one statement. */
#define PAGE_TEXT "1000"
#define RETRY_MS 500

static const struct db_statement select_hosts = {
	"SELECT host FROM refused_hosts WHERE host > ? ORDER BY host LIMIT " PAGE_TEXT, 1};

struct refused_hosts {
	struct app *app;
	struct host_list *list; /* NULL: not read yet. */
	struct host_list *next; /* Being read, or NULL. */
	struct db_job *job;
	char after[LINK_HOST_SIZE]; /* The last name that was read. */
	uv_timer_t timer;
	struct db_watcher watcher;
};

static void on_page(void *ctx, const struct db_result *result);
static void on_timer(uv_timer_t *timer);

/* Ends a reading that came to nothing; what was known before stays in force. */
static void
give_up(struct refused_hosts *hosts, const char *why)
{
	LOG_LIMITED(LOG_WARN, "cannot read the refused hosts: %s; %s", why,
		hosts->list ? "those known before stay in force" : "none is in force yet");
	host_list_free(hosts->next);
	hosts->next = NULL;
	uv_timer_start(&hosts->timer, on_timer, RETRY_MS, REFUSED_HOSTS_REFRESH_MS);
}

static void
read_page(struct refused_hosts *hosts)
{
	const struct db_value after = db_text(hosts->after);
	const struct db_call call = {&select_hosts, &after};
	const struct db_want want = {
		.deadline_ns =
			clock_now_ns() + app_model(hosts->app)->app.query_timeout_ms * NS_PER_MS};

	hosts->job = db_read(app_db(hosts->app), &call, &want, on_page, hosts);
	if (!hosts->job)
		give_up(hosts, "out of memory");
}

static void
finish(struct refused_hosts *hosts)
{
	size_t before = hosts->list ? host_list_size(hosts->list) : 0;

	host_list_sort(hosts->next);
	if (host_list_size(hosts->next) != before)
		LOG_INFORM("%zu refused hosts", host_list_size(hosts->next));
	host_list_free(hosts->list);
	hosts->list = hosts->next;
	hosts->next = NULL;
}

static void
on_page(void *ctx, const struct db_result *result)
{
	struct refused_hosts *hosts = ctx;
	int rc = 0;

	hosts->job = NULL;
	if (result->status != DB_OK) {
		give_up(hosts, db_status_name(result->status));
		return;
	}
	for (size_t row = 0; row < result->n_rows && rc == 0; row++)
		rc = host_list_add(hosts->next, db_result_value(result, row, 0)->text);
	if (rc < 0) {
		give_up(hosts, rc == -E2BIG ? "there are too many" : "out of memory");
		return;
	}
	if (result->n_rows < PAGE) {
		finish(hosts);
		return;
	}
	snprintf(hosts->after, sizeof(hosts->after), "%s",
		db_result_value(result, result->n_rows - 1, 0)->text);
	read_page(hosts);
}

static void
refresh(struct refused_hosts *hosts)
{
	struct db_health health;

	db_health(app_db(hosts->app), &health);
	if (hosts->next || !health.ready || !health.readable)
		return;
	if (host_list_new(&hosts->next) < 0)
		return;
	hosts->after[0] = '\0';
	read_page(hosts);
}

static void
on_timer(uv_timer_t *timer)
{
	refresh(timer->data);
}

/* As soon as there is a database. */
static void
on_database_changed(void *ctx)
{
	struct refused_hosts *hosts = ctx;

	if (!hosts->list)
		refresh(hosts);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int
refused_hosts_new(struct refused_hosts **out, struct app *app, struct err *err)
{
	struct refused_hosts *hosts = calloc(1, sizeof(*hosts));

	if (!hosts)
		return err_set(err, -ENOMEM, "no memory for the refused hosts");
	hosts->app = app;
	uv_timer_init(app_loop(app), &hosts->timer);
	hosts->timer.data = hosts;
	uv_timer_start(&hosts->timer, on_timer, REFUSED_HOSTS_REFRESH_MS, REFUSED_HOSTS_REFRESH_MS);
	hosts->watcher = (struct db_watcher){.changed = on_database_changed, .ctx = hosts};
	db_watch(app_db(app), &hosts->watcher);
	*out = hosts;
	return 0;
}

void
refused_hosts_free(struct refused_hosts *hosts)
{
	db_job_detach(hosts->job);
	host_list_free(hosts->list);
	host_list_free(hosts->next);
	uv_close((uv_handle_t *)&hosts->timer, on_timer_closed);
}

const char *
refused_hosts_find(const struct refused_hosts *hosts, const char *url)
{
	char host[LINK_HOST_SIZE];

	if (!hosts->list || host_list_size(hosts->list) == 0)
		return NULL;
	link_url_host(url, host);
	return host_list_find(hosts->list, host);
}
