/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbour advertisement frames; see nd_frame.h. */
#include "dataplane/nd_frame.h"

#include "common/checksum.h"
#include "dataplane/wire.h"

static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

uint32_t
nd_pseudo_sum(const uint8_t source[static 16], const uint8_t destination[static 16], size_t size)
{
	struct addr from = addr_from_v6(source);
	struct addr to = addr_from_v6(destination);

	return checksum_add_pseudo(0, &from, &to, IPPROTO_ICMPV6, size);
}

void
nd_advert_build(uint8_t *frame, const struct nd_advert *advert)
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)frame;
	struct wire_ipv6 *ip = (struct wire_ipv6 *)(ethernet + 1);
	struct wire_nd *nd = (struct wire_nd *)(ip + 1);
	struct wire_nd_link *link = (struct wire_nd_link *)(nd + 1);
	const uint8_t *mac = advert->destination_mac ? advert->destination_mac : all_nodes_mac;
	const uint8_t *destination = advert->destination ? advert->destination : all_nodes;
	size_t size = sizeof(*nd) + sizeof(*link);
	uint32_t sum;

	memcpy(ethernet->destination, mac, sizeof(ethernet->destination));
	memcpy(ethernet->source, advert->mac, sizeof(ethernet->source));
	ethernet->type = be16_from(ETHER_IPV6);
	ip->version_class_label = be32_from(6u << 28);
	ip->payload_size = be16_from((uint16_t)size);
	ip->next_header = IPPROTO_ICMPV6;
	ip->hop_limit = 255;
	memcpy(ip->source, advert->target, sizeof(ip->source));
	memcpy(ip->destination, destination, sizeof(ip->destination));
	nd->type = ICMP6_ND_ADVERT;
	nd->code = 0;
	nd->checksum = 0;
	nd->flags = be32_from(advert->flags);
	memcpy(nd->target, advert->target, sizeof(nd->target));
	link->type = ND_OPTION_TARGET;
	link->size = 1;
	memcpy(link->mac, advert->mac, sizeof(link->mac));
	sum = nd_pseudo_sum(ip->source, ip->destination, size);
	nd->checksum = checksum_finish(checksum_add(sum, nd, size));
}
