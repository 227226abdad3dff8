/* SPDX-License-Identifier: BSD-3-Clause */
/* What both ways through a translation need of a flow's two entries; for nat.c, which makes them,
 * and nat_steady.c, which finds them as they should be. */
#ifndef DATAPLANE_NAT_PAIR_H
#define DATAPLANE_NAT_PAIR_H

#include "dataplane/flow_table.h"
#include "dataplane/packet.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/snapshot_nat.h"

/* Keeps where the client's packets come from; writes nothing if that is known. */
static inline void
nat_remember_hop(const struct packet *packet, struct flow_slot flow, struct flow_slot other)
{
	const uint8_t *mac = ((const struct wire_ethernet *)packet->data)->source;
	struct flow_entry *first = flow_entry_at(flow);
	struct flow_entry *second = flow_entry_at(other);
	uint32_t link = (first->link & ~FLOW_LINK_PORT_MASK) | packet->in_port;
	uint16_t parts[3];

	memcpy(parts, mac, sizeof(parts));
	if (__builtin_expect(link == first->link && parts[0] == first->hop &&
				     parts[1] == second->backend && parts[2] == second->hop,
		    1))
		return;
	__atomic_store_n(&first->hop, parts[0], __ATOMIC_RELAXED);
	__atomic_store_n(&first->link, link, __ATOMIC_RELAXED);
	__atomic_store_n(&second->backend, parts[1], __ATOMIC_RELAXED);
	__atomic_store_n(&second->hop, parts[2], __ATOMIC_RELAXED);
}

static inline const struct nat_locals *
nat_locals_of(const struct snapshot_nat *nat, uint8_t family, uint8_t port)
{
	return family == ADDR_V4 ? &nat->locals4[port] : &nat->locals6[port];
}

static inline const struct nat_local *
nat_local_by_id(const struct nat_locals *locals, uint16_t id)
{
	for (uint32_t i = 0; i < locals->n; i++)
		if (locals->locals[i].id == id)
			return &locals->locals[i];
	return NULL;
}

#endif /* DATAPLANE_NAT_PAIR_H */
