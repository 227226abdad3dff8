/* SPDX-License-Identifier: BSD-3-Clause */
/* A pipeline to try a packet out on; see pipeline.h. */
#include "dataplane/pipeline_data.h"

#include <string.h>

#define DOUBLE_FLOWS 16 /* A double has one flow, and what a mode may enter beside it. */

bool
pipeline_peek(const struct pipeline *pipeline, const struct service_slot *slot,
	const struct flow_key *key, uint64_t now_ns, struct flow_copy *out)
{
	if (flow_peek(pipeline->flows, key, now_ns, out))
		return true;
	return (slot->key.beside & SERVICE_NOTED) &&
	       syn_notes_peek(pipeline->notes, pipeline->flows, key, now_ns, out);
}

int
pipeline_double(struct pipeline **out, const struct pipeline *original)
{
	const struct pipeline_config config = {
		.n_flows = DOUBLE_FLOWS,
		.seed = original->flows->seed, /* Tunnels choose by it what flows have outside. */
		.n_workers = original->limits.n_workers,
		.memory = memory_heap(),
		.ports = original->local.ports,
		.nexthops = original->nexthops,
		.leases = original->local.leases,
		.persistence = original->scheduler.persistence,
		.cookie_secret = original->cookie_secret,
	};

	int rc = pipeline_new(out, &config);

	if (rc == 0) {
		(*out)->sync = pipeline_sync(original);
		(*out)->only_looks = true;
	}
	if (rc == 0 && original->flows->sequences) {
		rc = flow_table_keep_sequences((*out)->flows);
		if (rc < 0)
			pipeline_free(*out);
	}
	return rc;
}

void
pipeline_imitate(struct pipeline *pipeline, const struct pipeline *original,
	const struct snapshot *snapshot, const struct flow_copy *flow, uint64_t now_ns)
{
	size_t n_services, n_backends;
	const struct snapshot_service *services = snapshot_services(snapshot, &n_services);
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n_backends);

	memcpy(pipeline->flows->timeouts, original->flows->timeouts,
		sizeof(pipeline->flows->timeouts));
	scheduler_worker_imitate(&pipeline->scheduler, &original->scheduler);
	pipeline->next_local = __atomic_load_n(&original->next_local, __ATOMIC_RELAXED);
	flow_copy_words(&pipeline->tunnel.too_big, &original->tunnel.too_big,
		sizeof(pipeline->tunnel.too_big));
	if (flow)
		flow_restore(pipeline->flows, flow, now_ns);
	for (size_t i = 0; i < n_backends; i++)
		pipeline->stats->backends[backends[i].id].n_active =
			stats_read(&original->stats->backends[backends[i].id].n_active);
	for (size_t i = 0; i < n_services; i++)
		flow_copy_words(&pipeline->limits.services[services[i].id],
			&original->limits.services[services[i].id], sizeof(struct limit_usage));
}
