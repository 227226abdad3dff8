/* SPDX-License-Identifier: BSD-3-Clause */
/* Views: by what tables the node that holds a virtual router spreads flows that it does not know.
 *
 * Of other nodes' views the last of each router is kept, also when that node is gone: that is when
 * it is needed (snapshot_former.h). Each of them counts its generations by itself, and its records
 * may come between those of another. The own view is put into records for the others. Main thread
 * only. */
#ifndef DATAPLANE_SYNC_VIEWS_H
#define DATAPLANE_SYNC_VIEWS_H

#include "common/flow_sync.h"
#include "dataplane/lease.h"
#include "dataplane/snapshot.h"
#include "dataplane/sync_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A pool in a view. */
struct sync_view_pool {
	char name[SYNC_NAME_SIZE];
	uint32_t n; /* 0: nobody takes new flows. */
	struct sync_taker *takers;
};

struct sync_views;

int sync_views_new(struct sync_views **out);
void sync_views_free(struct sync_views *views);

/* A copy that another thread may look things up in, with sync_views_find(), while the original
 * changes. Copied and freed by the main thread. Returns 0 or -ENOMEM. */
int sync_views_copy(struct sync_views **out, const struct sync_views *views);

/* Another session with this one of the others (an index) begins: its generations begin anew, and
 * what had come of a view is forgotten. */
void sync_views_restart(struct sync_views *views, unsigned int peer);

/* Takes a record of a view of one of the others. Returns 1 if the view is whole now and says
 * anything new, so that the snapshot is to be built anew; 0; -EINVAL if the record does not belong
 * there or is of an old generation; or -ENOMEM. */
int sync_views_take(struct sync_views *views, unsigned int peer, const struct sync_record *record);

/* The pool in the view of the router, or NULL. */
const struct sync_view_pool *sync_views_find(
	const struct sync_views *views, const char *router, const char *pool);

/* --- The own view --- */

/* A number that changes when the own view of the router does. */
uint64_t sync_views_digest(const struct snapshot *snapshot, const struct snapshot_router *router,
	const struct lease_table *leases, uint64_t now_ns);

/* Puts the own view of the router into records, which the caller frees. Returns 0 or -ENOMEM. */
int sync_views_write(const struct snapshot *snapshot, const struct snapshot_router *router,
	const struct lease_table *leases, uint64_t now_ns, struct sync_record **out, size_t *n);

/* Gives written records the generation that they are sent with. */
void sync_views_number(struct sync_record *records, uint64_t generation);

#endif /* DATAPLANE_SYNC_VIEWS_H */
