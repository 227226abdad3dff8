/* SPDX-License-Identifier: BSD-3-Clause */
/* How many packet buffers there are, and on which NUMA nodes: a pool on each node that has ports,
 * for what these receive. Knows no EAL. */
#ifndef DATAPLANE_POOL_PLAN_H
#define DATAPLANE_POOL_PLAN_H

#include "common/model.h"

#include <stdint.h>

/* What a port needs. */
struct pool_port {
	int socket;    /* Its NUMA node. */
	uint32_t n_rx; /* Buffers that its receive queues may hold, ... */
	uint32_t n_tx; /* ... and its transmit queues. */
};

struct pool_plan {
	struct {
		int socket;
		uint32_t n_buffers;
	} pools[MODEL_PORTS_MAX];
	unsigned int n_pools;
	uint8_t of_port[MODEL_PORTS_MAX]; /* Index of each port's pool. */
};

/* Makes a plan for 'n_ports' ports, at least one. 'n_common' are the buffers that threads and rings
 * may hold besides. As a frame may leave by any port and wait in any ring, each pool has enough for
 * all of these, and for what its own ports receive. */
void pool_plan_make(
	struct pool_plan *plan, const struct pool_port *ports, uint16_t n_ports, uint32_t n_common);

#endif /* DATAPLANE_POOL_PLAN_H */
