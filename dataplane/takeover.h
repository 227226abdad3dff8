/* SPDX-License-Identifier: BSD-3-Clause */
/* Going on with flows that another node had: a packet in midstream that belongs to no flow here is
 * looked up in what that node has told (struct sync_path), and if it is not there either goes where
 * that node's table sends it (snapshot_former.h).
 *
 * Only called where there is flow sync, and for no packet of a steady flow. */
#ifndef DATAPLANE_TAKEOVER_H
#define DATAPLANE_TAKEOVER_H

#include "dataplane/pipeline_data.h"

/* Whether another node has had the address since a flow of it was seen here last, 'age_ticks' ago,
 * and may have moved the flow or given its key to a later one. Ticks are coarse: not, if it may
 * have been seen after that. */
static inline bool
takeover_is_past(
	const struct lease_table *leases, uint16_t lease, uint16_t age_ticks, uint64_t now_ns)
{
	uint64_t elsewhere_ns = lease_elsewhere(leases, lease);

	return elsewhere_ns > 0 && age_ticks > 0 &&
	       elsewhere_ns + ((uint64_t)(age_ticks - 1) << FLOW_TICK_SHIFT) > now_ns;
}

/* The flow of a client's packet, 'slot' being what this worker has of it (may be nowhere). One that
 * another node has had is entered here. */
struct flow_slot takeover_flow(
	const struct burst *burst, const struct work *work, struct flow_slot slot);

/* As takeover_flow(), of a backend's packet: 'slot' and what is returned are second entries. */
struct flow_slot takeover_return(
	const struct burst *burst, const struct work *work, struct flow_slot slot);

/* The backend of a packet that belongs to no flow; 0: the scheduler says which. */
uint16_t takeover_choice(const struct burst *burst, const struct work *work);

#endif /* DATAPLANE_TAKEOVER_H */
