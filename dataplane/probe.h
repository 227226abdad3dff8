/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks by the virtual address: what the host's kernel sends to a service from one of its
 * probe ports goes to the backend that the port stands for, the way a client's packet would, by
 * layer 2 or in a tunnel. So a check proves the whole path: that the tunnel arrives and is taken
 * apart, that the backend has the virtual address and serves on it.
 *
 *   control plane           kernel, weir0            here
 *   connect() from port --> to the VIP          --> port -> backend, encapsulate --> backend
 *             ^                                                                         |
 *             '------- from the VIP, to the host's own address: as all that is its -----'
 *
 * The backend answers to the host's own address, and nothing has to be done to that. The flow
 * table, schedulers and limits are not asked: a probe is no client, and who holds the address does
 * not matter. So that the kernel can send to the address, which it has a route to but perhaps
 * nobody to answer for it, ARP and neighbour solicitations for it are answered to the host. Control
 * thread; works on bytes and lengths. */
#ifndef DATAPLANE_PROBE_H
#define DATAPLANE_PROBE_H

#include "dataplane/nexthop.h"
#include "dataplane/packet.h"
#include "dataplane/port_table.h"
#include "dataplane/snapshot.h"
#include "dataplane/tunnel.h"

struct probe_path {
	const struct port_table *ports;
	const struct nexthop_table *nexthops;
	struct tunnel_state tunnel; /* Zeroed at the start. */
};

/* Decides about a packet that the host sends by the port 'in_port'. Returns V_HOST: it is no probe
 * and goes on as it is; V_FORWARD: it leaves by 'out_port'; V_REPLY or V_REPLY_TOO_BIG: it has
 * become the answer, for the host; or why it is dropped. */
enum verdict probe_run(struct probe_path *path, const struct snapshot *snapshot,
	struct packet *packet, uint64_t now_ns);

#endif /* DATAPLANE_PROBE_H */
