/* SPDX-License-Identifier: BSD-3-Clause */
/* Quorum: whether enough backends of a pool can take flows for them to serve, or its sorry backends
 * serve in their place.
 *
 * A pool without sorry backends goes on with what it has. Knows no clock; hysteresis, not time,
 * keeps a pool at the edge from going to and fro. */
#ifndef CONTROLPLANE_QUORUM_H
#define CONTROLPLANE_QUORUM_H

#include "controlplane/cluster.h"

#include <stdbool.h>

/* Finds out anew who of the pool serves and who rests. Returns true if the quorum was lost or is
 * there again. A backend whose check has no result yet counts neither as up nor as down: the quorum
 * is lost when the others make it impossible, and regained by those that are up. */
bool quorum_update(struct cluster_pool *pool);

#endif /* CONTROLPLANE_QUORUM_H */
