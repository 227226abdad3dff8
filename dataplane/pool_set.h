/* SPDX-License-Identifier: BSD-3-Clause */
/* The pools of packet buffers, one on each NUMA node that has ports: what a port receives is
 * written to memory beside it. Without huge pages memory has no nodes, and there is one pool. Main
 * thread; the pools themselves are for all lcores. */
#ifndef DATAPLANE_POOL_SET_H
#define DATAPLANE_POOL_SET_H

#include "common/err.h"
#include "common/model.h"
#include "dataplane/port.h"

#include <stdint.h>

struct pool_set {
	struct rte_mempool *pools[MODEL_PORTS_MAX];
	unsigned int n;
};

/* Makes pools for the ports, which are open, and tells each which one is its. 'n_common' are the
 * buffers that threads and rings may hold besides the ports' queues; 'memory_mb' is for messages.
 * Returns 0, or a negative errno with 'err' set. */
int pool_set_init(struct pool_set *set, struct port *ports, uint16_t n_ports, uint32_t n_common,
	uint32_t memory_mb, struct err *err);

/* Frees them; ports must be closed. */
void pool_set_fini(struct pool_set *set);

#endif /* DATAPLANE_POOL_SET_H */
