/* SPDX-License-Identifier: BSD-3-Clause */
/* How far a server has come: the last transaction of each domain, as MariaDB writes it in
 * gtid_binlog_pos and gtid_slave_pos ("0-1-100,1-3-7"). Pure functions, any thread. */
#ifndef APPTIER_GTID_SET_H
#define APPTIER_GTID_SET_H

#include "apptier/gtid.h"

#define GTID_DOMAINS_MAX 16

/* Zeroed: nothing. */
struct gtid_set {
	struct gtid last[GTID_DOMAINS_MAX]; /* One of each domain. */
	size_t n;
};

/* Adds what 'size' bytes say, keeping the later transaction of each domain. Returns false if they
 * are not such a list, or name too many domains; some of it may be added then. */
bool gtid_set_add(struct gtid_set *set, const char *text, size_t size);

/* True if a server at 'reached' has all that one at 'wanted' has. */
bool gtid_set_covers(const struct gtid_set *reached, const struct gtid_set *wanted);

/* True if, of the domains that both know, 'one' has come further than 'other' in any. */
bool gtid_set_is_ahead(const struct gtid_set *one, const struct gtid_set *other);

#endif /* APPTIER_GTID_SET_H */
