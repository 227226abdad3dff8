/* SPDX-License-Identifier: BSD-3-Clause */
/* The key 'flow_timeouts'; see config_build.h. */
#include "common/config_build.h"

#define PLACE "flow_timeouts"

void
config_build_flow_timeouts(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	static const struct raw_flow_timeouts none;
	const struct raw_flow_timeouts *from = raw->flow_timeouts ? raw->flow_timeouts : &none;
	/* In the order of flow_timeout_fields. */
	const char *const texts[N_FLOW_TIMEOUTS] = {from->embryonic_ms, from->established_ms,
		from->fin_ms, from->closed_ms, from->udp_new_ms, from->udp_ms, from->evict_idle_ms};

	for (size_t i = 0; i < N_FLOW_TIMEOUTS; i++) {
		const struct flow_timeout_field *field = &flow_timeout_fields[i];
		struct config_range range = {
			FLOW_TIMEOUT_MIN_MS, FLOW_TIMEOUT_MAX_MS, field->default_ms};

		flow_timeout_set(&model->flow_timeouts, i,
			(uint32_t)config_number(reader, PLACE, field->name, texts[i], range));
	}
}
