/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's part of flow sync: which flows the other node is told of, and when.
 *
 * Told is what the other node cannot compute (snapshot_former.h): a flow that is established, when
 * it becomes so, when its backend or state changes and when it is reset; and again by a walk round
 * the table, a third of its timeout later, so that the other node does not forget it. A flow that
 * has been told of has FLOW_SHARED in its state until it is over, computable or not, and one that
 * begins under a key that was another's before is told as well: so nobody takes it for that. Before
 * what can be computed changes, when news got lost, or another node is there to be told, the main
 * thread asks for a walk that looks at all.
 *
 * Only flows of addresses that this node holds are told. The news go by a ring to the main thread,
 * which looks the flow up, puts it into words (sync_entry.h) and sends it. */
#ifndef DATAPLANE_SYNC_PATH_H
#define DATAPLANE_SYNC_PATH_H

#include "dataplane/flow_table.h"
#include "dataplane/pipeline.h"
#include "dataplane/sync_ring.h"

#include <stdbool.h>
#include <stdint.h>

struct burst;

struct sync_path {
	/* Constant once the worker knows it. */
	/* What other nodes have told, and what has become of it here since; the main thread's. */
	const struct flow_table *remote;
	struct sync_ring *ring;
	void (*wake)(void *ctx); /* Called by the worker: there are news. */
	void *ctx;

	/* main: writes, worker: reads; atomic. */
	bool tells;         /* There is a node to tell. */
	bool changing;      /* It may go by another view than this node does. */
	uint32_t asked;     /* Walks asked for. */
	uint32_t asked_all; /* Of these the last that is to tell all flows again. */

	/* worker: writes, main: reads; atomic. */
	uint32_t done; /* The last walk that is over, with its news in the ring. */

	/* main's own. */
	bool has_mark;
	uint32_t mark; /* Where the news of the walks that were asked for end. */

	/* The worker's own. */
	uint32_t running; /* The walk that is on, or was last. */
	uint32_t left;    /* Buckets that it still has to visit; 0: there is none. */
	uint32_t cursor;  /* Bucket to visit next. */
	uint32_t round;   /* Times round the table. */
	bool all;         /* The walk tells flows again that are FLOW_SHARED. */
	bool lost;        /* News found no room: once there is some, all is to be told again. */
	uint64_t walked_ns;
};

/* 'remote' outlives it. Returns 0 or -ENOMEM. */
int sync_path_new(struct sync_path **out, const struct flow_table *remote, void (*wake)(void *ctx),
	void *ctx);

/* No worker may be using it. NULL is allowed. */
void sync_path_free(struct sync_path *path);

/* --- Main thread --- */

/* Says whether there is a node to tell. */
void sync_path_set_telling(struct sync_path *path, bool tells);

/* Says whether the other node may go by another view than this node, or may soon: then flows are
 * told though this node's view computes them. */
void sync_path_set_changing(struct sync_path *path, bool changing);

/* Asks for a walk that looks at all flows, and if 'all' also tells those again that have been told.
 */
void sync_path_ask(struct sync_path *path, bool all);

/* Whether all walks asked for are over. Their news may still be in the ring. */
bool sync_path_is_done(const struct sync_path *path);

/* Whether they are not either: all have been taken out. */
bool sync_path_is_told(struct sync_path *path);

/* --- Worker --- */

/* What a flow was like before a packet of it. */
struct sync_before {
	uint16_t seen; /* Tick. */
	uint8_t state; /* With its bits. */
};

/* What flow_advance() has made of the flow with 'key' at 'slot'; 'is' is what it returned. */
void sync_path_note(const struct burst *burst, struct flow_slot slot, const struct flow_key *key,
	struct sync_before before, bool is);

/* Tells of the flow with 'key' (of its first entry) what there is to tell. */
void sync_path_tell(struct pipeline *pipeline, const struct snapshot *snapshot,
	const struct flow_key *key, uint64_t now_ns);

/* Goes on round the table. */
void sync_path_walk(struct pipeline *pipeline, const struct snapshot *snapshot, uint64_t now_ns);

#endif /* DATAPLANE_SYNC_PATH_H */
