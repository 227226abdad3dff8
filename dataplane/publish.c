/* SPDX-License-Identifier: BSD-3-Clause */
/* Putting a snapshot in force; see publish.h. */
#include "dataplane/publish.h"

#include "dataplane/virtual_mac.h"

#include <errno.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

/* Lets the ports receive what is sent to the virtual MACs of 'snapshot'. */
static void
receive_macs(struct dataplane *dataplane, const struct snapshot *snapshot)
{
	size_t n_routers;
	const struct snapshot_router *routers = snapshot_routers(snapshot, &n_routers);

	for (uint16_t p = 0; p < dataplane->n_ports; p++) {
		uint8_t macs[MODEL_ROUTERS_MAX][6];
		size_t n = 0;

		for (size_t i = 0; i < n_routers; i++) {
			if (routers[i].port == p && routers[i].virtual_mac)
				memcpy(macs[n++], routers[i].mac, sizeof(macs[0]));
		}
		port_set_macs(&dataplane->ports[p], (const uint8_t(*)[6])macs, n);
	}
}

int
dataplane_publish(struct dataplane *dataplane, struct snapshot *snapshot, struct err *err)
{
	struct snapshot *old = (struct snapshot *)(uintptr_t)dataplane->shared.snapshot;
	struct sync_flows *flows = sync_flows_of(dataplane->sync);

	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		if (pipeline_prepare(worker_pipeline(dataplane->workers[w]), snapshot) < 0)
			return err_set(err, -ENOMEM,
				"no memory for the sequence numbers of flows: raise memory_mb or "
				"lower flows");
	if (flows && sync_flows_prepare(flows, snapshot) < 0)
		return err_set(err, -ENOMEM, "no memory for other nodes' sequence numbers");
	/* Backends that the kernel knows already are ready before the first packet asks. */
	netlink_refresh(dataplane->netlink);
	__atomic_store_n(&dataplane->shared.snapshot, snapshot, __ATOMIC_RELEASE);
	rte_rcu_qsbr_synchronize(dataplane->rcu, RTE_QSBR_THRID_INVALID);
	receive_macs(dataplane, snapshot);
	holder_set_snapshot(dataplane->holder, snapshot);
	if (flows)
		sync_flows_set_snapshot(flows, snapshot);
	snapshot_free(old);
	netlink_refresh(dataplane->netlink);
	return 0;
}
