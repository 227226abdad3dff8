/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync of this node as a whole: what the packet path has to tell (sync_flows.h) goes to the
 * other nodes (sync_peers.h), and what they tell to the packet path.
 *
 * It does its work when the loop is about to wait: so what a turn of the loop brought leaves
 * together. Belongs to the main thread. */
#ifndef DATAPLANE_SYNC_H
#define DATAPLANE_SYNC_H

#include "common/err.h"
#include "common/flow_sync.h"
#include "dataplane/sync_flows.h"
#include "dataplane/sync_peers.h"

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

struct sync;

struct sync_config {
	const char *node;
	uint32_t n_flows; /* Of all workers of a node. */
	struct lease_table *leases;
	/* The views of other nodes have changed: the snapshot is to be made again with them. */
	void (*on_views)(void *ctx);
	void *ctx;
};

/* Returns 0, or a negative errno with 'err' set. */
int sync_new(struct sync **out, uv_loop_t *loop, const struct sync_config *config, struct err *err);

/* Stops; memory goes with sync_free(), when the loop has run its close callbacks and no worker runs
 * any more. NULL is allowed. */
void sync_close(struct sync *sync);
void sync_free(struct sync *sync);

/* NULL of a NULL sync. */
struct sync_flows *sync_flows_of(struct sync *sync);

/* From now on sync with these; as sync_peers_configure(). */
int sync_configure(struct sync *sync, const struct flow_sync *config, struct err *err);

/* Whether there is nothing to learn from others; true of a NULL sync. */
bool sync_is_synced(const struct sync *sync);

/* The member 'sync' of a "stats" reply (common/control.h), the caller's. */
json_t *sync_show(const struct sync *sync);

#endif /* DATAPLANE_SYNC_H */
