/* SPDX-License-Identifier: BSD-3-Clause */
/* Aligned tables and numbers with units; see weirctl_table.h. */
#include "controlplane/weirctl_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP "  "
#define TITLE_SIZE 64

void
table_init(struct table *table, const struct table_column *columns)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	while (columns[table->n_columns].title)
		table->n_columns++;
}

void
table_fini(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	memset(table, 0, sizeof(*table));
}

void
table_cell(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	if (table->n_cells == table->capacity) {
		size_t capacity = table->capacity > 0 ? table->capacity * 2 : 64;
		char **grown = realloc(table->cells, capacity * sizeof(*grown));

		if (!grown)
			return;
		table->cells = grown;
		table->capacity = capacity;
	}
	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	if (size < 0)
		return;
	for (int i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
	table->cells[table->n_cells++] = text;
}

void
table_rate(struct table *table, double per_s,
	const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]))
{
	char buf[UNIT_TEXT_SIZE] = "";

	table->rates |= UINT64_C(1) << (table->n_cells % table->n_columns);
	if (!isnan(per_s))
		format_rate(per_s, format, buf);
	table_cell(table, "%s", buf);
}

static const char *
shown(const char *text)
{
	return text[0] ? text : "-";
}

/* What a column's title has behind it. */
static const char *
rate_of(const struct table *table, size_t column)
{
	return table->rates >> column & 1 ? "/S" : "";
}

static size_t
column_width(const struct table *table, size_t column)
{
	size_t width = strlen(table->columns[column].title) + strlen(rate_of(table, column));

	for (size_t i = column; i < table->n_cells; i += table->n_columns) {
		size_t size = strlen(shown(table->cells[i]));

		if (size > width)
			width = size;
	}
	return width;
}

/* Prints one cell; nothing is padded at the end of a line. */
static void
print_cell(const struct table *table, size_t column, int width, const char *text, FILE *file)
{
	bool last = column + 1 == table->n_columns;

	if (table->columns[column].right)
		fprintf(file, "%*s", width, text);
	else
		fprintf(file, "%-*s", last ? 0 : width, text);
	fputs(last ? "\n" : GAP, file);
}

void
table_print(const struct table *table, const char *none, FILE *file)
{
	int *widths;

	if (table->n_cells == 0) {
		fprintf(file, "%s\n", none);
		return;
	}
	widths = calloc(table->n_columns, sizeof(*widths));
	if (!widths)
		return;
	for (size_t i = 0; i < table->n_columns; i++) {
		char title[TITLE_SIZE];

		snprintf(title, sizeof(title), "%s%s", table->columns[i].title, rate_of(table, i));
		widths[i] = (int)column_width(table, i);
		print_cell(table, i, widths[i], title, file);
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t column = i % table->n_columns;

		print_cell(table, column, widths[column], shown(table->cells[i]), file);
	}
	if (table->n_cells % table->n_columns != 0)
		fputs("\n", file);
	free(widths);
}

/* 'value' in the greatest of 'units' in which it is at least 1, with three digits. */
static const char *
format_scaled(double value, double base, const char *const *units, const char *gap, char *buf)
{
	size_t i = 0;

	/* What would be rounded to 1000 belongs to the next unit. */
	while (units[i + 1] && value >= (i > 0 ? 999.5 : base)) {
		value /= base;
		i++;
	}
	if (i == 0)
		snprintf(buf, UNIT_TEXT_SIZE, "%.0f%s%s", value, gap, units[0]);
	else
		snprintf(buf, UNIT_TEXT_SIZE, "%.*f%s%s",
			value < 9.995   ? 2
			: value < 99.95 ? 1
					: 0,
			value, gap, units[i]);
	return buf;
}

const char *
format_count(uint64_t count, char buf[static UNIT_TEXT_SIZE])
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", NULL};

	return format_scaled((double)count, 1000, units, "", buf);
}

const char *
format_bytes(uint64_t bytes, char buf[static UNIT_TEXT_SIZE])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};

	return format_scaled((double)bytes, 1024, units, " ", buf);
}

const char *
format_rate(double per_s, const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]),
	char buf[static UNIT_TEXT_SIZE])
{
	if (per_s >= 99.95 || format == format_bytes)
		return format((uint64_t)(per_s + 0.5), buf);
	snprintf(buf, UNIT_TEXT_SIZE, "%.*f", per_s <= 0 ? 0 : per_s < 9.995 ? 2 : 1, per_s);
	return buf;
}

const char *
format_seconds(double seconds, char buf[static UNIT_TEXT_SIZE])
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;
	unsigned int minutes = (unsigned int)(s / 60 % 60), hours = (unsigned int)(s / 3600 % 24);

	if (s < 10)
		snprintf(buf, UNIT_TEXT_SIZE, "%.2fs", seconds > 0 ? seconds : 0);
	else if (s < 60)
		snprintf(buf, UNIT_TEXT_SIZE, "%us", (unsigned int)s);
	else if (s < 3600)
		snprintf(buf, UNIT_TEXT_SIZE, "%um%02us", minutes, (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(buf, UNIT_TEXT_SIZE, "%uh%02um", hours, minutes);
	else
		snprintf(buf, UNIT_TEXT_SIZE, "%llud%02uh", (unsigned long long)(s / 86400), hours);
	return buf;
}
