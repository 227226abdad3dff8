/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a packet into what leaves for the backend. Mode dr: only the link-layer addresses change
 * and the time to live, so that two nodes that take each other for a backend make no loop. */
#ifndef DATAPLANE_REWRITE_H
#define DATAPLANE_REWRITE_H

#include "dataplane/nexthop.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"

/* One hop less to live. Returns V_FORWARD, or V_DROP_TTL with the packet untouched. */
static inline enum verdict
rewrite_ttl(struct packet *packet, const struct parsed *parsed)
{
	if (parsed->target.family == ADDR_V4) {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)(packet->data + parsed->l3);
		uint32_t checksum = be16_to(ip->checksum) + 0x100u;

		if (ip->ttl <= 1)
			return V_DROP_TTL;
		ip->ttl--;
		/* RFC 1141: the checksum grows by what the header lost, with end-around carry. */
		ip->checksum = be16_from((uint16_t)(checksum + (checksum >= 0xffff)));
	} else {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)(packet->data + parsed->l3);

		if (ip->hop_limit <= 1)
			return V_DROP_TTL;
		ip->hop_limit--;
	}
	return V_FORWARD;
}

/* As rewrite_ttl(). 'mac' is the leaving port's. */
static inline enum verdict
rewrite_dr(struct packet *packet, const struct parsed *parsed, const struct nexthop *hop,
	const uint8_t mac[static 6])
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)packet->data;

	if (rewrite_ttl(packet, parsed) != V_FORWARD)
		return V_DROP_TTL;
	memcpy(ethernet->destination, hop->mac, sizeof(hop->mac));
	memcpy(ethernet->source, mac, sizeof(ethernet->source));
	return V_FORWARD;
}

#endif /* DATAPLANE_REWRITE_H */
