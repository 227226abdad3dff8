/* SPDX-License-Identifier: BSD-3-Clause */
/* Going on with other nodes' flows; see takeover.h.
 *
 * Who wrote last is right. A flow that this worker has, but has not seen since before the address
 * was gained, has been another node's meanwhile, which may have moved it: then what that node told
 * comes first. */
#include "dataplane/takeover.h"

#include "dataplane/snapshot_former.h"
#include "dataplane/sync_path.h"

static bool
is_stale(const struct burst *burst, struct flow_slot slot)
{
	const struct pipeline *pipeline = burst->pipeline;
	const struct snapshot_vip *vip = burst->snapshot->vips_by_id[flow_entry_at(slot)->key.vip];
	uint16_t tick = flow_tick(burst->now_ns);
	uint64_t age_ns = (uint64_t)flow_age_at(slot, tick) << FLOW_TICK_SHIFT;

	if (flow_timed_out(pipeline->flows, slot, tick))
		return true;
	return vip && lease_held(pipeline->local.leases, vip->lease, burst->now_ns) &&
	       age_ns > lease_age(pipeline->local.leases, vip->lease, burst->now_ns);
}

/* Whether the copy is of a flow that is told, and not of one that is just being written. */
static bool
is_whole(const struct snapshot *snapshot, const struct flow_copy *copy)
{
	const struct service_slot *service = former_service(snapshot, &copy->entry.key);

	if (copy->state != FLOW_TCP_ESTABLISHED && copy->state != FLOW_TCP_FIN &&
		copy->state != FLOW_UDP_STREAM)
		return false;
	return service && (copy->paired || !(snapshot->path_services[service->service].options &
						   PATH_TRANSLATED));
}

/* Enters the flow that has the key in what was told. */
static void
adopt(const struct burst *burst, const struct flow_key *key)
{
	struct pipeline *pipeline = burst->pipeline;
	const struct flow_table *remote = pipeline->sync->remote;
	struct flow_table *flows = pipeline->flows;
	struct flow_slot mine;
	struct flow_copy copy;

	if (!flow_may_have(remote, flow_hash(remote, key)) ||
		!flow_peek(remote, key, burst->now_ns, &copy) || !is_whole(burst->snapshot, &copy))
		return;
	mine = flow_find(flows, &copy.entry.key, flow_hash(flows, &copy.entry.key));
	if (mine.bucket && !is_stale(burst, mine))
		return;
	if (mine.bucket)
		flow_remove(flows, mine);
	copy.seen = flow_tick(burst->now_ns);
	if (!flow_restore(flows, &copy, burst->now_ns).bucket)
		return;
	stats_add(&pipeline->stats->path_events[PATH_SYNC_ADOPTED], 1);
	pipeline->news = true;
}

struct flow_slot
takeover_flow(const struct burst *burst, const struct work *work, struct flow_slot slot)
{
	if (work->parsed.signal == FLOW_SIGNAL_SYN || (slot.bucket && !is_stale(burst, slot)))
		return slot;
	adopt(burst, &work->parsed.key);
	return flow_find(burst->pipeline->flows, &work->parsed.key, work->hash);
}

struct flow_slot
takeover_return(const struct burst *burst, const struct work *work, struct flow_slot slot)
{
	struct flow_slot first = {NULL, 0};

	if (slot.bucket)
		first = flow_other(burst->pipeline->flows, slot);
	if (first.bucket && !is_stale(burst, first))
		return slot;
	adopt(burst, &work->parsed.key);
	return flow_find(burst->pipeline->flows, &work->parsed.key, work->hash);
}

uint16_t
takeover_choice(const struct burst *burst, const struct work *work)
{
	enum flow_signal signal = (enum flow_signal)work->parsed.signal;
	uint16_t backend;

	if (signal == FLOW_SIGNAL_SYN)
		return 0;
	backend = former_choice(burst->snapshot, work->service->service,
		burst->pipeline->local.leases, &work->parsed.key, signal == FLOW_SIGNAL_UDP,
		burst->now_ns);
	if (backend)
		stats_add(&burst->pipeline->stats->path_events[PATH_SYNC_FORMER], 1);
	return backend;
}
