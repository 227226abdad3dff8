/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells the own views, each when no flow is lost by it.
 *
 * The other node can go on with a flow if the view that it was told computes the flow, or if it was
 * told of the flow: at every moment, for this node may die at any. So a view changes in steps:
 *
 *   1. Before the snapshot that changes it is in force, workers begin to tell of every flow that is
 *      established, whatever computes it.
 *   2. They go round their tables and tell of what the new view does not compute.
 *   3. When all that is out, the view is told.
 *   4. When it has had time to arrive and to be put in force there, workers go back to telling only
 *      what it does not compute.
 *
 * Time changes views too, when a node has held an address for so long that it goes by its own
 * tables (snapshot_former.h): the first step comes a little ahead of that. Main thread only. No
 * I/O. */
#ifndef DATAPLANE_VIEW_TELLER_H
#define DATAPLANE_VIEW_TELLER_H

#include "dataplane/lease.h"
#include "dataplane/snapshot.h"
#include "dataplane/sync_members.h"
#include "dataplane/sync_record.h"

#include <stdbool.h>
#include <stdint.h>

struct view_teller;

struct view_teller_config {
	struct sync_members *members; /* These outlive it. */
	const struct lease_table *leases;
	/* Takes a record for the other node. Returns false if there is no room now. */
	bool (*send)(void *ctx, const struct sync_record *record);
	void *ctx;
};

/* Returns 0 or -ENOMEM. */
int view_teller_new(struct view_teller **out, const struct view_teller_config *config);

/* NULL is allowed. */
void view_teller_free(struct view_teller *teller);

/* Another snapshot is about to be put in force, and has been. */
void view_teller_prepare(struct view_teller *teller);
void view_teller_set_snapshot(struct view_teller *teller, const struct snapshot *snapshot);

/* There is nobody any more who was told anything. */
void view_teller_restart(struct view_teller *teller);

/* All is to be told again, to nodes of which some know it. */
void view_teller_repeat(struct view_teller *teller);

/* Tells the views that are due. '*gained' becomes true when one of a router is told that was not
 * held before. Returns false if there is no room for more. */
bool view_teller_run(struct view_teller *teller, uint64_t now_ns, bool *gained);

/* Whether some view waits until the workers have told of what it does not compute. */
bool view_teller_is_waiting(const struct view_teller *teller);

/* How many were told. */
uint64_t view_teller_n_told(const struct view_teller *teller);

#endif /* DATAPLANE_VIEW_TELLER_H */
