/* SPDX-License-Identifier: BSD-3-Clause */
/* Log-linear histogram of times: every power of two is cut into 64 equal parts, so that a value is
 * known to 1.6 % whatever its size, and values below 64 exactly.
 *
 * One thread records; any other may read at the same time and sees a state that was true a moment
 * ago. */
#ifndef DATAPLANE_PKTGEN_HISTOGRAM_H
#define DATAPLANE_PKTGEN_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PART_BITS 6
#define HISTOGRAM_PARTS (1u << HISTOGRAM_PART_BITS)
#define HISTOGRAM_BITS 36 /* Values up to 68 s in ns; what is above counts as that. */
#define HISTOGRAM_CELLS ((HISTOGRAM_BITS - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS)

struct histogram {
	uint64_t n;
	uint64_t least; /* UINT64_MAX: nothing was recorded. */
	uint64_t most;
	uint64_t cells[HISTOGRAM_CELLS];
};

/* Empties it. */
void histogram_init(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);

/* The value that 'permille' of 1000 recorded ones do not exceed, as the upper end of its cell but
 * never above the largest one; 0 if nothing was recorded. 'permille' is 1 to 1000. */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned int permille);

#endif /* DATAPLANE_PKTGEN_HISTOGRAM_H */
