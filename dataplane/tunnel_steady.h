/* SPDX-License-Identifier: BSD-3-Clause */
/* The short way of wrapping: an IPv4 packet of a steady flow for a backend with an IPv4 address, in
 * a header most of which is known when the configuration is. */
#ifndef DATAPLANE_TUNNEL_STEADY_H
#define DATAPLANE_TUNNEL_STEADY_H

#include "dataplane/pipeline_data.h"

/* Does what tunnel_send() does, to a packet whose flow is steady. Returns false, having done
 * nothing, if it is not one of those. 'hop' is the backend's, and ready. */
bool tunnel_steady(const struct burst *burst, struct packet *packet, const struct work *work,
	uint16_t backend, const struct nexthop *hop);

#endif /* DATAPLANE_TUNNEL_STEADY_H */
