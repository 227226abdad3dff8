/* SPDX-License-Identifier: BSD-3-Clause */
/* What a virtual router tracks, weighed: is this node fit to hold it, and with what priority?
 * Reads the cluster's state; does no I/O and knows no clock. */
#ifndef CONTROLPLANE_TRACK_H
#define CONTROLPLANE_TRACK_H

#include "controlplane/cluster.h"

struct track_verdict {
	bool fault;          /* Must not hold it: 'why'. */
	unsigned int burden; /* What comes off the priority: 'why', if it is not 0. */
	char why[VRRP_WHY_SIZE];
};

/* Judges 'router' with all routers of its sync group, which have one fate and one priority. */
void track_judge(const struct cluster *cluster, const struct virtual_router *router,
	struct track_verdict *out);

/* What remains of 'priority', which is at least 1. */
uint8_t track_priority(uint8_t priority, unsigned int burden);

#endif /* CONTROLPLANE_TRACK_H */
