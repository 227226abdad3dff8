/* SPDX-License-Identifier: BSD-3-Clause */
/* Refusing what is too much; see admission.h. */
#include "dataplane/admission.h"

static bool
is_in(const struct prefix_set *const *sets, unsigned int n, const struct flow_key *key)
{
	for (unsigned int i = 0; i < n; i++)
		if (prefix_set_has(sets[i], key->client, key->family))
			return true;
	return false;
}

bool
admission_bars(
	const struct burst *burst, const struct path_service *service, const struct work *work)
{
	const struct flow_key *key = &work->parsed.key;
	const struct path_lists *lists;

	if (!(service->options & PATH_LISTED))
		return false;
	lists = &burst->snapshot->lists->services[work->service->service];
	if (is_in(lists->block, lists->n_block, key))
		burst->pipeline->refusal = V_DROP_SOURCE_BLOCKED;
	else if (lists->n_allow > 0 && !is_in(lists->allow, lists->n_allow, key))
		burst->pipeline->refusal = V_DROP_SOURCE_NOT_ALLOWED;
	else
		return false;
	return true;
}

bool
admission_exceeds(
	const struct burst *burst, const struct path_service *service, const struct work *work)
{
	const struct path_limit *limit = &burst->snapshot->path_limits[work->service->service];
	struct limits *limits = &burst->pipeline->limits;

	if (!(service->options & PATH_METERED) ||
		limit_take(&limits->services[service->id].packets_due_ns,
			(uint64_t)limit->packet_ns * limits->n_workers, burst->now_ns))
		return false;
	burst->pipeline->refusal = V_DROP_PACKET_LIMIT;
	return true;
}

uint16_t
admission_backend(const struct burst *burst, const struct path_service *service,
	const struct work *work, uint16_t chosen)
{
	const struct snapshot *snapshot = burst->snapshot;
	struct pipeline *pipeline = burst->pipeline;
	const struct path_limit *limit = &snapshot->path_limits[work->service->service];
	struct limit_usage *usage = &pipeline->limits.services[service->id];
	uint64_t interval_ns = (uint64_t)limit->new_flow_ns * pipeline->limits.n_workers;

	if (!limit_is_first((enum flow_signal)work->parsed.signal))
		return chosen;
	chosen = limit_backend(&pipeline->limits, snapshot->path_max_flows,
		pipeline->stats->backends, service->maglev, &work->parsed.key, chosen);
	if (!chosen) {
		pipeline->refusal = V_DROP_BACKENDS_FULL;
	} else if (interval_ns &&
		   !limit_take(&usage->new_flows_due_ns, interval_ns, burst->now_ns)) {
		pipeline->refusal = V_DROP_NEW_FLOW_LIMIT;
		return 0;
	}
	return chosen;
}
