/* SPDX-License-Identifier: BSD-3-Clause */
/* What health checks count of themselves: how many there were, how they ended, and how late they
 * began. A check that begins late finds trouble late; a control plane that has more checks than
 * time shows it here first. */
#ifndef CONTROLPLANE_CHECK_STATS_H
#define CONTROLPLANE_CHECK_STATS_H

#include "common/metrics.h"

#include <stdint.h>

#define CHECK_STATS_BUCKETS 10 /* And one more, for what is later than all. */

/* All zero at the start. */
struct check_stats {
	uint64_t n_good;
	uint64_t n_bad;
	uint64_t n_timeouts; /* Of the bad ones. */
	uint64_t n_hurried;  /* By signs of trouble. */
	uint64_t late[CHECK_STATS_BUCKETS + 1];
	uint64_t late_ns; /* Sum. */
};

/* The upper end of a bucket below CHECK_STATS_BUCKETS. */
uint64_t check_stats_bound_ns(unsigned int bucket);

/* A probe has begun, 'late_ns' after it was due. */
void check_stats_begin(struct check_stats *stats, uint64_t late_ns);

/* As Prometheus wants it. */
void check_stats_write(struct metrics *metrics, const struct check_stats *stats);

#endif /* CONTROLPLANE_CHECK_STATS_H */
