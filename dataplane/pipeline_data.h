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
#include "dataplane/snapshot_data.h"
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
	struct flow_table *flows;
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
	struct steering steering;
	struct sync_path *sync; /* control: writes once, worker: reads; NULL: no flow sync. */
	bool news;              /* sync_path_tell() is to be called for the packet's flow. */
	bool only_looks;        /* A double: tells nobody of anything. */
};

/* Flow sync, or NULL. */
static inline struct sync_path *
pipeline_sync(const struct pipeline *pipeline)
{
	return __atomic_load_n(&pipeline->sync, __ATOMIC_ACQUIRE);
}

/* One run. */
struct burst {
	struct pipeline *pipeline;
	const struct snapshot *snapshot;
	struct packet *packets;
	unsigned int n;
	uint64_t now_ns;
};

#endif /* DATAPLANE_PIPELINE_DATA_H */
