/* SPDX-License-Identifier: BSD-3-Clause */
/* A link as others see it: from a row of the database to JSON. */
#ifndef APPTIER_SHORTENER_LINK_VIEW_H
#define APPTIER_SHORTENER_LINK_VIEW_H

#include "apptier/db_value.h"

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* What link_view_of_row() takes, in this order, from the table 'links'. */
#define LINK_VIEW_COLUMNS "code, url, hits, created_at, title, permanent, expires_at, updated_at"
#define LINK_VIEW_N_COLUMNS 8

/* Texts are the row's or whoever filled it in has them. Times are as SQL writes them. */
struct link_view {
	const char *code;
	const char *url;
	const char *title;
	const char *created_at;
	const char *expires_at; /* NULL: never. */
	const char *updated_at; /* NULL: not since it was made. */
	int64_t count;
	bool permanent;
};

/* 'values': the first of LINK_VIEW_COLUMNS in a row. */
void link_view_of_row(struct link_view *out, const struct db_value *values);

/* Short URLs begin with 'public_url'. NULL if memory is short. */
json_t *link_view_to_json(const struct link_view *view, const char *public_url);

#endif /* APPTIER_SHORTENER_LINK_VIEW_H */
