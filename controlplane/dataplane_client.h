/* SPDX-License-Identifier: BSD-3-Clause */
/* The control plane's end of the dataplane's control socket (control.h, rpc.h).
 *
 * Connects and reconnects for ever. After each connection it says hello, pushes the whole desired
 * state of the cluster, then asks until the dataplane is ready; pushes again whenever the
 * cluster's state has changed, at most one push being under way, so that a burst of changes is
 * one or two pushes. A dataplane that answers nothing for a while counts as gone, though its socket
 * is open: what passes through it (checks, adverts) does not pass either. What is known of the
 * dataplane is kept in the cluster. Everything happens in the loop's thread and nothing blocks. */
#ifndef CONTROLPLANE_DATAPLANE_CLIENT_H
#define CONTROLPLANE_DATAPLANE_CLIENT_H

#include "common/control.h"
#include "common/err.h"
#include "common/rpc.h"
#include "controlplane/cluster.h"

#include <jansson.h>
#include <uv.h>

struct dataplane_client;

struct dataplane_client_config {
	const char *path;        /* The dataplane's control socket. */
	struct cluster *cluster; /* Outlives the client. */
	/* What the cluster knows of the dataplane has changed. */
	void (*on_change)(void *ctx);
	/* The dataplane has answered a lease: the next one may be sent. */
	void (*on_lease_done)(void *ctx);
	/* There are new signs of trouble; 'backends' is the member of the answer to "signs". */
	void (*on_signs)(void *ctx, json_t *backends);
	void *ctx;
};

/* Starts to connect. The callbacks may be NULL. Returns 0, or a negative errno with 'err' set. */
int dataplane_client_new(struct dataplane_client **out, uv_loop_t *loop,
	const struct dataplane_client_config *config, struct err *err);
/* NULL is allowed; memory goes when the loop has run its close callbacks. */
void dataplane_client_free(struct dataplane_client *client);

/* On each connection pushes are held back until this is called: as long as the checks have no
 * results, a dataplane that forwards must not be told that every backend is down. */
void dataplane_client_start_pushing(struct dataplane_client *client);

/* The desired state has changed: push it soon. */
void dataplane_client_push(struct dataplane_client *client);

/* Tells which virtual routers are held. One lease may be unanswered, not more: a dataplane that was
 * stopped must not find a queue of leases that were true once. Returns 0; -EBUSY while one is
 * unanswered (on_lease_done tells when to try again); -ENOTCONN or -ENOMEM. */
int dataplane_client_lease(struct dataplane_client *client, const struct control_lease *lease);

/* The reply to the last periodic "stats" request (every second while connected); borrowed until
 * the loop runs again. NULL before the first, and while not connected. */
json_t *dataplane_client_stats(const struct dataplane_client *client);

/* Any other request ("flows", "stats"), as rpc_call(): takes over 'params', returns a negative
 * errno without calling 'on_reply' when it cannot be sent. */
int dataplane_client_call(struct dataplane_client *client, const char *method, json_t *params,
	rpc_reply_fn on_reply, void *ctx);

#endif /* CONTROLPLANE_DATAPLANE_CLIENT_H */
