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

/* "-500": the last 500 bytes. 'out->size' of 0: there are none. Returns false if it is malformed.
 */
static bool
parse_suffix(const char **at, uint64_t total, struct range *out)
{
	uint64_t size;

	if (!read_number(at, &size))
		return false;
	out->size = size < total ? size : total;
	out->offset = total - out->size;
	return true;
}

/* One part, as parse_suffix(). */
static bool
parse_part(const char **at, uint64_t total, struct range *out)
{
	uint64_t first;
	uint64_t last = UINT64_MAX;

	if (**at == '-') {
		(*at)++;
		return parse_suffix(at, total, out);
	}
	if (!read_number(at, &first) || *(*at)++ != '-')
		return false;
	if (**at >= '0' && **at <= '9' && (!read_number(at, &last) || last < first))
		return false;
	if (last >= total)
		last = total - 1;
	out->offset = first;
	out->size = first < total ? last - first + 1 : 0;
	return true;
}

/* Goes to the next part of the list; elements of it may be empty (section 5.6.1.2). Returns false
 * at what is not a list. */
static bool
next_part(const char **at)
{
	bool separated = false;

	for (skip_blanks(at); **at == ','; skip_blanks(at)) {
		separated = true;
		(*at)++;
	}
	return separated || **at == '\0';
}

enum range_verdict
range_parse(const char *text, uint64_t total, struct ranges *out)
{
	struct ranges found = {.n = 0};
	uint64_t sum = 0;
	size_t n = 0;
	const char *p = text;

	if (!p || strncasecmp(p, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	p += 6;
	p += strspn(p, " \t,");
	for (; *p != '\0'; n++) {
		struct range part;

		if (!parse_part(&p, total, &part) || !next_part(&p) || n == RANGES_MAX)
			return RANGE_WHOLE;
		if (part.size == 0)
			continue;
		found.parts[found.n++] = part;
		sum += part.size;
	}
	if (n == 0 || (n > 1 && sum > total))
		return RANGE_WHOLE;
	if (found.n == 0)
		return RANGE_UNSATISFIABLE;
	*out = found;
	return RANGE_PARTS;
}
