/* SPDX-License-Identifier: BSD-3-Clause */
/* How far replicas are behind the primary, in time.
 *
 * Where each server has come to (its GTID position) is known from the answers to the probes. A
 * history says when the primary was where; a replica that has all the primary had at a certain time
 * is as old as that time, whatever its replication says of itself: running, stopped or never set
 * up. So nothing has to be granted for it, and no clock but our own is involved. What it says is
 * an upper limit: it is off by the time between two probes.
 *
 * A replica that is ahead of where the primary was last seen has later transactions of the primary,
 * or some that the primary never had. Which one, the primary's next position tells: until it has
 * come so far, the replica is as old as it was. A replica that has been seen behind everything that
 * is known of the primary counts as too old until it has caught up with some of it.
 *
 * Pure: no I/O, no clock. */
#ifndef APPTIER_DB_LAG_H
#define APPTIER_DB_LAG_H

#include "apptier/gtid_set.h"

#include <stdbool.h>
#include <stdint.h>

#define DB_LAG_POINTS 64

/* The primary was at 'position' at 'at_ns'. */
struct db_lag_point {
	uint64_t at_ns;
	struct gtid_set position;
};

/* Of one primary. Zeroed, then db_lag_init(). */
struct db_lag_history {
	uint64_t spacing_ns;                       /* Points that are closer add nothing. */
	struct db_lag_point points[DB_LAG_POINTS]; /* Oldest first. */
	size_t n;
};

/* What is known of one replica. Zeroed: nothing. */
struct db_lag_replica {
	struct gtid_set position;
	bool told;         /* There is a position. */
	bool known;        /* It has been judged against this primary's history. */
	uint64_t as_of_ns; /* It has all that the primary had then. */
};

/* For judging by 'limit_ns'. */
void db_lag_init(struct db_lag_history *history, uint64_t limit_ns);

/* Another server is the primary: all that was known is void. */
void db_lag_reset(struct db_lag_history *history);

/* The primary answered a question of 'asked_ns' (not before the last one's): it was at 'position'
 * then or later. */
void db_lag_primary(
	struct db_lag_history *history, uint64_t asked_ns, const struct gtid_set *position);

/* Judges the replica, after it or the primary has told a position or the primary went down. */
void db_lag_judge(
	const struct db_lag_history *history, struct db_lag_replica *replica, bool primary_up);

/* How old the replica is at 'now_ns', at most; 0 while nothing is known of the primary. While the
 * primary is down ('primary_up' is false) nothing new can be missed, so age does not grow. */
uint64_t db_lag_ns(const struct db_lag_history *history, const struct db_lag_replica *replica,
	bool primary_up, uint64_t now_ns);

#endif /* APPTIER_DB_LAG_H */
