/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow start; see slow_start.h. */
#include "controlplane/slow_start.h"

void
slow_start_begin(struct slow_start *start, uint64_t duration_ns, uint64_t now_ns)
{
	start->began_ns = now_ns;
	start->duration_ns = duration_ns;
	start->step = duration_ns > 0 ? 1 : 0;
}

void
slow_start_stop(struct slow_start *start)
{
	start->step = 0;
}

bool
slow_start_advance(struct slow_start *start, uint64_t now_ns)
{
	uint32_t was = start->step;

	while (start->step && now_ns >= slow_start_deadline_ns(start))
		start->step = (start->step + 1) % SLOW_START_STEPS;
	return start->step != was;
}

uint64_t
slow_start_deadline_ns(const struct slow_start *start)
{
	if (start->step == 0)
		return SLOW_START_NEVER;
	return start->began_ns + start->duration_ns * start->step / (SLOW_START_STEPS - 1);
}

uint16_t
slow_start_weight(const struct slow_start *start, uint16_t weight)
{
	uint32_t part = (uint32_t)weight * start->step / SLOW_START_STEPS;

	if (start->step == 0 || weight == 0)
		return weight;
	return part > 0 ? (uint16_t)part : 1;
}
