/* SPDX-License-Identifier: BSD-3-Clause */
/* How often something may happen: so many times at once, and then at an even rate (GCRA). Knows no
 * clock. */
#ifndef COMMON_HTTP_H2_METER_H
#define COMMON_HTTP_H2_METER_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct h2_meter {
	uint64_t due_ns; /* When the next would come if they came evenly. */
};

/* It has happened once more, with 'rate' a second and 'burst' at once allowed, both at least 1.
 * Returns false if that is too often. */
static inline bool
h2_meter_take(struct h2_meter *meter, uint64_t now_ns, uint32_t rate, uint32_t burst)
{
	uint64_t step_ns = NS_PER_S / rate;
	uint64_t due_ns = meter->due_ns > now_ns ? meter->due_ns : now_ns;

	if (due_ns - now_ns > step_ns * (burst - 1))
		return false;
	meter->due_ns = due_ns + step_ns;
	return true;
}

#endif /* COMMON_HTTP_H2_METER_H */
