/* SPDX-License-Identifier: BSD-3-Clause */
/* Which processor a worker runs on. */
#ifndef DATAPLANE_PLACEMENT_H
#define DATAPLANE_PLACEMENT_H

#include "dataplane/dataplane.h"

/* An lcore that has no worker yet, of the port's NUMA node if there is one; RTE_MAX_LCORE if there
 * is none at all. Main thread. */
unsigned int placement_lcore(const struct dataplane *dataplane, const struct port *port);

#endif /* DATAPLANE_PLACEMENT_H */
