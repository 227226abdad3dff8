/* SPDX-License-Identifier: BSD-3-Clause */
/* A page of a list of links; see link_list.h. */
#include "apptier/shortener/link_list.h"

#include "apptier/reply.h"
#include "apptier/shortener/link_owner.h"

#include <inttypes.h>

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 100

#define SELECT_LINKS                                   \
	"SELECT id, " LINK_VIEW_COLUMNS " FROM links " \
	"WHERE owner_id = ? AND id < ? AND deleted_at IS NULL"

static const struct db_statement select_links = {SELECT_LINKS " ORDER BY id DESC LIMIT ?", 3};

/* The collation: without regard to case and accents, in all of Unicode. */
#define FOUND_IN(column) column " COLLATE utf8mb4_unicode_520_ci LIKE ?"

static const struct db_statement search_links = {SELECT_LINKS
	" AND (CONVERT(code USING utf8mb4) COLLATE utf8mb4_unicode_520_ci LIKE ? OR " FOUND_IN(
		"url") " OR " FOUND_IN("title") ") ORDER BY id DESC LIMIT ?",
	6};

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
	for (size_t row = 0; row < n_shown; row++) {
		struct link_view view;

		link_view_of_row(&view, db_result_value(result, row, 1));
		json_array_append_new(
			links, link_view_to_json(&view, app_model(app)->app.public_url));
	}
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

/* Makes the pattern for LIKE that finds 'q' anywhere. Returns false after having answered 400. */
static bool
read_search(struct link_request *link)
{
	const char *q = http_request_query(link->req, "q");
	size_t size = q ? strlen(q) : 0, used = 0;
	struct err err;

	if (size == 0)
		return true;
	if (size > LINK_SEARCH_MAX) {
		reply_error(link->req, 400, "q has %zu bytes; at most %d are allowed", size,
			LINK_SEARCH_MAX);
		return false;
	}
	if (link_title_check(q, size, &err) < 0) {
		reply_error(link->req, 400,
			"q is no text that a link could have: it is not UTF-8, "
			"or has control characters");
		return false;
	}
	link->pattern[used++] = '%';
	for (; *q; q++) {
		if (strchr("%_\\", *q))
			link->pattern[used++] = '\\';
		link->pattern[used++] = *q;
	}
	link->pattern[used++] = '%';
	link->pattern[used] = '\0';
	return true;
}

static void
read_list(struct link_request *link)
{
	bool search = link->pattern[0];
	size_t n = 0;

	link->values[n++] = db_integer(link->owner);
	link->values[n++] = db_integer(link->cursor);
	for (unsigned int i = 0; search && i < 3; i++)
		link->values[n++] = db_text(link->pattern);
	link->values[n++] = db_integer(link->limit + 1);
	link_request_read(link, search ? &search_links : &select_links, on_list);
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
	if (!link || !read_search(link))
		return;
	link->limit = limit;
	link->cursor = cursor;
	link_owner_find(link, read_list);
}
