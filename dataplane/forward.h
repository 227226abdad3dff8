/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of a packet whose backend is chosen, in services that do more to it than dr, and of
 * the packets that come back from backends. Not inlined into the passes, so that services in mode
 * dr do not pay for the registers that these need: callers give a copy of the burst. */
#ifndef DATAPLANE_FORWARD_H
#define DATAPLANE_FORWARD_H

#include "dataplane/pipeline_data.h"

/* Whether the service needs forward_specially(). */
static inline bool
forward_is_special(const struct path_service *service)
{
	return service->options & (PATH_MSS | PATH_TUNNEL | PATH_TRANSLATED);
}

/* Sends the packet to 'backend' by its next hop, which is ready, and the packet's 'out_port' by it.
 */
enum verdict forward_specially(const struct burst *burst, const struct path_service *service,
	uint16_t backend, const struct nexthop *hop, struct packet *packet,
	const struct work *work);

/* A packet that a backend of a nat or fullnat service may have sent to a client. */
enum verdict forward_return(
	const struct burst *burst, struct packet *packet, const struct work *work);

#endif /* DATAPLANE_FORWARD_H */
