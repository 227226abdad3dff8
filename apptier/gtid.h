/* SPDX-License-Identifier: BSD-3-Clause */
/* MariaDB's global transaction ids ("domain-server-sequence") as values.
 *
 * With gtid_strict_mode the sequence of a domain only rises, whichever server writes it, so "has
 * this server got that transaction" is a comparison of sequences. Pure functions, any thread. */
#ifndef APPTIER_GTID_H
#define APPTIER_GTID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gtid {
	uint32_t domain;
	uint32_t server;
	uint64_t sequence; /* From 1; 0 means "none", the value of a zeroed struct. */
};

#define GTID_TEXT_SIZE 44

static inline bool
gtid_is_set(const struct gtid *gtid)
{
	return gtid->sequence != 0;
}

/* Reads exactly "1-2-3" from 'size' bytes. Returns false, leaving '*out' untouched, on anything
 * else: signs, blanks, leftovers, numbers out of range, a sequence of 0. */
bool gtid_parse(const char *text, size_t size, struct gtid *out);

/* Writes "1-2-3"; returns 'buf'. 'size' should be GTID_TEXT_SIZE. */
const char *gtid_format(const struct gtid *gtid, char *buf, size_t size);

/* True if a server that has applied 'reached' has applied 'wanted' too. An unset 'wanted' is always
 * covered. */
bool gtid_covers(const struct gtid *reached, const struct gtid *wanted);

/* The one to remember of an older and a newer observation: the later one of the same domain, else
 * 'newer', unless that is unset. */
struct gtid gtid_latest(const struct gtid *older, const struct gtid *newer);

#endif /* APPTIER_GTID_H */
