/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets under way: when each left, and which of them have come back.
 *
 * The time is remembered here by the packet's number and does not travel in the packet, which has
 * no room for it (stamp.h). The sender writes the departures, the receiver everything else; they
 * may be two threads. A trial begins with flight_begin() while neither of them runs. */
#ifndef DATAPLANE_PKTGEN_FLIGHT_H
#define DATAPLANE_PKTGEN_FLIGHT_H

#include "dataplane/pktgen/histogram.h"

#include <stdint.h>

/* How far back the receiver can tell a packet from its repetition, and the sender's times reach. */
#define FLIGHT_WINDOW (UINT32_C(1) << 20)

/* Of one trial. Receiver: writes, anybody: reads. */
struct flight_counts {
	uint64_t received;   /* Different packets of the trial. */
	uint64_t duplicates; /* Beside these. */
	uint64_t reordered;  /* Of these: a later one was there before (RFC 4737 3.3). */
	uint64_t stale;      /* Not counted: from an earlier trial, or too late to tell. */
};

struct flight {
	uint32_t next;                      /* Sender: the next packet's number. */
	uint64_t departures[FLIGHT_WINDOW]; /* Sender: writes; number and time, 32 bits each. */
	uint32_t first;                     /* Of the trial. */
	uint64_t expected; /* One more than the highest that came; from 'first' on. */
	uint64_t seen[FLIGHT_WINDOW / 64];
	struct flight_counts counts;
	struct histogram latency_ns;
};

/* Returns 0 or -ENOMEM. */
int flight_new(struct flight **out);
void flight_free(struct flight *flight); /* NULL is allowed. */

/* Forgets the trial before. */
void flight_begin(struct flight *flight);

/* Sender: packet 'sequence' leaves at 'now_ns'. It may be said again until it has left. */
static inline void
flight_depart(struct flight *flight, uint32_t sequence, uint64_t now_ns)
{
	__atomic_store_n(&flight->departures[sequence % FLIGHT_WINDOW],
		(uint64_t)sequence << 32 | (uint32_t)now_ns, __ATOMIC_RELAXED);
}

/* Receiver: packet 'sequence' has come at 'now_ns'. */
void flight_arrive(struct flight *flight, uint32_t sequence, uint64_t now_ns);

#endif /* DATAPLANE_PKTGEN_FLIGHT_H */
