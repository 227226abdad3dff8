/* SPDX-License-Identifier: BSD-3-Clause */
/* A link as others see it; see link_view.h. */
#include "apptier/shortener/link_view.h"

#include "apptier/shortener/link_time.h"
#include "apptier/shortener/shortener.h"

enum column {
	COLUMN_CODE,
	COLUMN_URL,
	COLUMN_HITS,
	COLUMN_CREATED_AT,
	COLUMN_TITLE,
	COLUMN_PERMANENT,
	COLUMN_EXPIRES_AT,
	COLUMN_UPDATED_AT,
	N_COLUMNS
};

static_assert(N_COLUMNS == LINK_VIEW_N_COLUMNS, "the columns of LINK_VIEW_COLUMNS");

static const char *
text_or_null(const struct db_value *value)
{
	return value->kind == DB_TEXT ? value->text : NULL;
}

void
link_view_of_row(struct link_view *out, const struct db_value *values)
{
	*out = (struct link_view){
		.code = values[COLUMN_CODE].text,
		.url = values[COLUMN_URL].text,
		.title = values[COLUMN_TITLE].text,
		.created_at = values[COLUMN_CREATED_AT].text,
		.expires_at = text_or_null(&values[COLUMN_EXPIRES_AT]),
		.updated_at = text_or_null(&values[COLUMN_UPDATED_AT]),
		.count = values[COLUMN_HITS].integer,
		.permanent = values[COLUMN_PERMANENT].integer != 0,
	};
}

static json_t *
time_to_json(const char *sql)
{
	char text[LINK_TIME_SIZE];

	if (!sql)
		return json_null();
	link_time_format(sql, text);
	return json_string(text);
}

json_t *
link_view_to_json(const struct link_view *view, const char *public_url)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:b, s:I, s:o, s:o, s:o}", "code", view->code, "url",
		view->url, "short_url",
		json_sprintf("%s" LINK_REDIRECT_PREFIX "%s", public_url, view->code), "title",
		view->title, "permanent", view->permanent, "count", (json_int_t)view->count,
		"created", time_to_json(view->created_at), "updated",
		time_to_json(view->updated_at), "expires", time_to_json(view->expires_at));
}
