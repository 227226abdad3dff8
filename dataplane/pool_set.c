/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools of packet buffers; see pool_set.h. */
#include "dataplane/pool_set.h"

#include "common/log.h"
#include "dataplane/pool.h"
#include "dataplane/pool_plan.h"
#include "dataplane/worker.h"

#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

LOG_MODULE("pool");

/* The node that the port's buffers belong to. Devices without one get that of this thread. */
static int
find_socket(const struct port *port)
{
	int socket = rte_eth_dev_socket_id(port->id);

	if (!rte_eal_has_hugepages())
		return SOCKET_ID_ANY;
	return socket >= 0 ? socket : (int)rte_socket_id();
}

static void
complain(int rc, const struct pool_plan *plan, unsigned int i, uint16_t mtu, struct err *err)
{
	uint32_t n = plan->pools[i].n_buffers, mb = (uint32_t)(pool_size(n, mtu) >> 20);

	if (plan->n_pools > 1)
		err_set(err, rc,
			"%u packet buffers of %u MB together on NUMA node %d (%s): raise "
			"memory_mb, and see that the node has huge pages",
			n, mb, plan->pools[i].socket, strerror(-rc));
	else
		err_set(err, rc, "%u packet buffers of %u MB together (%s): raise memory_mb", n, mb,
			strerror(-rc));
}

int
pool_set_init(struct pool_set *set, struct port *ports, uint16_t n_ports, uint32_t n_common,
	uint32_t memory_mb, struct err *err)
{
	struct pool_port needs[MODEL_PORTS_MAX] = {{0}};
	struct pool_plan plan;
	uint16_t mtu = 0;

	for (uint16_t i = 0; i < n_ports; i++) {
		needs[i].socket = find_socket(&ports[i]);
		port_n_buffers(&ports[i], &needs[i].n_rx, &needs[i].n_tx);
		mtu = RTE_MAX(mtu, ports[i].mtu);
	}
	pool_plan_make(&plan, needs, n_ports, n_common);
	for (unsigned int i = 0; i < plan.n_pools; i++) {
		uint32_t n = plan.pools[i].n_buffers;
		int rc = pool_new(&set->pools[i], plan.pools[i].socket, n, WORKER_CACHE, mtu);

		if (rc < 0) {
			complain(rc, &plan, i, mtu, err);
			err_prefix(err, "memory_mb: %u MB are not enough", memory_mb);
			return rc;
		}
		set->n = i + 1;
		LOG_DBG("%u packet buffers on NUMA node %d", n, plan.pools[i].socket);
	}
	for (uint16_t i = 0; i < n_ports; i++) {
		ports[i].pool = set->pools[plan.of_port[i]];
		ports[i].mixes_pools = plan.n_pools > 1;
	}
	return 0;
}

void
pool_set_fini(struct pool_set *set)
{
	for (unsigned int i = 0; i < set->n; i++)
		rte_mempool_free(set->pools[i]);
	set->n = 0;
}
