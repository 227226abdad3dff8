/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacing: how many packets, or bits on the wire, may leave by now.
 *
 * Time earns credit, a packet costs some. Credit that was not spent is kept for a limited time, so
 * that a generator that was held up catches up a little and then goes on at its rate instead of
 * sending a burst that nobody has asked for. The caller passes the time. One thread. */
#ifndef DATAPLANE_PKTGEN_PACE_H
#define DATAPLANE_PKTGEN_PACE_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define PACE_RATE_MAX UINT64_C(800000000000) /* Units in a second: bits of the fastest NIC. */
#define PACE_CATCH_UP_MAX_NS (10 * NS_PER_MS)

/* Preamble, start of frame and the gap between frames: bytes that a frame takes on the wire beside
 * its own (IEEE 802.3 4.2.3.2 and 3.1.1). */
#define PACE_WIRE_EXTRA 20

struct pace {
	uint64_t rate;    /* Units in a second; 0: no limit. */
	uint64_t step;    /* Cost of the dearest packet in units: that much may always be saved. */
	uint64_t credit;  /* Units times NS_PER_S. */
	uint64_t last_ns; /* Up to when credit was given. */
	uint64_t catch_up_ns; /* How old credit may be. */
};

/* Starts at 'now_ns' without credit. A packet costs at most 'step' units; 'catch_up_ns' is at most
 * PACE_CATCH_UP_MAX_NS. */
void pace_init(
	struct pace *pace, uint64_t rate, uint64_t step, uint64_t catch_up_ns, uint64_t now_ns);

/* Gives the credit of the time since the last call at the rate so far; then 'rate' holds. */
void pace_advance(struct pace *pace, uint64_t rate, uint64_t now_ns);

/* Returns true and takes the cost if a packet of 'cost' units may leave. */
bool pace_take(struct pace *pace, uint64_t cost);

/* A rate that climbs evenly from 'from' to 'to' over 'length_ns', a step each millisecond, and
 * stays there. */
uint64_t pace_ramp(uint64_t from, uint64_t to, uint64_t length_ns, uint64_t elapsed_ns);

#endif /* DATAPLANE_PKTGEN_PACE_H */
