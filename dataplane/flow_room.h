/* SPDX-License-Identifier: BSD-3-Clause */
/* A place for a new flow. Part of the flow table, which never refuses one as long as there is a
 * flow that is not in use. */
#ifndef DATAPLANE_FLOW_ROOM_H
#define DATAPLANE_FLOW_ROOM_H

#include "dataplane/flow_table.h"

/* A free entry for the flow with 'hash', in either of its buckets one that has timed out, or else
 * the one that is missed least; the flow that was there is removed. Nowhere: all are in use. */
struct flow_slot flow_make_room(struct flow_table *table, uint64_t hash, uint16_t tick);

/* Chooses what flow_make_room() would, and lets the entry be on its way. The choice is kept in
 * 'room' for as long as nothing of it changes: see flow_table.room. */
void flow_foresee_room(
	const struct flow_table *table, uint64_t hash, uint16_t tick, struct flow_room *room);

#endif /* DATAPLANE_FLOW_ROOM_H */
