/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync between the packet path and the session with the other node.
 *
 *   workers ──rings──► sync_flows ──records──► session        what this node tells
 *   workers ◄──peek──  remote table ◄──records── session      what it is told
 *
 * It owns the table of flows that the other node has told and that node's views. All of it is the
 * main thread's, but for what workers do by their struct sync_path. No I/O. */
#ifndef DATAPLANE_SYNC_FLOWS_H
#define DATAPLANE_SYNC_FLOWS_H

#include "dataplane/flow_table.h"
#include "dataplane/lease.h"
#include "dataplane/memory.h"
#include "dataplane/snapshot.h"
#include "dataplane/sync_record.h"
#include "dataplane/sync_views.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline;
struct sync_flows;

/* SYNC_COUNTER(member, "what it counts") */
#define SYNC_COUNTERS                                                                           \
	SYNC_COUNTER(sent, "flows told to the other node")                                      \
	SYNC_COUNTER(sent_gone, "flows told to be gone")                                        \
	SYNC_COUNTER(sent_views, "views told")                                                  \
	SYNC_COUNTER(received, "flows told by the other node, and flows told to be gone")       \
	SYNC_COUNTER(received_views, "views told by the other node that differed from before")  \
	SYNC_COUNTER(applied, "of the flows received, those that were entered or taken out")    \
	SYNC_COUNTER(unknown_service, "those of services that this node does not have")         \
	SYNC_COUNTER(unknown_backend, "those of backends that this node does not have")         \
	SYNC_COUNTER(unknown_local, "those of local addresses that no virtual router here has") \
	SYNC_COUNTER(malformed, "records that cannot be right")                                 \
	SYNC_COUNTER(no_room, "flows received that found no room")

struct sync_counters {
#define SYNC_COUNTER(name, help) uint64_t name;
	SYNC_COUNTERS
#undef SYNC_COUNTER
};

struct sync_flows_config {
	uint32_t n_flows; /* As many as the other node may tell: those of all its workers. */
	uint64_t seed;    /* Of the table's hash: random. */
	struct memory memory;
	struct lease_table *leases; /* Which routers other nodes hold is noted there. */
	/* Takes a record for the other node. Returns false if there is no room now. */
	bool (*send)(void *ctx, const struct sync_record *record);
	void (*wake)(void *ctx); /* sync_flows_run() is to be called. Called by workers. */
	void *ctx;
};

/* Returns 0, -EINVAL for a size out of range, or -ENOMEM. */
int sync_flows_new(struct sync_flows **out, const struct sync_flows_config *config);

/* No worker may run. NULL is allowed. */
void sync_flows_free(struct sync_flows *sync);

/* Joins a worker's pipeline, which outlives this. Returns 0, -ENOSPC or -ENOMEM. */
int sync_flows_join(struct sync_flows *sync, struct pipeline *pipeline);

/* Tells the snapshot that is in force from now on, before the one before is freed. Returns 0, or
 * -ENOMEM: then the one before must stay. */
int sync_flows_prepare(struct sync_flows *sync, const struct snapshot *snapshot);
void sync_flows_set_snapshot(struct sync_flows *sync, const struct snapshot *snapshot);

/* Whether there is a node to tell. Each time there is one again it is told all, between a
 * BULK_BEGIN and a BULK_END. */
void sync_flows_set_peer(struct sync_flows *sync, bool there);

/* Tells all again, as to a node that has just come. */
void sync_flows_resend(struct sync_flows *sync);

/* A session with one of the others (an index) has begun: what it tells begins anew. */
void sync_flows_meet(struct sync_flows *sync, unsigned int peer);

/* Takes a record of one of the others (an index). Returns whether their views are different now:
 * then a snapshot is to be made with them (struct snapshot_tables) and put in force. */
bool sync_flows_receive(struct sync_flows *sync, unsigned int peer,
	const struct sync_record *record, uint64_t now_ns);

/* Sends what there is to send. To be called when woken, when the session has room again, when a
 * lease was gained, and ten times a second. Returns whether it is to be called again at once,
 * having been at it for long enough; not, if the session has no room. */
bool sync_flows_run(struct sync_flows *sync, uint64_t now_ns);

const struct sync_views *sync_flows_views(const struct sync_flows *sync);
const struct sync_counters *sync_flows_counters(const struct sync_flows *sync);

/* Flows that the other node has told of. */
const struct flow_table *sync_flows_remote(const struct sync_flows *sync);

#endif /* DATAPLANE_SYNC_FLOWS_H */
