/* SPDX-License-Identifier: BSD-3-Clause */
/* How often which time was seen, to within 1/16: for percentiles of what is too much to keep. */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 16 /* Of each power of two. */
#define HISTOGRAM_BINS (64 * HISTOGRAM_PARTS)

struct histogram {
	uint64_t n;
	uint64_t max;
	uint64_t bins[HISTOGRAM_BINS];
};

static inline unsigned int
histogram_bin(uint64_t value)
{
	unsigned int power;

	if (value < HISTOGRAM_PARTS)
		return (unsigned int)value;
	power = 63 - (unsigned int)__builtin_clzll(value);
	return (power - 3) * HISTOGRAM_PARTS + ((value >> (power - 4)) & (HISTOGRAM_PARTS - 1));
}

static inline void
histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->n++;
	histogram->bins[histogram_bin(value)]++;
	if (value > histogram->max)
		histogram->max = value;
}

/* The value that 'share' (0 to 1) of all are at most; 0 of none. */
static inline uint64_t
histogram_percentile(const struct histogram *histogram, double share)
{
	uint64_t rank = (uint64_t)(share * (double)histogram->n);
	uint64_t seen = 0;
	unsigned int i = 0;

	if (histogram->n == 0)
		return 0;
	for (; i < HISTOGRAM_BINS - 1; i++) {
		seen += histogram->bins[i];
		if (seen > rank)
			break;
	}
	/* The upper end of the bin. */
	if (i < HISTOGRAM_PARTS)
		return i;
	return ((uint64_t)(HISTOGRAM_PARTS + i % HISTOGRAM_PARTS + 1)
		       << (i / HISTOGRAM_PARTS - 1)) -
	       1;
}

#endif /* TESTS_BENCH_HISTOGRAM_H */
