/* SPDX-License-Identifier: BSD-3-Clause */
/* What came of a trial. */
#ifndef DATAPLANE_PKTGEN_RESULT_H
#define DATAPLANE_PKTGEN_RESULT_H

#include "dataplane/pktgen/flight.h"
#include "dataplane/pktgen/rate.h"

#include <stdint.h>

struct result {
	struct pacing wanted;
	uint64_t duration_ns; /* From the first to the last packet sent. */
	uint64_t sent;
	uint64_t sent_bits; /* On the wire. */
	struct flight_counts counts;
	uint64_t strangers; /* Packets received that are not the generator's. */
	uint64_t refused;   /* Times that the port took fewer packets than were due. */
	uint64_t least_ns;  /* Latency; all 0 if no packet came. */
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t p999_ns;
	uint64_t most_ns;
};

static inline uint64_t
result_lost(const struct result *result)
{
	return result->sent > result->counts.received ? result->sent - result->counts.received : 0;
}

/* 'n' of the trial's packets or bits, in a second. */
static inline double
result_per_second(const struct result *result, uint64_t n)
{
	return result->duration_ns ? (double)n * 1e9 / (double)result->duration_ns : 0;
}

#endif /* DATAPLANE_PKTGEN_RESULT_H */
