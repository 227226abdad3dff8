/* SPDX-License-Identifier: BSD-3-Clause */
/* Positions of servers; see gtid_set.h. */
#include "apptier/gtid_set.h"

#include <string.h>

static const struct gtid *
find_domain(const struct gtid_set *set, uint32_t domain)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->last[i].domain == domain)
			return &set->last[i];
	}
	return NULL;
}

static bool
add_one(struct gtid_set *set, const struct gtid *gtid)
{
	const struct gtid *own = find_domain(set, gtid->domain);

	if (!own && set->n == GTID_DOMAINS_MAX)
		return false;
	if (!own)
		set->last[set->n++] = *gtid;
	else if (own->sequence < gtid->sequence)
		set->last[own - set->last] = *gtid;
	return true;
}

bool
gtid_set_add(struct gtid_set *set, const char *text, size_t size)
{
	const char *end = text + size;
	const char *comma = size > 0 ? text : NULL;

	while (comma) {
		const char *stop;
		struct gtid gtid;

		comma = memchr(text, ',', (size_t)(end - text));
		stop = comma ? comma : end;
		if (!gtid_parse(text, (size_t)(stop - text), &gtid) || !add_one(set, &gtid))
			return false;
		text = stop + 1;
	}
	return true;
}

bool
gtid_set_covers(const struct gtid_set *reached, const struct gtid_set *wanted)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const struct gtid *own = find_domain(reached, wanted->last[i].domain);

		if (!own || own->sequence < wanted->last[i].sequence)
			return false;
	}
	return true;
}

bool
gtid_set_is_ahead(const struct gtid_set *one, const struct gtid_set *other)
{
	for (size_t i = 0; i < one->n; i++) {
		const struct gtid *theirs = find_domain(other, one->last[i].domain);

		if (theirs && theirs->sequence < one->last[i].sequence)
			return true;
	}
	return false;
}
