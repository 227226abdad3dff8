/* SPDX-License-Identifier: BSD-3-Clause */
/* A link as others see it; see link_view.h. */
#include "apptier/shortener/link_view.h"

#include "apptier/shortener/link_time.h"
#include "apptier/shortener/link_url.h"
#include "apptier/shortener/shortener.h"

#include <stdio.h>

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

/* What the database has is UTF-8, and what is made here as well: no need to look again. */
static json_t *
text_to_json(const char *text)
{
	return json_string_nocheck(text);
}

static json_t *
time_to_json(const char *sql)
{
	char text[LINK_TIME_SIZE];

	if (!sql)
		return json_null();
	link_time_format(sql, text);
	return text_to_json(text);
}

json_t *
link_view_to_json(const struct link_view *view, const char *public_url)
{
	char short_url[LINK_URL_MAX];
	json_t *link = json_object();
	int failed = 0;

	snprintf(short_url, sizeof(short_url), "%s" LINK_REDIRECT_PREFIX "%s", public_url,
		view->code);
	/* One by one: json_pack() takes twice as long, and this is what most answers are. */
	failed |= json_object_set_new_nocheck(link, "code", text_to_json(view->code));
	failed |= json_object_set_new_nocheck(link, "url", text_to_json(view->url));
	failed |= json_object_set_new_nocheck(link, "short_url", text_to_json(short_url));
	failed |= json_object_set_new_nocheck(link, "title", text_to_json(view->title));
	failed |= json_object_set_new_nocheck(link, "permanent", json_boolean(view->permanent));
	failed |= json_object_set_new_nocheck(link, "count", json_integer(view->count));
	failed |= json_object_set_new_nocheck(link, "created", time_to_json(view->created_at));
	failed |= json_object_set_new_nocheck(link, "updated", time_to_json(view->updated_at));
	failed |= json_object_set_new_nocheck(link, "expires", time_to_json(view->expires_at));
	if (!failed)
		return link;
	json_decref(link);
	return NULL;
}
