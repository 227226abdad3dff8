/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the virtual routers of this node: gives the state machines their events (adverts, timers,
 * readiness, the operator's wishes) and carries out what they decide (adverts, leases, log,
 * cluster state). All decisions are in vrrp_fsm.c, lease.c and gate.c; this is what joins them to
 * sockets, clock and dataplane. Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_ELECTION_H
#define CONTROLPLANE_ELECTION_H

#include "common/err.h"
#include "controlplane/cluster.h"
#include "controlplane/dataplane_client.h"

#include <uv.h>

struct election;

struct election_config {
	struct cluster *cluster; /* Outlives the election, as 'client' does. */
	struct dataplane_client *client;
	/* A port's link has come back: the health checks are to begin anew, because what they found
	 * meanwhile says nothing. */
	void (*on_link_return)(void *ctx);
	void *ctx;
};

/* Starts all virtual routers of the cluster's node, in VRRP_INIT. Returns 0, or a negative errno
 * with 'err' set. */
int election_new(struct election **out, uv_loop_t *loop, const struct election_config *config,
	struct err *err);
/* NULL is allowed; memory goes when the loop has run its close callbacks. */
void election_free(struct election *election);

/* What the cluster knows of health, of the dataplane, or of what is tracked has changed. */
void election_update(struct election *election);

/* A reload in two steps, between which the cluster gets its new content. In the first one the
 * routers that do not go on in 'next' are given up: other members are told. In the second one those
 * that do go on take their new configuration, and new ones start. Returns 0, or a negative errno
 * with 'err' saying which router cannot be run; then the others are. */
void election_prepare_reload(struct election *election, const struct cluster *next);
int election_reload(struct election *election, struct err *err);

/* The dataplane has answered a lease. */
void election_lease_done(struct election *election);

/* Gives up 'router' in favour of another member. */
void election_resign(struct election *election, size_t router);

/* Gives up all routers and calls 'on_stopped' when none is held any more: when the successors have
 * been heard, or after a few seconds at most. No router starts again. */
void election_stop(struct election *election, void (*on_stopped)(void *ctx), void *ctx);

#endif /* CONTROLPLANE_ELECTION_H */
