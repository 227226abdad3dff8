/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator's station; see station.h. */
#include "dataplane/pktgen/station.h"

#include "common/checksum.h"
#include "dataplane/icmp.h"
#include "dataplane/nd_frame.h"
#include "dataplane/neighbour.h"
#include "dataplane/parse.h"

#include <assert.h>

#define HARDWARE_ETHERNET 1 /* RFC 826 */

static bool
plays(const struct station *station, const struct service_key *target)
{
	struct addr addr = {.family = target->family};

	if (target->family == ADDR_NONE)
		return false;
	memcpy(addr.bytes, target->address, addr_size(&addr));
	for (size_t i = 0; i < station->n_ranges; i++) {
		if (range_has(&station->ranges[i], &addr))
			return true;
	}
	return false;
}

bool
station_answer(const struct station *station, struct packet *packet, const uint8_t mac[6])
{
	struct parsed parsed;

	parse(packet, &parsed);
	if (!plays(station, &parsed.target))
		return false;
	switch ((enum parsed_kind)parsed.kind) {
	case PARSED_ARP:
		return !arp_is_announcement(packet, &parsed) &&
		       arp_answer(packet, &parsed, mac) == V_REPLY;
	case PARSED_ND_SOLICIT:
		return nd_answer(packet, &parsed, mac) == V_REPLY;
	case PARSED_ECHO:
		return icmp_echo_answer(packet, &parsed, mac) == V_REPLY;
	case PARSED_FLOW:
	case PARSED_ICMP_ERROR:
	case PARSED_ND_ADVERT:
	case PARSED_FRAGMENT:
	case PARSED_ICMP:
	case PARSED_IP:
	case PARSED_OTHER:
	case PARSED_BAD:
		break;
	}
	return false;
}

static size_t
ask_arp(const struct addr *from, const struct addr *target, const uint8_t mac[6], uint8_t *frame)
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)frame;
	struct wire_arp *arp = (struct wire_arp *)(ethernet + 1);

	memset(ethernet->destination, 0xff, sizeof(ethernet->destination));
	ethernet->type = be16_from(ETHER_ARP);
	*arp = (struct wire_arp){
		.hardware = be16_from(HARDWARE_ETHERNET),
		.protocol = be16_from(ETHER_IPV4),
		.hardware_size = 6,
		.protocol_size = 4,
		.operation = be16_from(ARP_REQUEST),
	};
	memcpy(arp->sender_mac, mac, sizeof(arp->sender_mac));
	memcpy(arp->sender, from->bytes, sizeof(arp->sender));
	memcpy(arp->target, target->bytes, sizeof(arp->target));
	return sizeof(*ethernet) + sizeof(*arp);
}

/* RFC 4861 7.2.2, to the solicited-node group of RFC 4291 2.7.1. */
static size_t
ask_nd(const struct addr *from, const struct addr *target, const uint8_t mac[6], uint8_t *frame)
{
	static const uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
	struct wire_ethernet *ethernet = (struct wire_ethernet *)frame;
	struct wire_ipv6 *ip = (struct wire_ipv6 *)(ethernet + 1);
	struct wire_nd *nd = (struct wire_nd *)(ip + 1);
	struct wire_nd_link *link = (struct wire_nd_link *)(nd + 1);
	size_t size = sizeof(*nd) + sizeof(*link);
	uint32_t sum;

	ethernet->type = be16_from(ETHER_IPV6);
	*ip = (struct wire_ipv6){
		.version_class_label = be32_from(6u << 28),
		.payload_size = be16_from((uint16_t)size),
		.next_header = IPPROTO_ICMPV6,
		.hop_limit = 255,
	};
	memcpy(ip->source, from->bytes, sizeof(ip->source));
	memcpy(ip->destination, group, sizeof(group));
	memcpy(ip->destination + 13, target->bytes + 13, 3);
	memset(ethernet->destination, 0x33, 2);
	memcpy(ethernet->destination + 2, ip->destination + 12, 4);
	*nd = (struct wire_nd){.type = ICMP6_ND_SOLICIT};
	memcpy(nd->target, target->bytes, sizeof(nd->target));
	*link = (struct wire_nd_link){.type = ND_OPTION_SOURCE, .size = 1};
	memcpy(link->mac, mac, sizeof(link->mac));
	sum = nd_pseudo_sum(ip->source, ip->destination, size);
	nd->checksum = checksum_finish(checksum_add(sum, nd, size));
	return sizeof(*ethernet) + sizeof(*ip) + size;
}

const struct addr *
station_address(const struct station *station, enum addr_family family)
{
	for (size_t i = 0; i < station->n_ranges; i++) {
		if (station->ranges[i].first.family == family)
			return &station->ranges[i].first;
	}
	return NULL;
}

size_t
station_ask(const struct station *station, const struct addr *target, const uint8_t mac[6],
	uint8_t *frame)
{
	const struct addr *from = station_address(station, (enum addr_family)target->family);

	assert(from);
	memcpy(((struct wire_ethernet *)frame)->source, mac, 6);
	return target->family == ADDR_V4 ? ask_arp(from, target, mac, frame)
					 : ask_nd(from, target, mac, frame);
}

static bool
learn_arp(const struct packet *packet, const struct parsed *parsed, const struct addr *target,
	uint8_t mac[6])
{
	const struct wire_arp *arp = (const struct wire_arp *)(packet->data + parsed->l3);

	if (target->family != ADDR_V4 ||
		memcmp(arp->sender, target->bytes, sizeof(arp->sender)) != 0 ||
		(arp->sender_mac[0] & 1))
		return false;
	memcpy(mac, arp->sender_mac, 6);
	return true;
}

/* An advertisement (RFC 4861 4.4) whose first option is the target's address, as those to a
 * question by multicast must have it. */
static bool
learn_nd(const struct packet *packet, const struct parsed *parsed, const struct addr *target,
	uint8_t mac[6])
{
	const struct wire_nd *nd = (const struct wire_nd *)(packet->data + parsed->l4);
	const struct wire_nd_link *link = (const struct wire_nd_link *)(nd + 1);

	if (target->family != ADDR_V6 ||
		(size_t)(parsed->end - parsed->l4) < sizeof(*nd) + sizeof(*link) ||
		nd->type != ICMP6_ND_ADVERT ||
		memcmp(nd->target, target->bytes, sizeof(nd->target)) != 0 ||
		link->type != ND_OPTION_TARGET || (link->mac[0] & 1))
		return false;
	memcpy(mac, link->mac, 6);
	return true;
}

bool
station_learn(const struct packet *packet, const struct addr *target, uint8_t mac[6])
{
	struct parsed parsed;

	parse(packet, &parsed);
	if (parsed.kind == PARSED_ARP)
		return learn_arp(packet, &parsed, target, mac);
	return parsed.kind == PARSED_ND_ADVERT && learn_nd(packet, &parsed, target, mac);
}
