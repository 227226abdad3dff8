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

/* Enters the flow if there is one under its key, in whose place it comes. */
void sync_remote_renew(struct flow_table *remote, const struct flow_copy *copy, uint64_t now_ns);

/* Remembers that there is no flow with the key any more, though a worker may still have one: for as
 * long as that can last. */
void sync_remote_bury(struct flow_table *remote, const struct flow_key *key, uint64_t now_ns);

/* Timeouts as workers' tables have them. */
void sync_remote_set_timeouts(struct flow_table *remote, const struct flow_timeouts *timeouts);

/* Takes the flow out that has the key, if there is one. */
void sync_remote_take_out(struct flow_table *remote, const struct flow_key *key);

#endif /* DATAPLANE_SYNC_REMOTE_H */
