/* SPDX-License-Identifier: BSD-3-Clause */
/* One virtual router of this node at work: its state machine (vrrp_fsm.h), its timer, and the
 * carrying out of what the machine decides: adverts to the sockets, holding to the lease,
 * transitions to log and cluster. Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_VRRP_ROUTER_H
#define CONTROLPLANE_VRRP_ROUTER_H

#include "controlplane/cluster.h"
#include "controlplane/lease.h"
#include "controlplane/vrrp_io.h"
#include "controlplane/vrrp_packet.h"

#include <uv.h>

struct vrrp_router;

/* Makes router 'index' of 'cluster', in VRRP_INIT. 'cluster', 'io' and 'lease' outlive it. Returns
 * 0 or -ENOMEM. */
int vrrp_router_new(struct vrrp_router **out, uv_loop_t *loop, struct cluster *cluster,
	size_t index, struct vrrp_io *io, struct lease *lease);
/* NULL is allowed; memory goes when the loop has run its close callback. */
void vrrp_router_free(struct vrrp_router *router);

/* True if adverts of 'vrid' on the sockets 'io' are for this router. */
bool vrrp_router_is(const struct vrrp_router *router, const struct vrrp_io *io, uint8_t vrid);
bool vrrp_router_is_master(const struct vrrp_router *router);

/* Starts or stops it as the node and its sockets allow. 'node_why': why the node may not hold
 * virtual routers; NULL: it may. */
void vrrp_router_update(struct vrrp_router *router, const char *node_why);

/* An advert of another member has come. */
void vrrp_router_hear(struct vrrp_router *router, const struct vrrp_advert *advert,
	const struct vrrp_datagram *datagram);

/* Gives up in favour of another member. */
void vrrp_router_resign(struct vrrp_router *router);

/* As vrrp_router_resign(), and never starts again. */
void vrrp_router_shut_down(struct vrrp_router *router);

#endif /* CONTROLPLANE_VRRP_ROUTER_H */
