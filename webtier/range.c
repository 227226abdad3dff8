/* SPDX-License-Identifier: BSD-3-Clause */
/* Range header; see range.h. */
#include "webtier/range.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Reads digits; a number too large for 64 bits becomes the largest, which lies behind the end of
 * every file. Returns false if there is no digit. */
static bool
read_number(const char **at, uint64_t *out)
{
	const char *p = *at;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
	}
	*at = p;
	*out = value;
	return true;
}

static void
skip_blanks(const char **at)
{
	*at += strspn(*at, " \t");
}

/* "-500": the last 500 bytes. */
static enum range_verdict
parse_suffix(const char *p, uint64_t total, struct range *out)
{
	uint64_t size;

	if (!read_number(&p, &size))
		return RANGE_WHOLE;
	skip_blanks(&p);
	if (*p != '\0')
		return RANGE_WHOLE;
	if (size == 0 || total == 0)
		return RANGE_UNSATISFIABLE;
	out->size = size < total ? size : total;
	out->offset = total - out->size;
	return RANGE_PART;
}

enum range_verdict
range_parse(const char *text, uint64_t total, struct range *out)
{
	uint64_t first;
	uint64_t last = UINT64_MAX;
	const char *p = text;

	if (!p || strncasecmp(p, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	p += 6;
	skip_blanks(&p);
	if (*p == '-')
		return parse_suffix(p + 1, total, out);
	if (!read_number(&p, &first) || *p++ != '-')
		return RANGE_WHOLE;
	if (*p >= '0' && *p <= '9' && (!read_number(&p, &last) || last < first))
		return RANGE_WHOLE;
	skip_blanks(&p);
	if (*p != '\0')
		return RANGE_WHOLE; /* Several ranges, or nonsense. */
	if (first >= total)
		return RANGE_UNSATISFIABLE;
	if (last >= total)
		last = total - 1;
	out->offset = first;
	out->size = last - first + 1;
	return RANGE_PART;
}
