/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of comma-separated values (RFC 4180) in a buffer that grows. No I/O. */
#ifndef APPTIER_SHORTENER_CSV_H
#define APPTIER_SHORTENER_CSV_H

#include <stddef.h>

struct csv {
	char *text;
	size_t size;
	size_t capacity;
	int rc; /* 0, or -ENOMEM: what was added since is not all there. */
};

/* Adds a field of 'text' behind those that the record has. A spreadsheet would take what begins
 * with
 * '=', '+', '-', '@', a tab or a line's end for a formula and run it, so that is preceded by an
 * apostrophe, which spreadsheets take for "this is text". */
void csv_field(struct csv *csv, const char *text);

/* Ends the record. */
void csv_end(struct csv *csv);

/* Empties the buffer and keeps its memory. */
void csv_reset(struct csv *csv);

void csv_fini(struct csv *csv);

#endif /* APPTIER_SHORTENER_CSV_H */
