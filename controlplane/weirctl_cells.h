/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of an answer's objects, and cells of tables made of them. What is missing or of another
 * type becomes an empty cell: a newer or older control plane may be asked. */
#ifndef CONTROLPLANE_WEIRCTL_CELLS_H
#define CONTROLPLANE_WEIRCTL_CELLS_H

#include "controlplane/weirctl_table.h"

#include <jansson.h>

/* The text of a member; "" if it is missing, null or no string. */
const char *text_of(json_t *object, const char *key);

/* 0 if it is missing or no integer. */
json_int_t integer_of(json_t *object, const char *key);

/* What rates_add() has put down; NAN where it could not know. */
double rate_or_nan(json_t *rate);

void cell_text(struct table *table, json_t *object, const char *key);
void cell_integer(struct table *table, json_t *object, const char *key);
void cell_seconds(struct table *table, json_t *object, const char *key);

/* By a formatter of non-negative numbers: format_count or format_bytes. */
void cell_unit(struct table *table, json_t *object, const char *key,
	const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]));

/* A counter: with the member "KEY_per_s" (weirctl_rates.h) that rate, else as cell_unit(). */
void cell_counter(struct table *table, json_t *object, const char *key,
	const char *(*format)(uint64_t, char[static UNIT_TEXT_SIZE]));

/* "192.0.2.1:80", "[2001:db8::1]:any" of the members 'address' and 'port'. */
void cell_endpoint(struct table *table, json_t *object);

/* The strings of an array, with commas between them. */
void cell_list(struct table *table, json_t *object, const char *key);

/* A map of counters as a table. */
struct counts {
	const char *member; /* Of the answer. */
	const char *title;
	const char *unit;
	const char *none; /* Said when all are 0. */
};

/* Names and exact numbers, because small ones among them matter; zeros are left out. Rates stand
 * beside the numbers. */
void print_counts(json_t *answer, const struct counts *counts, FILE *file);

#endif /* CONTROLPLANE_WEIRCTL_CELLS_H */
