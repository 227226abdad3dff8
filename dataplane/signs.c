/* SPDX-License-Identifier: BSD-3-Clause */
/* Signs of trouble; see signs.h. */
#include "dataplane/signs.h"

#include "dataplane/icmp.h"
#include "dataplane/pipeline_data.h"

void
signs_count(struct pipeline *pipeline, struct flow_slot flow, const struct packet *packet,
	const struct parsed *parsed)
{
	struct flow_slot first = flow_other(pipeline->flows, flow);
	struct backend_signs *signs;

	if (!first.bucket)
		return;
	signs = &pipeline->stats->signs[flow_entry_at(first)->backend];
	if (parsed->kind != PARSED_ICMP_ERROR) {
		stats_add(&signs->n_resets, 1);
		stats_add(&pipeline->stats->path_events[PATH_BACKEND_RESETS], 1);
	} else if (icmp_is_unreachable(packet, parsed)) {
		stats_add(&signs->n_unreachables, 1);
		stats_add(&pipeline->stats->path_events[PATH_BACKEND_UNREACHABLES], 1);
	}
}
