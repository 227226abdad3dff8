/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside a pipeline. For the files that are the packet path: pipeline.c, passes.c and those
 * whose functions take a burst; everybody else uses pipeline.h. */
#ifndef DATAPLANE_PIPELINE_DATA_H
#define DATAPLANE_PIPELINE_DATA_H

#include "dataplane/flow_table.h"
#include "dataplane/limit.h"
#include "dataplane/local.h"
#include "dataplane/parse.h"
#include "dataplane/pipeline.h"
#include "dataplane/scheduler.h"
#include "dataplane/siphash.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/syn_notes.h"
#include "dataplane/syn_proxy.h"
#include "dataplane/tunnel.h"

/* What a packet carries from pass to pass. */
struct work {
	struct parsed parsed;
	const struct service_slot *service; /* NULL: for local_run(). */
	uint64_t hash;                      /* Of the service's key, then of the flow's. */
	struct flow_slot slot;              /* Where the flow may be. */
};

struct pipeline {
	struct work work[PACKET_BURST_MAX];
	struct flow_room rooms[PACKET_BURST_MAX]; /* Beside 'work', of packets without a flow. */
	struct flow_table *flows;
	struct syn_notes *notes;
	struct fragment_table *fragments;
	struct stats *stats;
	const struct nexthop_table *nexthops;
	struct local local;
	struct scheduler_worker scheduler;
	struct limits limits;
	enum verdict refusal; /* Why the last packet that got no backend got none. */
	struct tunnel_state tunnel;
	struct memory memory;
	uint32_t next_local; /* See nat.h. */
	struct siphash_key cookie_secret;
	struct syn_opening opening; /* Of the packet at hand, if it opens a flow: syn_gate.h. */
	struct outbox outbox;
	struct steering steering;
	struct sync_path *sync;  /* control: writes once, worker: reads; NULL: no flow sync. */
	struct capture_tap *tap; /* control: writes, worker: reads; NULL: nobody captures. */
	bool news;               /* sync_path_tell() is to be called for the packet's flow. */
	bool only_looks;         /* A double: tells nobody of anything. */
};

/* Flow sync, or NULL. */
static inline struct sync_path *
pipeline_sync(const struct pipeline *pipeline)
{
	return __atomic_load_n(&pipeline->sync, __ATOMIC_ACQUIRE);
}

/* Whether a packet may belong to a flow of which there is but a note, or may begin one. */
static inline bool __attribute__((always_inline)) work_is_noted(const struct work *work)
{
	return work->service->key.beside & SERVICE_NOTED;
}

/* One run. */
struct burst {
	struct pipeline *pipeline;
	const struct snapshot *snapshot;
	struct packet *packets;
	unsigned int n;
	uint64_t now_ns;
};

/* Whether the packet's flow is at 'slot'. */
static inline bool __attribute__((always_inline))
work_is_at(const struct work *work, struct flow_slot slot)
{
	return slot.bucket->tags[slot.i] == flow_tag(work->hash) &&
	       flow_key_equal(&flow_entry_at(slot)->key, &work->parsed.key);
}

/* The flow of the packet as it was before it, or nowhere. An earlier packet of the burst may have
 * made, moved or removed it since it was looked up. */
static inline struct flow_slot
work_find_flow(const struct flow_table *flows, const struct work *work)
{
	if (work->slot.bucket && work_is_at(work, work->slot))
		return work->slot;
	return flow_find(flows, &work->parsed.key, work->hash);
}

#endif /* DATAPLANE_PIPELINE_DATA_H */
