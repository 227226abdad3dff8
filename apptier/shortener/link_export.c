/* SPDX-License-Identifier: BSD-3-Clause */
/* All links of an owner as CSV; see link_list.h. They are read page by page, each when the client
 * has taken what was there: neither the client's pace nor how many there are costs memory. */
#include "apptier/reply.h"
#include "apptier/shortener/link_list.h"
#include "apptier/shortener/link_owner.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE 500 /* Links of one statement. */

static const struct db_statement select_page = {
	"SELECT id, " LINK_VIEW_COLUMNS " FROM links "
	"WHERE owner_id = ? AND id < ? AND deleted_at IS NULL ORDER BY id DESC LIMIT ?",
	3};

static const char *const heading[] = {
	"code", "short_url", "url", "title", "count", "permanent", "created", "updated", "expires"};

static void
add_time(struct csv *csv, const char *sql)
{
	char text[LINK_TIME_SIZE] = "";

	if (sql)
		link_time_format(sql, text);
	csv_field(csv, text);
}

static void
add_link(struct csv *csv, const struct link_view *view, const char *public_url)
{
	char short_url[LINK_URL_MAX], count[24];

	snprintf(short_url, sizeof(short_url), "%s" LINK_REDIRECT_PREFIX "%s", public_url,
		view->code);
	snprintf(count, sizeof(count), "%" PRId64, view->count);
	csv_field(csv, view->code);
	csv_field(csv, short_url);
	csv_field(csv, view->url);
	csv_field(csv, view->title);
	csv_field(csv, count);
	csv_field(csv, view->permanent ? "true" : "false");
	add_time(csv, view->created_at);
	add_time(csv, view->updated_at);
	add_time(csv, view->expires_at);
	csv_end(csv);
}

/* Puts a page behind what is to be sent. Returns false if it could not be read or kept. */
static bool
take_page(struct link_request *link, const struct db_result *result)
{
	const char *public_url = app_model(link->shortener->app)->app.public_url;

	if (result->status != DB_OK)
		return false;
	for (size_t row = 0; row < result->n_rows; row++) {
		struct link_view view;

		link_view_of_row(&view, db_result_value(result, row, 1));
		add_link(&link->csv, &view, public_url);
		link->cursor = db_result_value(result, row, 0)->integer;
	}
	link->csv_complete = result->n_rows < PAGE;
	return link->csv.rc == 0;
}

static bool
read_page(struct link_request *link, db_result_fn fn)
{
	const struct db_want want = {.after = link->session,
		.primary = link->from_primary,
		.deadline_ns = clock_now_ns() +
			       app_model(link->shortener->app)->app.query_timeout_ms * NS_PER_MS};

	link->values[0] = db_integer(link->owner);
	link->values[1] = db_integer(link->cursor);
	link->values[2] = db_integer(PAGE);
	link->call = (struct db_call){&select_page, link->values};
	link->job = db_read(app_db(link->shortener->app), &link->call, &want, fn, link);
	return link->job;
}

static void
on_later_page(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	link->job = NULL;
	link->csv_failed = !take_page(link, result);
	http_request_resume(link->req);
}

static ssize_t
read_csv(void *ctx, char *buf, size_t size)
{
	struct link_request *link = ctx;
	size_t left = link->csv.size - link->csv_sent;

	if (link->csv_failed)
		return HTTP_SOURCE_ERROR;
	if (left > 0) {
		if (left > size)
			left = size;
		memcpy(buf, link->csv.text + link->csv_sent, left);
		link->csv_sent += left;
		return (ssize_t)left;
	}
	if (link->csv_complete)
		return HTTP_SOURCE_END;
	if (!link->job) {
		csv_reset(&link->csv);
		link->csv_sent = 0;
		if (!read_page(link, on_later_page))
			return HTTP_SOURCE_ERROR;
	}
	return 0;
}

/* What goes wrong now can still be told by a status. */
static void
on_first_page(void *ctx, const struct db_result *result)
{
	static const struct http_source source = {.read = read_csv};
	static const struct http_header headers[] = {
		{"Content-Type", "text/csv; charset=utf-8; header=present"},
		{"Content-Disposition", "attachment; filename=\"links.csv\""},
		{"Cache-Control", "no-store"},
		{"X-Content-Type-Options", "nosniff"},
	};
	struct link_request *link = ctx;

	link->job = NULL;
	if (take_page(link, result))
		http_respond_source(link->req, 200, headers, sizeof(headers) / sizeof(headers[0]),
			HTTP_SIZE_UNKNOWN, &source, link);
	else if (result->status != DB_OK)
		reply_db_failure(link->req, result->status);
	else
		reply_error(link->req, 500, "the server is out of memory");
}

static void
on_owner_known(struct link_request *link)
{
	if (link->owner == LINK_OWNER_NONE) {
		link_owner_reply_unknown(link->req, "this is for owners; send your token");
		return;
	}
	for (size_t i = 0; i < sizeof(heading) / sizeof(heading[0]); i++)
		csv_field(&link->csv, heading[i]);
	csv_end(&link->csv);
	link->cursor = INT64_MAX;
	if (!read_page(link, on_first_page))
		reply_error(link->req, 500, "the server is out of memory");
}

void
link_handle_export(struct http_request *req, void *ctx)
{
	struct link_request *link = link_request_new(req, ctx);

	if (link)
		link_owner_find(link, on_owner_known);
}
