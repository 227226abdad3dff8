/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path of one worker: a burst of frames in, a verdict for each out.
 *
 * A pipeline belongs to the worker that runs it; nothing of it is shared with other workers. The
 * control thread may read its counters and its flow table while it runs. Nothing here needs EAL. */
#ifndef DATAPLANE_PIPELINE_H
#define DATAPLANE_PIPELINE_H

#include "dataplane/flow.h"
#include "dataplane/lease.h"
#include "dataplane/memory.h"
#include "dataplane/nexthop.h"
#include "dataplane/outbox.h"
#include "dataplane/packet.h"
#include "dataplane/persistence.h"
#include "dataplane/port_table.h"
#include "dataplane/siphash.h"
#include "dataplane/snapshot.h"
#include "dataplane/stats.h"
#include "dataplane/steer.h"

#include <stdint.h>

struct pipeline_config {
	uint32_t n_flows; /* Flows that the table must hold. */
	uint64_t seed; /* Of the flow table's hash: random, so that nobody can aim at a bucket. */
	struct memory memory;
	/* Shared, and owned by the caller, who keeps them longer than the pipeline. */
	const struct port_table *ports;
	const struct nexthop_table *nexthops;
	struct lease_table *leases;
	struct persistence *persistence;  /* NULL: services keep clients by hash alone. */
	struct siphash_key cookie_secret; /* Of SYN cookies; the same for all workers. */
	uint32_t n_workers; /* That share the limits of services and backends; 0: this one alone. */
	const struct steer *steer; /* NULL: this worker has all flows. */
	uint16_t worker;           /* Index, as 'steer' counts. */
};

struct pipeline;

/* Returns 0, or -ENOMEM, or -EINVAL for a size out of range. */
int pipeline_new(struct pipeline **out, const struct pipeline_config *config);
void pipeline_free(struct pipeline *pipeline);

/* Decides about 'n' (at most PACKET_BURST_MAX) packets and rewrites those that leave. 'snapshot'
 * is the one in force, which stays valid during the call; NULL before the first one: then all is
 * the host's. Worker only. */
void pipeline_run(struct pipeline *pipeline, const struct snapshot *snapshot,
	struct packet *packets, unsigned int n, uint64_t now_ns);

/* As pipeline_run(), with packets that another worker has handed over (PACKET_STEERED): it has
 * counted them as received. Worker only. */
void pipeline_take(struct pipeline *pipeline, const struct snapshot *snapshot,
	struct packet *packets, unsigned int n, uint64_t now_ns);

/* Gives back at most PACKET_BURST_MAX of the packets that were held (V_HOLD), with the verdict that
 * they have now, to be treated as those of a burst; never held again. Returns how many. Worker
 * only; call it after each burst until it returns 0, and about once a millisecond. */
unsigned int pipeline_release(struct pipeline *pipeline, const struct snapshot *snapshot,
	struct packet *packets, uint64_t now_ns);

/* Frames to be sent besides the packets of the last pipeline_run() or pipeline_release(). Worker
 * only. */
const struct outbox *pipeline_outbox(const struct pipeline *pipeline);

/* Takes away the buffer of one held packet, undecided; NULL when none is left. For the end. */
void *pipeline_abandon(struct pipeline *pipeline);

/* Removes expired flows from the next 'n_buckets' buckets, going round the table. Worker only;
 * call it about once a millisecond with FLOW_SWEEP_BUCKETS or so. */
void pipeline_sweep(struct pipeline *pipeline, uint64_t now_ns, uint32_t n_buckets);

/* From now on flows are shared with another node by 'sync', which outlives the pipeline's runs.
 * Once only. Control thread; the worker may run. */
struct sync_path;
void pipeline_join(struct pipeline *pipeline, struct sync_path *sync);

/* From now on bursts pass 'tap' (capture.h); NULL: none. The one before may be freed when the
 * worker has passed a quiescent state. Control thread; the worker may run. */
struct capture_tap;
void pipeline_tap(struct pipeline *pipeline, struct capture_tap *tap);

/* Goes on with what is to be told again of flows; without flow sync does nothing. Worker only; call
 * it about once a millisecond. */
void pipeline_share(struct pipeline *pipeline, const struct snapshot *snapshot, uint64_t now_ns);

/* Puts the timeouts of 'snapshot' in force, zeroes the counters of services and backends that
 * 'snapshot' has and its predecessor had not, and makes the tables that its services need. Returns
 * 0, or -ENOMEM: then the predecessor must stay. Control thread, before it publishes 'snapshot' and
 * after all older ones but the predecessor are freed: no worker can be using those counters. */
int pipeline_prepare(struct pipeline *pipeline, const struct snapshot *snapshot);

/* For other threads to read. */
const struct stats *pipeline_stats(const struct pipeline *pipeline);
const struct flow_table *pipeline_flows(const struct pipeline *pipeline);

/* Adds to 'counts', by id, the flows of each backend of which there is a SYN's note and nothing in
 * the flow table. */
void pipeline_count_noted(const struct pipeline *pipeline, uint64_t now_ns, uint32_t *counts);

/* Counts a packet that the edge could not get rid of as its verdict said (V_DROP_TX_FULL,
 * V_DROP_HOST_FULL) instead of that verdict. Worker only. */
void pipeline_recount(struct pipeline *pipeline, enum verdict was, enum verdict is);

/* --- Trying out what would become of a packet, for trace.c; control thread --- */

struct flow_copy;
struct flow_key;
struct service_slot;

/* Copies the flow with the key: as it is in the table or, where the service 'slot' has SYNs noted,
 * as its next packet will enter it. Returns false if there is none that has not timed out. */
bool pipeline_peek(const struct pipeline *pipeline, const struct service_slot *slot,
	const struct flow_key *key, uint64_t now_ns, struct flow_copy *out);

/* Makes an empty pipeline with the tables of 'original', which may be running, and memory from
 * the heap. What is run on it changes nothing outside of it and of the packet. */
int pipeline_double(struct pipeline **out, const struct pipeline *original);

/* The service that the packet belongs to (NULL: none) and in '*key' how its flow is looked up. */
const struct service_slot *pipeline_locate(struct pipeline *pipeline,
	const struct snapshot *snapshot, struct packet *packet, struct flow_key *key);

/* Gives a double what 'original' knows and a packet's fate may depend on; 'flow' is the packet's
 * there, or NULL. */
void pipeline_imitate(struct pipeline *pipeline, const struct pipeline *original,
	const struct snapshot *snapshot, const struct flow_copy *flow, uint64_t now_ns);

/* Counts a frame of 'size' bytes that the edge has dropped before pipeline_run(). Worker only. */
void pipeline_refuse(struct pipeline *pipeline, uint32_t size, enum verdict verdict);

#endif /* DATAPLANE_PIPELINE_H */
