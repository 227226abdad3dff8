/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacing; see pace.h. */
#include "dataplane/pktgen/pace.h"

#include <assert.h>

static_assert(PACE_RATE_MAX <= UINT64_MAX / 2 / PACE_CATCH_UP_MAX_NS, "credit fits 64 bits");

void
pace_init(struct pace *pace, uint64_t rate, uint64_t step, uint64_t catch_up_ns, uint64_t now_ns)
{
	assert(rate <= PACE_RATE_MAX && catch_up_ns <= PACE_CATCH_UP_MAX_NS);
	*pace = (struct pace){
		.rate = rate, .step = step, .last_ns = now_ns, .catch_up_ns = catch_up_ns};
}

void
pace_advance(struct pace *pace, uint64_t rate, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - pace->last_ns;
	/* A packet that is being saved up for comes on top of what may be made up for. */
	uint64_t most = pace->rate * pace->catch_up_ns + pace->step * NS_PER_S;

	assert(rate <= PACE_RATE_MAX);
	if (pace->credit >= most ||
		(pace->rate > 0 && elapsed_ns > (most - pace->credit) / pace->rate))
		pace->credit = most;
	else
		pace->credit += pace->rate * elapsed_ns;
	pace->last_ns = now_ns;
	pace->rate = rate;
}

bool
pace_take(struct pace *pace, uint64_t cost)
{
	if (pace->rate == 0)
		return true;
	if (pace->credit < cost * NS_PER_S)
		return false;
	pace->credit -= cost * NS_PER_S;
	return true;
}

uint64_t
pace_ramp(uint64_t from, uint64_t to, uint64_t length_ns, uint64_t elapsed_ns)
{
	uint64_t done_ms = elapsed_ns / NS_PER_MS, length_ms = length_ns / NS_PER_MS;

	if (elapsed_ns >= length_ns || length_ms == 0)
		return to;
	if (to >= from)
		return from + (to - from) / length_ms * done_ms +
		       (to - from) % length_ms * done_ms / length_ms;
	return from - pace_ramp(0, from - to, length_ns, elapsed_ns);
}
