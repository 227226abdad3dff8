/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /api/links, /api/links/CODE and /l/CODE: what only reads, but for the count of visits.
 *
 * A link that a replica does not know may just have been made by somebody else, so "not found" is
 * said only after the primary has been asked, if there is one. */
#include "apptier/reply.h"
#include "apptier/shortener/link_request.h"

#include <inttypes.h>
#include <stdio.h>

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 100

static const struct db_statement select_url = {"SELECT url FROM links WHERE code = ?", 1};
static const struct db_statement select_link = {
	"SELECT code, url, hits, created_at FROM links WHERE code = ?", 1};
static const struct db_statement select_links = {
	"SELECT id, code, url, hits, created_at FROM links WHERE id < ? ORDER BY id DESC LIMIT ?",
	2};

static json_t *
row_to_json(
	const struct link_request *link, const struct db_result *result, size_t row, size_t column)
{
	return link_to_json(link->shortener, db_result_value(result, row, column)->text,
		db_result_value(result, row, column + 1)->text,
		db_result_value(result, row, column + 2)->integer,
		db_result_value(result, row, column + 3)->text);
}

/* Deals with all that is not "here is the row". Returns true if there is a row to show. */
static bool
found(struct link_request *link, const struct db_result *result,
	const struct db_statement *statement, db_result_fn fn)
{
	link->job = NULL;
	if (result->status != DB_OK) {
		/* The replica has answered; that the primary cannot confirm it changes nothing. */
		if (link->from_primary && result->status == DB_UNAVAILABLE)
			reply_error(link->req, 404, "there is no link with this code");
		else
			reply_db_failure(link->req, result->status);
		return false;
	}
	if (result->n_rows > 0)
		return true;
	if (!link->from_primary && db_is_writable(app_db(link->shortener->app))) {
		link->from_primary = true;
		link_request_read(link, statement, fn);
		return false;
	}
	link->shortener->n_not_found++;
	reply_error(link->req, 404, "there is no link with this code");
	return false;
}

static void
on_link(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (found(link, result, &select_link, on_link))
		reply_json(link->shortener->app, link->req, 200, row_to_json(link, result, 0, 0),
			NULL);
}

static void
redirect(struct link_request *link, const struct gtid *counted)
{
	char location[LINK_URL_LOCATION_SIZE];

	link->shortener->n_redirects++;
	if (link_url_location(link->url, location, sizeof(location)))
		reply_redirect(link->shortener->app, link->req, location, counted);
	else
		reply_error(link->req, 500, "the stored URL is too long");
}

static void
on_counted(void *ctx, const struct gtid *gtid)
{
	redirect(ctx, gtid);
}

static void
on_url(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (!found(link, result, &select_url, on_url))
		return;
	snprintf(link->url, sizeof(link->url), "%s", db_result_value(result, 0, 0)->text);
	link->wait.done = on_counted;
	link->wait.ctx = link;
	/* A HEAD request asks where the link leads without going there. */
	if (http_request_method(link->req) == HTTP_METHOD_HEAD ||
		!count_writer_hit(link->shortener->counts, link->code, &link->wait))
		redirect(link, NULL);
}

/* Begins a request for the code that the path ends with. */
static void
read_code(struct http_request *req, struct app *app, size_t prefix_length,
	const struct db_statement *statement, db_result_fn fn)
{
	const char *code = http_request_path(req) + prefix_length;
	struct link_request *link;

	if (!link_code_is_valid(code)) {
		reply_error(req, 404, "there is no link with this code");
		return;
	}
	link = link_request_new(req, app);
	if (!link)
		return;
	snprintf(link->code, sizeof(link->code), "%s", code);
	link->values[0] = db_text(link->code);
	link_request_read(link, statement, fn);
}

static void
on_list(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;
	struct app *app = link->shortener->app;
	size_t n_shown = result->n_rows;
	json_t *links, *cursor;

	link->job = NULL;
	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	/* One more than asked for was read, to know whether there is another page. */
	if (n_shown > (size_t)link->limit)
		n_shown = (size_t)link->limit;
	links = json_array();
	for (size_t row = 0; row < n_shown; row++)
		json_array_append_new(links, row_to_json(link, result, row, 1));
	cursor =
		n_shown < result->n_rows
			? json_sprintf("%" PRId64, db_result_value(result, n_shown - 1, 0)->integer)
			: json_null();
	reply_json(app, link->req, 200,
		json_pack("{s:o, s:o}", "links", links, "next_cursor", cursor), NULL);
}

/* The query argument 'name' as a number from 1 to 'max'; 'fallback' if it is not there. Returns
 * false after having answered 400. */
static bool
read_number(struct http_request *req, const char *name, int64_t max, int64_t fallback, int64_t *out)
{
	const char *text = http_request_query(req, name);
	int64_t value = 0;

	*out = fallback;
	if (!text)
		return true;
	for (const char *at = text; *at; at++) {
		int64_t digit = *at - '0';

		if (digit < 0 || digit > 9 || value > (max - digit) / 10) {
			value = 0;
			break;
		}
		value = value * 10 + digit;
	}
	*out = value;
	if (value > 0)
		return true;
	reply_error(req, 400, "%s must be a number from 1 to %" PRId64, name, max);
	return false;
}

void
link_handle_get(struct http_request *req, void *ctx)
{
	read_code(req, ctx, sizeof(LINK_API_PATH "/") - 1, &select_link, on_link);
}

void
link_handle_redirect(struct http_request *req, void *ctx)
{
	read_code(req, ctx, sizeof(LINK_REDIRECT_PREFIX) - 1, &select_url, on_url);
}

void
link_handle_list(struct http_request *req, void *ctx)
{
	struct link_request *link;
	int64_t limit, cursor;

	if (!read_number(req, "limit", LIMIT_MAX, LIMIT_DEFAULT, &limit) ||
		!read_number(req, "cursor", INT64_MAX, INT64_MAX, &cursor))
		return;
	link = link_request_new(req, ctx);
	if (!link)
		return;
	link->limit = limit;
	link->values[0] = db_integer(cursor);
	link->values[1] = db_integer(limit + 1);
	link_request_read(link, &select_links, on_list);
}
