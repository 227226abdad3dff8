/* SPDX-License-Identifier: BSD-3-Clause */
/* Log-linear histogram; see histogram.h. */
#include "dataplane/pktgen/histogram.h"

#include "dataplane/stats.h"

#include <assert.h>
#include <string.h>

#define VALUE_MAX ((UINT64_C(1) << HISTOGRAM_BITS) - 1)

/* Below HISTOGRAM_PARTS the value itself; above, the highest bits below the leading one choose the
 * part, and the leading one's place the row. */
static unsigned int
cell_of(uint64_t value)
{
	unsigned int shift;

	if (value < HISTOGRAM_PARTS)
		return (unsigned int)value;
	shift = (unsigned int)(63 - __builtin_clzll(value)) - HISTOGRAM_PART_BITS;
	return (shift << HISTOGRAM_PART_BITS) + (unsigned int)(value >> shift);
}

/* The largest value that belongs to the cell. */
static uint64_t
top_of(unsigned int cell)
{
	unsigned int shift;

	if (cell < 2 * HISTOGRAM_PARTS)
		return cell;
	shift = (cell >> HISTOGRAM_PART_BITS) - 1;
	return ((uint64_t)(cell - (shift << HISTOGRAM_PART_BITS) + 1) << shift) - 1;
}

void
histogram_init(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
	histogram->least = UINT64_MAX;
}

void
histogram_record(struct histogram *histogram, uint64_t value)
{
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	if (value < histogram->least)
		__atomic_store_n(&histogram->least, value, __ATOMIC_RELAXED);
	if (value > histogram->most)
		__atomic_store_n(&histogram->most, value, __ATOMIC_RELAXED);
	stats_add(&histogram->cells[cell_of(value)], 1);
	stats_add(&histogram->n, 1);
}

uint64_t
histogram_quantile(const struct histogram *histogram, unsigned int permille)
{
	uint64_t n = stats_read(&histogram->n), most = stats_read(&histogram->most), seen = 0;
	/* As many values as the quantile asks for, rounded up; no product that could overflow. */
	uint64_t wanted = n / 1000 * permille + (n % 1000 * permille + 999) / 1000;

	assert(permille > 0 && permille <= 1000);
	if (n == 0)
		return 0;
	for (unsigned int cell = 0; cell < HISTOGRAM_CELLS; cell++) {
		seen += stats_read(&histogram->cells[cell]);
		if (seen >= wanted)
			return top_of(cell) < most ? top_of(cell) : most;
	}
	return most;
}
