/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside a cluster. For cluster.c and cluster_routers.c; everybody else uses cluster.h. */
#ifndef CONTROLPLANE_CLUSTER_DATA_H
#define CONTROLPLANE_CLUSTER_DATA_H

#include "controlplane/cluster.h"

struct cluster {
	const struct model *model;
	const struct node *node;
	struct cluster_router *routers;
	size_t n_routers;
	struct cluster_pool *pools;
	struct cluster_script *scripts;
	bool links[MODEL_PORTS_MAX]; /* Of the node's ports. */
	struct history history;
	struct cluster_dataplane dataplane;
	struct cluster_listener listener;
	struct flow_sync sync;
	bool ready;
	char ready_why[CLUSTER_WHY_SIZE];
};

/* Makes the routers that the node is a member of, each not held. */
void cluster_init_routers(struct cluster *cluster, uint64_t now_ns);

#endif /* CONTROLPLANE_CLUSTER_DATA_H */
