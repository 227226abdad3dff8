/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a packet into what leaves for the backend. Mode dr: only the link-layer addresses change
 * and the time to live, so that two nodes that take each other for a backend make no loop. */
#ifndef DATAPLANE_REWRITE_H
#define DATAPLANE_REWRITE_H

#include "dataplane/nexthop.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/port_table.h"

/* One hop less to live. Returns V_FORWARD, or V_DROP_TTL with the packet untouched. */
static inline enum verdict
rewrite_ttl(struct packet *packet, const struct parsed *parsed)
{
	if (parsed->target.family == ADDR_V4) {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)(packet->data + parsed->l3);
		uint32_t word = load32(&ip->ttl); /* And protocol and checksum. */

		if ((word & 0xff) <= 1)
			return V_DROP_TTL;
		/* RFC 1141: the checksum grows by what the header lost, with end-around carry. As
		 * all such sums it may be done in either byte order. */
		if (__builtin_expect(word >= 0xfffeu << 16, 0))
			word += 1u << 16;
		store32(&ip->ttl, word + (1u << 16) - 1);
	} else {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)(packet->data + parsed->l3);

		if (ip->hop_limit <= 1)
			return V_DROP_TTL;
		ip->hop_limit--;
	}
	return V_FORWARD;
}

/* Makes the frame go by 'port' to 'hop'. The addresses are written as two words made of those that
 * hold them. */
static inline void
rewrite_addresses(void *ethernet, const struct nexthop *hop, const struct port_info *port)
{
	uint64_t to = load64(hop);
	uint64_t from = load64(port->mac);

	store64(ethernet, (to & UINT64_C(0xffffffffffff)) | from << 48);
	store32((uint8_t *)ethernet + sizeof(to), (uint32_t)(from >> 16));
}

/* As rewrite_ttl(). 'port' is the one that the packet leaves by. */
static inline enum verdict
rewrite_dr(struct packet *packet, const struct parsed *parsed, const struct nexthop *hop,
	const struct port_info *port)
{
	if (rewrite_ttl(packet, parsed) != V_FORWARD)
		return V_DROP_TTL;
	rewrite_addresses(packet->data, hop, port);
	return V_FORWARD;
}

#endif /* DATAPLANE_REWRITE_H */
