/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of links, always UTC: RFC 3339 to the outside, as SQL writes them to the database. Pure
 * functions, but for the two that read the clock. */
#ifndef APPTIER_SHORTENER_LINK_TIME_H
#define APPTIER_SHORTENER_LINK_TIME_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define LINK_TIME_SIZE 32 /* "2026-01-02 03:04:05.678"; they compare as texts do. */
#define LINK_DAY_SIZE 11  /* "2026-01-02" */

/* Now, as SQL writes it. */
void link_time_now(char out[static LINK_TIME_SIZE]);

/* Days from 1970-01-01 to today. */
uint32_t link_day_today(void);

/* Writes a day as SQL and RFC 3339 do. */
void link_day_format(uint32_t day, char out[static LINK_DAY_SIZE]);

/* Reads a day of the years 1970 to 9999. Returns 0, or -EINVAL if there is no such day. */
int link_day_parse(const char *text, uint32_t *out);

/* Reads an RFC 3339 time of any offset and writes it as SQL does. Returns 0, or -EINVAL with 'err'
 * set to a sentence for the person who sent it. */
int link_time_parse(const char *text, char out[static LINK_TIME_SIZE], struct err *err);

/* From SQL's form to RFC 3339's. */
void link_time_format(const char *sql, char out[static LINK_TIME_SIZE]);

#endif /* APPTIER_SHORTENER_LINK_TIME_H */
