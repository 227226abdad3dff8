/* SPDX-License-Identifier: BSD-3-Clause */
/* Aligned tables for people, and numbers with units that fit into them.
 *
 *   table_init(&table, columns);              the columns end with a NULL title
 *   table_cell(&table, "%s", name); ...       cell by cell, row by row
 *   table_print(&table, stdout);
 *   table_fini(&table);
 *
 * Short memory leaves cells out; it never stops a command. */
#ifndef CONTROLPLANE_WEIRCTL_TABLE_H
#define CONTROLPLANE_WEIRCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define UNIT_TEXT_SIZE 24

struct table_column {
	const char *title;
	bool right; /* Numbers are aligned to the right. */
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells; /* Row by row. */
	size_t n_cells;
	size_t capacity;
	uint64_t rates; /* Bit i: column i has rates, and its title says so. */
};

void table_init(struct table *table, const struct table_column *columns);
void table_fini(struct table *table);

/* Adds the next cell; an empty text is shown as "-". Control characters become '?'. */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As table_cell(), with how much there is in a second by one of the formatters below; the column's
 * title gets "/S" behind it. NAN: unknown. */
void table_rate(struct table *table, double per_s,
	const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]));

/* Prints the titles and the rows; without rows the line 'none' instead. */
void table_print(const struct table *table, const char *none, FILE *file);

/* Three digits and a decimal unit: "999", "1.23k", "45.6M". Returns 'buf'. */
const char *format_count(uint64_t count, char buf[static UNIT_TEXT_SIZE]);

/* Three digits and a binary unit: "999 B", "1.23 KiB", "45.6 GiB". */
const char *format_bytes(uint64_t bytes, char buf[static UNIT_TEXT_SIZE]);

/* As 'format', and with decimals when it is little: "0", "0.25", "12.5", "1.23k". */
const char *format_rate(double per_s, const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]),
	char buf[static UNIT_TEXT_SIZE]);

/* The two greatest units: "0.25s", "12s", "3m05s", "4h07m", "12d03h". */
const char *format_seconds(double seconds, char buf[static UNIT_TEXT_SIZE]);

#endif /* CONTROLPLANE_WEIRCTL_TABLE_H */
