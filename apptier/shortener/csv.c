/* SPDX-License-Identifier: BSD-3-Clause */
/* Comma-separated values; see csv.h. */
#include "apptier/shortener/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 4096

static void
add(struct csv *csv, const char *text, size_t size)
{
	size_t capacity = csv->capacity ? csv->capacity : CAPACITY_MIN;
	char *grown;

	while (capacity - csv->size < size)
		capacity *= 2;
	if (capacity != csv->capacity && csv->rc == 0) {
		grown = realloc(csv->text, capacity);
		if (grown) {
			csv->text = grown;
			csv->capacity = capacity;
		} else {
			csv->rc = -ENOMEM;
		}
	}
	if (csv->rc < 0)
		return;
	memcpy(csv->text + csv->size, text, size);
	csv->size += size;
}

void
csv_field(struct csv *csv, const char *text)
{
	bool first = csv->size == 0 || csv->text[csv->size - 1] == '\n';
	bool formula = *text && strchr("=+-@\t\r\n", *text);
	/* RFC 4180 2: what holds a separator. A record of one empty field would be an empty line.
	 */
	bool quoted = formula || strpbrk(text, "\",\r\n") || (first && !*text);

	if (!first)
		add(csv, ",", 1);
	if (quoted)
		add(csv, "\"", 1);
	if (formula)
		add(csv, "'", 1);
	while (*text) {
		size_t length = strcspn(text, "\"");

		add(csv, text, length);
		text += length;
		if (*text++)
			add(csv, "\"\"", 2);
		else
			break;
	}
	if (quoted)
		add(csv, "\"", 1);
}

void
csv_end(struct csv *csv)
{
	add(csv, "\r\n", 2);
}

void
csv_reset(struct csv *csv)
{
	csv->size = 0;
}

void
csv_fini(struct csv *csv)
{
	free(csv->text);
	memset(csv, 0, sizeof(*csv));
}
