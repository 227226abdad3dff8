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

/* Whose it is; copied. All in it outlives the router. */
struct vrrp_router_owner {
	uv_loop_t *loop;
	struct cluster *cluster;
	struct lease *lease;
	/* Whether what is sent now leaves the machine soon: the dataplane has answered less than
	 * 'patience_ns' ago. */
	bool (*may_send)(void *ctx, uint64_t patience_ns);
	/* The machine has run. */
	void (*on_run)(void *ctx);
	void *ctx;
};

/* Makes router 'index' of the cluster, in VRRP_INIT. 'io' outlives it. Returns 0 or -ENOMEM. */
int vrrp_router_new(struct vrrp_router **out, const struct vrrp_router_owner *owner, size_t index,
	struct vrrp_io *io);
/* NULL is allowed; memory goes when the loop has run its close callback. */
void vrrp_router_free(struct vrrp_router *router);

/* Becomes router 'index' of the cluster, which is the same one as before in another model. Returns
 * 0 or -ENOMEM; then its adverts go where they went. */
int vrrp_router_reload(struct vrrp_router *router, size_t index);

/* As it is configured; valid as long as the model that it was last given. */
const struct virtual_router *vrrp_router_config(const struct vrrp_router *router);

/* True if adverts of 'vrid' on the sockets 'io' are for this router. */
bool vrrp_router_is(const struct vrrp_router *router, const struct vrrp_io *io, uint8_t vrid);
bool vrrp_router_is_master(const struct vrrp_router *router);

/* Its machine, to look at. */
const struct vrrp_fsm *vrrp_router_fsm(const struct vrrp_router *router);

/* Why it cannot send adverts, in 'buf'; NULL: it can. */
const char *vrrp_router_obstacle(const struct vrrp_router *router, char *buf, size_t size);

/* Starts it, or stops it for the reason 'why' (NULL: none). */
void vrrp_router_update(struct vrrp_router *router, const char *why);

/* What is tracked has changed the node's priority; 'why' says what. */
void vrrp_router_set_priority(struct vrrp_router *router, uint8_t priority, const char *why);

/* Hands an event to the machine. */
void vrrp_router_run(struct vrrp_router *router, const struct vrrp_event *event);

/* An advert of another member has come. */
void vrrp_router_hear(struct vrrp_router *router, const struct vrrp_advert *advert,
	const struct vrrp_datagram *datagram);

/* Gives up in favour of another member. */
void vrrp_router_resign(struct vrrp_router *router);

/* As vrrp_router_resign(), and never starts again. */
void vrrp_router_shut_down(struct vrrp_router *router);

#endif /* CONTROLPLANE_VRRP_ROUTER_H */
