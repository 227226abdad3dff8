/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets under way; see flight.h. */
#include "dataplane/pktgen/flight.h"

#include "dataplane/stats.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int
flight_new(struct flight **out)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (!flight)
		return -ENOMEM;
	flight_begin(flight);
	*out = flight;
	return 0;
}

void
flight_free(struct flight *flight)
{
	free(flight);
}

void
flight_begin(struct flight *flight)
{
	flight->first = flight->next;
	flight->expected = 0;
	memset(flight->seen, 0, sizeof(flight->seen));
	memset(&flight->counts, 0, sizeof(flight->counts));
	histogram_init(&flight->latency_ns);
}

/* Marks the place as seen; returns whether it was already. */
static bool
see(struct flight *flight, uint64_t place)
{
	uint64_t *word = &flight->seen[place % FLIGHT_WINDOW / 64];
	uint64_t bit = UINT64_C(1) << (place % 64);
	bool was = (*word & bit) != 0;

	*word |= bit;
	return was;
}

/* The window moves on to end behind 'place': what comes into it has not been seen. */
static void
move_window(struct flight *flight, uint64_t place)
{
	uint64_t n = place + 1 - flight->expected;

	if (n >= FLIGHT_WINDOW) {
		memset(flight->seen, 0, sizeof(flight->seen));
	} else {
		for (uint64_t at = flight->expected; at <= place; at++)
			flight->seen[at % FLIGHT_WINDOW / 64] &= ~(UINT64_C(1) << (at % 64));
	}
	flight->expected = place + 1;
}

void
flight_arrive(struct flight *flight, uint32_t sequence, uint64_t now_ns)
{
	struct flight_counts *counts = &flight->counts;
	/* Numbers have 32 bits: the place is the one nearest to what is expected. */
	int32_t ahead = (int32_t)(sequence - flight->first - (uint32_t)flight->expected);
	int64_t place = (int64_t)flight->expected + ahead;
	uint64_t departure;

	if (place < 0 || (uint64_t)place + FLIGHT_WINDOW < flight->expected) {
		stats_add(&counts->stale, 1);
		return;
	}
	if (ahead >= 0)
		move_window(flight, (uint64_t)place);
	if (see(flight, (uint64_t)place)) {
		stats_add(&counts->duplicates, 1);
		return;
	}
	stats_add(&counts->received, 1);
	if (ahead < 0)
		stats_add(&counts->reordered, 1);
	departure =
		__atomic_load_n(&flight->departures[sequence % FLIGHT_WINDOW], __ATOMIC_RELAXED);
	if (departure >> 32 == sequence)
		histogram_record(&flight->latency_ns, (uint32_t)now_ns - (uint32_t)departure);
}
