/* SPDX-License-Identifier: BSD-3-Clause */
/* Global transaction ids; see gtid.h. */
#include "apptier/gtid.h"

#include <inttypes.h>
#include <stdio.h>

/* Reads digits up to 'end' or the first other character; fails on none or beyond 'max'. */
static bool
read_number(const char **at, const char *end, uint64_t max, uint64_t *out)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
		uint64_t digit = (uint64_t)(**at - '0');

		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return *at > start;
}

static bool
read_dash(const char **at, const char *end)
{
	if (*at == end || **at != '-')
		return false;
	(*at)++;
	return true;
}

bool
gtid_parse(const char *text, size_t size, struct gtid *out)
{
	const char *end = text + size;
	uint64_t domain, server, sequence;

	if (!read_number(&text, end, UINT32_MAX, &domain) || !read_dash(&text, end) ||
		!read_number(&text, end, UINT32_MAX, &server) || !read_dash(&text, end) ||
		!read_number(&text, end, UINT64_MAX, &sequence) || text != end || sequence == 0)
		return false;
	*out = (struct gtid){(uint32_t)domain, (uint32_t)server, sequence};
	return true;
}

const char *
gtid_format(const struct gtid *gtid, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu32 "-%" PRIu32 "-%" PRIu64, gtid->domain, gtid->server,
		gtid->sequence);
	return buf;
}

bool
gtid_covers(const struct gtid *reached, const struct gtid *wanted)
{
	if (!gtid_is_set(wanted))
		return true;
	return gtid_is_set(reached) && reached->domain == wanted->domain &&
	       reached->sequence >= wanted->sequence;
}

struct gtid
gtid_latest(const struct gtid *older, const struct gtid *newer)
{
	if (!gtid_is_set(newer) || gtid_covers(older, newer))
		return *older;
	return *newer;
}
