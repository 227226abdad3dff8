/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells the cluster whether the ports of this node have a link, as the host's interfaces show it,
 * whose carrier is the dataplane's to set. Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_PORT_WATCH_H
#define CONTROLPLANE_PORT_WATCH_H

#include "common/err.h"
#include "controlplane/cluster.h"

#include <uv.h>

struct port_watch;

/* Begins to watch. 'cluster' outlives it. Returns 0, or a negative errno with 'err' set. */
int port_watch_new(
	struct port_watch **out, uv_loop_t *loop, struct cluster *cluster, struct err *err);
/* NULL is allowed; memory goes when the loop has run its close callbacks. */
void port_watch_free(struct port_watch *watch);

#endif /* CONTROLPLANE_PORT_WATCH_H */
