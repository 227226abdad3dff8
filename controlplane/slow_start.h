/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow start: the weight of a backend that takes flows again goes up to its full value in steps, so
 * that it can fill its caches before it gets its whole share.
 *
 * Of n = SLOW_START_STEPS steps step k (1, 2, ...) gives k / n of the weight, at least 1, from
 * (k - 1) / (n - 1) of the duration on: the last one, which is the end, when all of it is over. The
 * steps are few because each of them is a new state for the dataplane. Knows no clock. */
#ifndef CONTROLPLANE_SLOW_START_H
#define CONTROLPLANE_SLOW_START_H

#include <stdbool.h>
#include <stdint.h>

#define SLOW_START_STEPS 10
#define SLOW_START_NEVER UINT64_MAX

/* All zero: not under way. */
struct slow_start {
	uint64_t began_ns;
	uint64_t duration_ns;
	uint32_t step; /* 0: not under way. */
};

/* Begins anew; 'duration_ns' 0 means that there is no slow start. */
void slow_start_begin(struct slow_start *start, uint64_t duration_ns, uint64_t now_ns);
void slow_start_stop(struct slow_start *start);

/* Goes to the step of 'now_ns'. Returns true if that changed the weight. */
bool slow_start_advance(struct slow_start *start, uint64_t now_ns);

/* When slow_start_advance() has something to do; SLOW_START_NEVER: not under way. */
uint64_t slow_start_deadline_ns(const struct slow_start *start);

/* What 'weight' is now. */
uint16_t slow_start_weight(const struct slow_start *start, uint16_t weight);

#endif /* CONTROLPLANE_SLOW_START_H */
