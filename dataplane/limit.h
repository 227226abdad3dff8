/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits: how many new flows and packets a service takes in a second, and how many flows a backend
 * holds at once.
 *
 * Rates are token buckets that hold one second's worth (at least one), so that a burst passes
 * that keeps to the rate on average. Workers share nothing: each has its part of every limit, the
 * limit divided by the number of workers, which RSS gives about as many flows each. Such a bucket
 * is one number, the time when it will be full again (the generic cell rate algorithm, ITU-T I.371
 * annex A): a packet adds its interval to it and is refused where that would be more than a second
 * ahead.
 *
 * A flow that is not new is never refused for the sake of new flows: only SYN and UDP packets
 * without a flow count as new, so TCP connections in midstream go on after a takeover. */
#ifndef DATAPLANE_LIMIT_H
#define DATAPLANE_LIMIT_H

#include "common/clock.h"
#include "dataplane/flow_table.h"
#include "dataplane/maglev.h"
#include "dataplane/stats.h"

#include <stdbool.h>
#include <stdint.h>

/* A service's limits as the packet path needs them; 0: none. */
struct path_limit {
	uint32_t new_flow_ns; /* Between two new flows, for all workers together. */
	uint32_t packet_ns;
};

/* What a worker has let pass of one service. */
struct limit_usage {
	uint64_t new_flows_due_ns;
	uint64_t packets_due_ns;
};

/* One worker's. */
struct limits {
	struct limit_usage *services; /* By service id. */
	uint32_t n_workers;           /* That share every limit. */
};

/* The interval for a limit of 'per_s', 0 for none. */
static inline uint32_t
limit_interval(uint32_t per_s)
{
	return per_s ? (uint32_t)((NS_PER_S + per_s / 2) / per_s) : 0;
}

/* Takes one token; false if there is none. */
static inline bool
limit_take(uint64_t *due_ns, uint64_t interval_ns, uint64_t now_ns)
{
	uint64_t ahead_ns = interval_ns < NS_PER_S ? NS_PER_S - interval_ns : 0;
	uint64_t due = *due_ns > now_ns ? *due_ns : now_ns;

	if (due - now_ns > ahead_ns)
		return false;
	*due_ns = due + interval_ns;
	return true;
}

/* Whether the packet of such a signal, without a flow, is a new flow's first. */
static inline bool
limit_is_first(enum flow_signal signal)
{
	return signal == FLOW_SIGNAL_SYN || signal == FLOW_SIGNAL_UDP;
}

/* The backend for a new flow, 'chosen' being the scheduler's: that one, or, if it is full, the next
 * by hash that is not; 0: none. 'max_flows' (by backend id, 0: no limit) is for all workers,
 * 'backends' are this worker's counters. */
uint16_t limit_backend(const struct limits *limits, const uint32_t *max_flows,
	const struct backend_stats *backends, const struct maglev *maglev,
	const struct flow_key *key, uint16_t chosen);

#endif /* DATAPLANE_LIMIT_H */
