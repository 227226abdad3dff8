/* SPDX-License-Identifier: BSD-3-Clause */
/* The short way of translating: a client's packet of a flow that has both its entries, in a service
 * that tells backends nothing of clients. Translating it is all that there is to do. */
#ifndef DATAPLANE_NAT_STEADY_H
#define DATAPLANE_NAT_STEADY_H

#include "dataplane/pipeline_data.h"

/* Sends the packet, whose flow is at work->slot and steady, to 'backend'. Returns false, having
 * done nothing, if it is not so: nat_forward() is to decide then. 'hop' is the backend's, and
 * ready. */
bool nat_steady(const struct burst *burst, struct packet *packet, const struct work *work,
	uint16_t backend, const struct nexthop *hop);

#endif /* DATAPLANE_NAT_STEADY_H */
