/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that belong to no service: questions about a VIP, which are answered if it is held here,
 * what is wrong, and what is the host's. Off the fast path; called by the pipeline. */
#ifndef DATAPLANE_LOCAL_H
#define DATAPLANE_LOCAL_H

#include "dataplane/lease.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/port_table.h"
#include "dataplane/snapshot.h"

#include <stdbool.h>

struct local {
	const struct port_table *ports;
	struct lease_table *leases; /* Read, and told of claims. */
};

/* Whether the frame, which has an Ethernet header, is for the port it came in by, and for it alone.
 * Both addresses are the first six bytes of a word. */
static inline bool
local_is_to_port(const struct port_table *ports, const struct packet *packet)
{
	uint64_t mac = load64(ports->ports[packet->in_port].mac);

	return (load64(packet->data) ^ mac) << 16 == 0;
}

/* Decides about a packet and makes the answer in its place. */
enum verdict local_run(const struct local *local, const struct snapshot *snapshot,
	struct packet *packet, const struct parsed *parsed, uint64_t now_ns);

#endif /* DATAPLANE_LOCAL_H */
