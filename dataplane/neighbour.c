/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP and neighbour discovery for VIPs; see neighbour.h. */
#include "dataplane/neighbour.h"

#include "common/checksum.h"
#include "dataplane/nd_frame.h"

#define HOP_LIMIT_ND 255 /* Anything less has crossed a router (RFC 4861 7.1.1). */

bool
arp_is_announcement(const struct packet *packet, const struct parsed *parsed)
{
	const struct wire_arp *arp = (const struct wire_arp *)(packet->data + parsed->l3);

	return memcmp(arp->sender, arp->target, sizeof(arp->sender)) == 0;
}

enum verdict
arp_answer(struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6])
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)packet->data;
	struct wire_arp *arp = (struct wire_arp *)(packet->data + parsed->l3);
	uint8_t vip[4];

	if (be16_to(arp->operation) != ARP_REQUEST)
		return V_HOST;
	if (arp->sender_mac[0] & 1)
		return V_DROP_BAD_NEIGHBOUR;
	memcpy(vip, arp->target, sizeof(vip));
	arp->operation = be16_from(ARP_REPLY);
	memcpy(arp->target_mac, arp->sender_mac, sizeof(arp->target_mac));
	memcpy(arp->target, arp->sender, sizeof(arp->target));
	memcpy(arp->sender_mac, mac, sizeof(arp->sender_mac));
	memcpy(arp->sender, vip, sizeof(arp->sender));
	memcpy(ethernet->destination, arp->target_mac, sizeof(ethernet->destination));
	memcpy(ethernet->source, mac, sizeof(ethernet->source));
	return V_REPLY;
}

bool
nd_is_advert(const struct packet *packet, const struct parsed *parsed)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + parsed->l3);
	const struct wire_nd *nd = (const struct wire_nd *)(packet->data + parsed->l4);
	size_t size = (size_t)(parsed->end - parsed->l4);
	uint32_t sum = nd_pseudo_sum(ip->source, ip->destination, size);

	return ip->hop_limit == HOP_LIMIT_ND && nd->code == 0 &&
	       checksum_finish(checksum_add(sum, nd, size)) == 0;
}

static bool
is_unspecified(const uint8_t address[16])
{
	return (load64(address) | load64(address + 8)) == 0;
}

/* The last 3 bytes are the target's, before them ff02::1:ff (RFC 4291 2.7.1). */
static bool
is_solicited_node(const uint8_t address[16], const uint8_t target[16])
{
	static const uint8_t prefix[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	return memcmp(address, prefix, sizeof(prefix)) == 0 &&
	       memcmp(address + 13, target + 13, 3) == 0;
}

/* Goes through the options up to 'end'. Returns false if one is broken. */
static bool
options_valid(const uint8_t *at, const uint8_t *end, bool *has_source)
{
	*has_source = false;
	while (at < end) {
		size_t size;

		if (end - at < 8)
			return false;
		size = (size_t)at[1] * 8;
		if (size == 0 || size > (size_t)(end - at))
			return false;
		if (at[0] == ND_OPTION_SOURCE)
			*has_source = true;
		at += size;
	}
	return true;
}

/* All that RFC 4861 7.1.1 asks of a solicitation; parse() has looked at its size. */
static enum verdict
check_solicitation(const struct packet *packet, const struct parsed *parsed)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + parsed->l3);
	const struct wire_nd *nd = (const struct wire_nd *)(packet->data + parsed->l4);
	const uint8_t *end = packet->data + parsed->end;
	size_t size = (size_t)(parsed->end - parsed->l4);
	uint32_t sum;
	bool has_source;

	if (ip->hop_limit != HOP_LIMIT_ND || nd->code != 0 || nd->target[0] == 0xff ||
		ip->source[0] == 0xff)
		return V_DROP_BAD_NEIGHBOUR;
	if (!options_valid((const uint8_t *)(nd + 1), end, &has_source))
		return V_DROP_BAD_NEIGHBOUR;
	if (is_unspecified(ip->source) &&
		(has_source || !is_solicited_node(ip->destination, nd->target)))
		return V_DROP_BAD_NEIGHBOUR;
	sum = nd_pseudo_sum(ip->source, ip->destination, size);
	if (checksum_finish(checksum_add(sum, nd, size)) != 0)
		return V_DROP_BAD_CHECKSUM;
	return V_FORWARD;
}

enum verdict
nd_answer(struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6])
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)packet->data;
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + parsed->l3);
	enum verdict verdict = check_solicitation(packet, parsed);
	struct nd_advert advert = {.mac = mac, .flags = ND_FLAG_OVERRIDE};
	uint8_t source_mac[6], source[16];

	if (verdict != V_FORWARD)
		return verdict;
	if (packet->size + packet->tailroom < ND_ADVERT_SIZE)
		return V_DROP_NO_ROOM;
	memcpy(advert.target, parsed->target.address, sizeof(advert.target));
	/* Who asks without an address checks for duplicates: all nodes are told (7.2.4). */
	if (!is_unspecified(ip->source)) {
		memcpy(source_mac, ethernet->source, sizeof(source_mac));
		memcpy(source, ip->source, sizeof(source));
		if (source_mac[0] & 1)
			return V_DROP_BAD_NEIGHBOUR;
		advert.destination_mac = source_mac;
		advert.destination = source;
		advert.flags |= ND_FLAG_SOLICITED;
	}
	nd_advert_build(packet->data, &advert);
	if (packet->size > ND_ADVERT_SIZE) {
		packet->tailroom += (uint16_t)(packet->size - ND_ADVERT_SIZE);
	} else {
		packet->tailroom -= (uint16_t)(ND_ADVERT_SIZE - packet->size);
	}
	packet->size = ND_ADVERT_SIZE;
	return V_REPLY;
}
