/* SPDX-License-Identifier: BSD-3-Clause */
/* Going on with flows that another node had: a packet in midstream that belongs to no flow here is
 * looked up in what that node has told (struct sync_path), and if it is not there either goes where
 * that node's table sends it (snapshot_former.h).
 *
 * Only called where there is flow sync, and for no packet of a steady flow. */
#ifndef DATAPLANE_TAKEOVER_H
#define DATAPLANE_TAKEOVER_H

#include "dataplane/pipeline_data.h"

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
