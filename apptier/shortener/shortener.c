/* SPDX-License-Identifier: BSD-3-Clause */
/* The link shortener as a module; see shortener.h. */
#include "apptier/shortener/shortener.h"

#include "apptier/shortener/link_change.h"
#include "apptier/shortener/link_create.h"
#include "apptier/shortener/link_list.h"
#include "apptier/shortener/link_owner.h"
#include "apptier/shortener/link_read.h"
#include "apptier/shortener/link_request.h"
#include "apptier/shortener/openapi.h"
#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>

#define HOUSEKEEPING_MS (UINT64_C(10) * 60 * 1000)
#define LINK_BODY_MAX \
	(UINT64_C(24) * 1024) /* All members of full length, every byte escaped as \uXXXX. */

/* A client that repeats a request does so within minutes. */
static const struct db_statement delete_old_keys = {"DELETE FROM idempotency_keys WHERE created_at "
						    "< UTC_TIMESTAMP() - INTERVAL 1 DAY LIMIT 1000",
	0};

/* Writers that live register anew at every turn, so these ended long ago. */
static const struct db_statement delete_old_writers = {
	"DELETE FROM count_writers WHERE seen < UTC_TIMESTAMP() - INTERVAL 90 DAY LIMIT 100", 0};

static void
ignore_result(void *ctx, const struct db_result *result)
{
	/* What was not deleted now is deleted at the next turn. */
	(void)ctx;
	(void)result;
}

static void
on_housekeeping(uv_timer_t *timer)
{
	struct shortener *shortener = timer->data;
	struct db *db = app_db(shortener->app);
	const struct db_call keys = {&delete_old_keys, NULL};
	const struct db_call writers = {&delete_old_writers, NULL};
	uint64_t deadline_ns =
		clock_now_ns() + app_model(shortener->app)->app.query_timeout_ms * NS_PER_MS;

	count_writer_refresh(shortener->counts);
	if (!db_is_writable(db))
		return;
	db_write(db, &keys, deadline_ns, ignore_result, NULL);
	db_write(db, &writers, deadline_ns, ignore_result, NULL);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int
start(void **state, struct app *app, struct err *err)
{
	struct shortener *shortener = calloc(1, sizeof(*shortener));
	int rc;

	if (!shortener)
		return err_set(err, -ENOMEM, "no memory for the link shortener");
	shortener->app = app;
	rc = count_writer_new(&shortener->counts, app, err);
	if (rc < 0) {
		free(shortener);
		return rc;
	}
	rc = refused_hosts_new(&shortener->refused, app, err);
	if (rc < 0) {
		count_writer_free(shortener->counts);
		free(shortener);
		return rc;
	}
	uv_timer_init(app_loop(app), &shortener->housekeeping);
	shortener->housekeeping.data = shortener;
	uv_timer_start(&shortener->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
	*state = shortener;
	return 0;
}

static void
drain(void *state, uint64_t deadline_ns, void (*done)(void *ctx), void *ctx)
{
	struct shortener *shortener = state;

	count_writer_drain(shortener->counts, deadline_ns, done, ctx);
}

static void
stop(void *state)
{
	struct shortener *shortener = state;

	count_writer_free(shortener->counts);
	refused_hosts_free(shortener->refused);
	uv_close((uv_handle_t *)&shortener->housekeeping, on_timer_closed);
}

enum metric {
	METRIC_CREATED,
	METRIC_CHANGED,
	METRIC_DELETED,
	METRIC_OWNERS,
	METRIC_REPLAYED,
	METRIC_LIMITED,
	METRIC_REFUSED,
	METRIC_REDIRECTS,
	METRIC_GONE,
	METRIC_NOT_FOUND,
	METRIC_COUNTS_STORED,
	METRIC_COUNTS_PENDING,
	METRIC_COUNTS_LOST,
	METRIC_COUNT_FLUSHES,
	N_METRICS,
};

static const struct app_metric metrics[N_METRICS + 1] = {
	[METRIC_CREATED] = {"weir_links_created_total", METRIC_COUNTER, "Links made."},
	[METRIC_CHANGED] = {"weir_links_changed_total", METRIC_COUNTER, "Links changed."},
	[METRIC_DELETED] = {"weir_links_deleted_total", METRIC_COUNTER, "Links deleted."},
	[METRIC_OWNERS] = {"weir_link_owners_total", METRIC_COUNTER, "Tokens given to owners."},
	[METRIC_REPLAYED] = {"weir_links_replayed_total", METRIC_COUNTER,
		"Repeated requests answered by their Idempotency-Key."},
	[METRIC_LIMITED] = {"weir_links_limited_total", METRIC_COUNTER,
		"Writes refused because their owner was over the limit."},
	[METRIC_REFUSED] = {"weir_links_refused_total", METRIC_COUNTER,
		"Links not made and visits not redirected because of a refused host."},
	[METRIC_REDIRECTS] = {"weir_link_redirects_total", METRIC_COUNTER, "Visits redirected."},
	[METRIC_GONE] = {"weir_links_gone_total", METRIC_COUNTER,
		"Requests for links that have expired or were deleted."},
	[METRIC_NOT_FOUND] = {"weir_links_not_found_total", METRIC_COUNTER,
		"Requests for codes that do not exist."},
	[METRIC_COUNTS_STORED] = {"weir_link_counts_stored_total", METRIC_COUNTER,
		"Visits added to the counts in the database."},
	[METRIC_COUNTS_PENDING] = {"weir_link_counts_pending", METRIC_GAUGE,
		"Visits that are only in memory yet."},
	[METRIC_COUNTS_LOST] = {"weir_link_counts_lost_total", METRIC_COUNTER,
		"Visits that could not be kept while the primary was down."},
	[METRIC_COUNT_FLUSHES] = {"weir_link_count_flushes_total", METRIC_COUNTER,
		"Transactions that stored visits."},
};

static void
measure(const void *state, double *values)
{
	const struct shortener *shortener = state;
	struct count_writer_stats counts;

	count_writer_stats(shortener->counts, &counts);
	values[METRIC_CREATED] = (double)shortener->n_created;
	values[METRIC_CHANGED] = (double)shortener->n_changed;
	values[METRIC_DELETED] = (double)shortener->n_deleted;
	values[METRIC_OWNERS] = (double)shortener->n_owners;
	values[METRIC_REPLAYED] = (double)shortener->n_replayed;
	values[METRIC_LIMITED] = (double)shortener->n_limited;
	values[METRIC_REFUSED] = (double)shortener->n_refused;
	values[METRIC_REDIRECTS] = (double)shortener->n_redirects;
	values[METRIC_GONE] = (double)shortener->n_gone;
	values[METRIC_NOT_FOUND] = (double)shortener->n_not_found;
	values[METRIC_COUNTS_STORED] = (double)counts.n_stored;
	values[METRIC_COUNTS_PENDING] = (double)counts.n_pending;
	values[METRIC_COUNTS_LOST] = (double)counts.n_lost;
	values[METRIC_COUNT_FLUSHES] = (double)counts.n_flushes;
}

static_assert(N_METRICS <= APP_METRICS_MAX, "more metrics than a module may have");

static const struct http_route routes[] = {
	{"POST", "/api/owners", HTTP_BODY_NONE, 0, link_owner_handle_create, "makes an owner"},
	{"POST", LINK_API_PATH, HTTP_BODY_BUFFERED, LINK_BODY_MAX, link_handle_create,
		"makes a short link"},
	{"GET", LINK_API_PATH, HTTP_BODY_NONE, 0, link_handle_list, "lists the links"},
	{"GET", LINK_API_PATH ".csv", HTTP_BODY_NONE, 0, link_handle_export,
		"lists all links as CSV"},
	{"GET", LINK_API_PATH "/*", HTTP_BODY_NONE, 0, link_handle_get,
		"shows a link, its visits by day or its QR code"},
	{"PATCH", LINK_API_PATH "/*", HTTP_BODY_BUFFERED, LINK_BODY_MAX, link_handle_change,
		"changes a link"},
	{"DELETE", LINK_API_PATH "/*", HTTP_BODY_NONE, 0, link_handle_delete, "deletes a link"},
	{"GET", LINK_REDIRECT_PREFIX "*", HTTP_BODY_NONE, 0, link_handle_redirect,
		"redirects to a link's URL"},
	{"GET", "/api/openapi.json", HTTP_BODY_NONE, 0, openapi_handle, "describes all of this"},
	{NULL, NULL, HTTP_BODY_NONE, 0, NULL, NULL},
};

const struct app_module shortener_module = {
	.name = "shortener",
	.routes = routes,
	.metrics = metrics,
	.start = start,
	.drain = drain,
	.stop = stop,
	.measure = measure,
};
