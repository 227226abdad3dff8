/* SPDX-License-Identifier: BSD-3-Clause */
/* Going on with other nodes' flows; see takeover.h.
 *
 * Who wrote last is right. A flow that this worker has, but has not seen since before the address
 * was gained, has been another node's meanwhile, which may have moved it: then what that node told
 * comes first. */
#include "dataplane/takeover.h"

#include "dataplane/snapshot_former.h"
#include "dataplane/sync_path.h"

/* Whether the flow is past (takeover_is_past()), or over. */
static bool
is_stale(const struct burst *burst, struct flow_slot slot)
{
	const struct pipeline *pipeline = burst->pipeline;
	const struct snapshot_vip *vip = burst->snapshot->vips_by_id[flow_entry_at(slot)->key.vip];
	uint16_t tick = flow_tick(burst->now_ns);

	if (flow_timed_out(pipeline->flows, slot, tick))
		return true;
	return vip && takeover_is_past(pipeline->local.leases, vip->lease, flow_age_at(slot, tick),
			      burst->now_ns);
}

/* Whether the copy is of a flow that is told, and not of one that is just being written. */
static bool
is_whole(const struct snapshot *snapshot, const struct flow_copy *copy)
{
	const struct service_slot *service = former_service(snapshot, &copy->entry.key);

	if (!flow_state_lasts(copy->state))
		return false;
	return service && (copy->paired || !(snapshot->path_services[service->service].options &
						   PATH_TRANSLATED));
}

/* Takes the flow out that has an entry under the key, if it is stale. Returns whether the key is
 * free. */
static bool
clear(const struct burst *burst, const struct flow_key *key)
{
	struct flow_table *flows = burst->pipeline->flows;
	struct flow_slot slot = flow_find(flows, key, flow_hash(flows, key));

	if (!slot.bucket)
		return true;
	/* A second entry has no virtual address. */
	if (key->family & FLOW_REVERSE)
		slot = flow_other(flows, slot);
	if (!slot.bucket || !is_stale(burst, slot))
		return false;
	flow_remove(flows, slot);
	return true;
}

/* Enters what was told of the flow with the key, its first or its second; what is stale gives way
 * to it, also if it was told to be gone. Of what nothing was told, nobody knows better. */
static void
adopt(const struct burst *burst, const struct flow_key *key)
{
	struct pipeline *pipeline = burst->pipeline;
	const struct flow_table *remote = pipeline->sync->remote;
	struct flow_slot slot;
	struct flow_copy copy;

	if (!flow_may_have(remote, flow_hash(remote, key)) ||
		!flow_peek(remote, key, burst->now_ns, &copy))
		return;
	if (!clear(burst, &copy.entry.key) || !is_whole(burst->snapshot, &copy))
		return;
	/* A local port may have been given to a later flow. */
	if (copy.paired)
		clear(burst, &copy.second.key);
	copy.seen = flow_tick(burst->now_ns);
	slot = flow_restore(pipeline->flows, &copy, burst->now_ns);
	if (!slot.bucket)
		return;
	flow_set_shared(slot, true);
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
