/* SPDX-License-Identifier: BSD-3-Clause */
/* Timeouts of flows; see flow_timeouts.h. */
#include "common/flow_timeouts.h"

#include <string.h>

#define FIELD(name, default_ms)                                         \
	{                                                               \
#name, offsetof(struct flow_timeouts, name), default_ms \
	}

const struct flow_timeout_field flow_timeout_fields[N_FLOW_TIMEOUTS] = {
	FIELD(embryonic_ms, 10000),
	FIELD(established_ms, 900000),
	FIELD(fin_ms, 30000),
	FIELD(closed_ms, 2000),
	FIELD(udp_new_ms, 10000),
	FIELD(udp_ms, 60000),
	FIELD(evict_idle_ms, 300000),
};

uint32_t
flow_timeout_given(const struct flow_timeouts *timeouts, size_t i)
{
	uint32_t ms;

	memcpy(&ms, (const char *)timeouts + flow_timeout_fields[i].offset, sizeof(ms));
	return ms;
}

uint32_t
flow_timeout_get(const struct flow_timeouts *timeouts, size_t i)
{
	uint32_t ms = flow_timeout_given(timeouts, i);

	return ms ? ms : flow_timeout_fields[i].default_ms;
}

void
flow_timeout_set(struct flow_timeouts *timeouts, size_t i, uint32_t ms)
{
	memcpy((char *)timeouts + flow_timeout_fields[i].offset, &ms, sizeof(ms));
}
