/* SPDX-License-Identifier: BSD-3-Clause */
/* What both ways of translating, nat.c and nat_steady.c, do with a flow's two entries. */
#ifndef DATAPLANE_NAT_PAIR_H
#define DATAPLANE_NAT_PAIR_H

#include "dataplane/flow_table.h"
#include "dataplane/packet.h"
#include "dataplane/wire.h"

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

#endif /* DATAPLANE_NAT_PAIR_H */
