/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of answers as cells; see weirctl_cells.h. */
#include "controlplane/weirctl_cells.h"

#include "controlplane/weirctl_rates.h"

#include <math.h>
#include <string.h>

#define KEY_SIZE 64

const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t
integer_of(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void
cell_text(struct table *table, json_t *object, const char *key)
{
	table_cell(table, "%s", text_of(object, key));
}

void
cell_integer(struct table *table, json_t *object, const char *key)
{
	if (json_is_integer(json_object_get(object, key)))
		table_cell(table, "%" JSON_INTEGER_FORMAT, integer_of(object, key));
	else
		table_cell(table, "%s", "");
}

void
cell_unit(struct table *table, json_t *object, const char *key,
	const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]))
{
	json_t *value = json_object_get(object, key);
	char buf[UNIT_TEXT_SIZE] = "";

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		format((uint64_t)json_integer_value(value), buf);
	table_cell(table, "%s", buf);
}

double
rate_or_nan(json_t *rate)
{
	return json_is_real(rate) ? json_real_value(rate) : (double)NAN;
}

void
cell_counter(struct table *table, json_t *object, const char *key,
	const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]))
{
	char rate_key[KEY_SIZE];
	json_t *rate;

	snprintf(rate_key, sizeof(rate_key), "%s" RATE_SUFFIX, key);
	rate = json_object_get(object, rate_key);
	if (rate)
		table_rate(table, rate_or_nan(rate), format);
	else
		cell_unit(table, object, key, format);
}

void
cell_seconds(struct table *table, json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	char buf[UNIT_TEXT_SIZE] = "";

	if (json_is_number(value))
		format_seconds(json_number_value(value), buf);
	table_cell(table, "%s", buf);
}

void
cell_list(struct table *table, json_t *object, const char *key)
{
	char buf[1024] = "";
	size_t size = 0;
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(object, key), i, value)
	{
		const char *text = json_string_value(value);

		if (text && size < sizeof(buf))
			size += (size_t)snprintf(
				buf + size, sizeof(buf) - size, "%s%s", i > 0 ? "," : "", text);
	}
	table_cell(table, "%s", buf);
}

void
cell_endpoint(struct table *table, json_t *object)
{
	const char *address = text_of(object, "address");
	bool v6 = strchr(address, ':') != NULL;

	if (json_is_integer(json_object_get(object, "port")) && integer_of(object, "port") == 0) {
		table_cell(table, "%s%s%s:any", v6 ? "[" : "", address, v6 ? "]" : "");
		return;
	}
	table_cell(table, "%s%s%s:%" JSON_INTEGER_FORMAT, v6 ? "[" : "", address, v6 ? "]" : "",
		integer_of(object, "port"));
}

void
print_counts(json_t *answer, const struct counts *counts, FILE *file)
{
	const struct table_column columns[] = {
		{counts->title, false}, {counts->unit, true}, {NULL, false}};
	const struct table_column with_rates[] = {
		{counts->title, false}, {counts->unit, true}, {counts->unit, true}, {NULL, false}};
	char key[64];
	json_t *rates, *value;
	struct table table;
	const char *name;

	snprintf(key, sizeof(key), "%s" RATE_SUFFIX, counts->member);
	rates = json_object_get(answer, key);
	table_init(&table, rates ? with_rates : columns);
	json_object_foreach(json_object_get(answer, counts->member), name, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		table_cell(&table, "%s", name);
		table_cell(&table, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		if (rates)
			table_rate(&table, rate_or_nan(json_object_get(rates, name)), format_count);
	}
	table_print(&table, counts->none, file);
	table_fini(&table);
}
