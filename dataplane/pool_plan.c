/* SPDX-License-Identifier: BSD-3-Clause */
/* A plan of pools; see pool_plan.h. */
#include "dataplane/pool_plan.h"

/* The index of the pool on this node, made if there is none. */
static unsigned int
find_pool(struct pool_plan *plan, int socket, uint32_t n_buffers)
{
	for (unsigned int i = 0; i < plan->n_pools; i++) {
		if (plan->pools[i].socket == socket)
			return i;
	}
	plan->pools[plan->n_pools].socket = socket;
	plan->pools[plan->n_pools].n_buffers = n_buffers;
	return plan->n_pools++;
}

void
pool_plan_make(
	struct pool_plan *plan, const struct pool_port *ports, uint16_t n_ports, uint32_t n_common)
{
	uint32_t n_shared = n_common;

	*plan = (struct pool_plan){.n_pools = 0};
	for (uint16_t i = 0; i < n_ports; i++)
		n_shared += ports[i].n_tx;
	for (uint16_t i = 0; i < n_ports; i++) {
		unsigned int pool = find_pool(plan, ports[i].socket, n_shared);

		plan->of_port[i] = (uint8_t)pool;
		plan->pools[pool].n_buffers += ports[i].n_rx;
	}
}
