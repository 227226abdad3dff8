/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing lcores for workers; see placement.h. */
#include "dataplane/placement.h"

#include <rte_ethdev.h>
#include <rte_lcore.h>

static bool
is_taken(const struct dataplane *dataplane, unsigned int lcore)
{
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		if (worker_lcore(dataplane->workers[w]) == lcore)
			return true;
	return false;
}

unsigned int
placement_lcore(const struct dataplane *dataplane, const struct port *port)
{
	int socket = rte_eth_dev_socket_id(port->id);
	unsigned int any = RTE_MAX_LCORE;
	unsigned int lcore;

	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (is_taken(dataplane, lcore))
			continue;
		if ((int)rte_lcore_to_socket_id(lcore) == socket)
			return lcore;
		if (any == RTE_MAX_LCORE)
			any = lcore;
	}
	return any;
}
