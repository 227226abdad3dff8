/* SPDX-License-Identifier: BSD-3-Clause */
/* The visits of a link by day; see link_days.h. */
#include "apptier/shortener/link_days.h"

#include "apptier/reply.h"

static const struct db_statement select_days = {
	"SELECT d.day, d.hits FROM links AS l JOIN link_days AS d ON d.link_id = l.id "
	"WHERE l.code = ? AND d.day BETWEEN ? AND ? ORDER BY d.day",
	3};

/* The query argument 'name' as a day; 'fallback' if it is not there. Returns false after having
 * answered 400. */
static bool
read_day(struct http_request *req, const char *name, uint32_t fallback, uint32_t *out)
{
	const char *text = http_request_query(req, name);

	*out = fallback;
	if (!text || link_day_parse(text, out) == 0)
		return true;
	reply_error(req, 400, "%s must be a day like 2030-01-31 that there is", name);
	return false;
}

bool
link_days_prepare(struct link_request *link)
{
	uint32_t from, to;

	if (!read_day(link->req, "to", link_day_today(), &to) ||
		!read_day(link->req, "from",
			to < LINK_DAYS_DEFAULT ? 0 : to - LINK_DAYS_DEFAULT + 1, &from))
		return false;
	if (from > to || to - from >= LINK_DAYS_MAX) {
		reply_error(
			link->req, 400, "from must be 0 to %d days before to", LINK_DAYS_MAX - 1);
		return false;
	}
	link_day_format(from, link->days[0]);
	link_day_format(to, link->days[1]);
	return true;
}

static void
on_days(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;
	uint32_t day = 0, to = 0;
	json_t *days;
	json_int_t total = 0;

	link->job = NULL;
	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	link_day_parse(link->days[0], &day);
	link_day_parse(link->days[1], &to);
	days = json_array();
	for (size_t row = 0; day <= to; day++) {
		char text[LINK_DAY_SIZE];
		json_int_t count = 0;

		link_day_format(day, text);
		if (row < result->n_rows &&
			strcmp(db_result_value(result, row, 0)->text, text) == 0)
			count = db_result_value(result, row++, 1)->integer;
		total += count;
		json_array_append_new(days, json_pack("{s:s, s:I}", "day", text, "count", count));
	}
	reply_json(link->shortener->app, link->req, 200,
		json_pack("{s:s, s:s, s:s, s:I, s:o}", "code", link->code, "from", link->days[0],
			"to", link->days[1], "count", total, "days", days),
		NULL);
}

void
link_days_show(struct link_request *link)
{
	link->values[0] = db_text(link->code);
	link->values[1] = db_text(link->days[0]);
	link->values[2] = db_text(link->days[1]);
	link_request_read(link, &select_days, on_days);
}
