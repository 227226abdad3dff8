/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of flows that the other node has told of, as the main thread writes it. Workers read it
 * at the same time by flow_peek(). */
#ifndef DATAPLANE_SYNC_REMOTE_H
#define DATAPLANE_SYNC_REMOTE_H

#include "dataplane/flow_table.h"
#include "dataplane/sync_entry.h"

/* Enters the flow, in the place of all that it is in the way of, or brings it up to date. Returns
 * SYNC_APPLIED or SYNC_NO_ROOM. */
enum sync_outcome sync_remote_enter(
	struct flow_table *remote, const struct flow_copy *copy, uint64_t now_ns);

/* Takes the flow out that has the key, if there is one. */
void sync_remote_take_out(struct flow_table *remote, const struct flow_key *key);

#endif /* DATAPLANE_SYNC_REMOTE_H */
