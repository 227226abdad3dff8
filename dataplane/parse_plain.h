/* SPDX-License-Identifier: BSD-3-Clause */
/* The quick way through parse() for the packets that most packets are: untagged, IPv4 without
 * options or IPv6 without extension headers, whole, TCP or UDP. Whatever is not so, or is not as it
 * should be, is left to parse(), which alone says what is wrong. Both give the same answer. */
#ifndef DATAPLANE_PARSE_PLAIN_H
#define DATAPLANE_PARSE_PLAIN_H

#include "common/checksum.h"
#include "dataplane/parse.h"

/* The offsets are constants, so that all lengths are compared with constants as well. */
#define PLAIN_L3 ((uint32_t)sizeof(struct wire_ethernet))
#define PLAIN4_L4 (PLAIN_L3 + (uint32_t)sizeof(struct wire_ipv4))
#define PLAIN6_L4 (PLAIN_L3 + (uint32_t)sizeof(struct wire_ipv6))

/* All of 'out' but the addresses and the end, whose protocol and family are constants. By whole
 * words, for the reason given at struct flow_key. */
static inline void __attribute__((always_inline)) plain_set(struct parsed *out, const uint8_t *l4,
	uint8_t protocol, enum flow_signal signal, uint8_t family)
{
	uint32_t ports = load32(l4);
	uint64_t l4_offset = family == ADDR_V4 ? PLAIN4_L4 : PLAIN6_L4;

	out->target.rest = service_key_rest((uint16_t)(ports >> 16), protocol, family);
	out->target.beside = 0;
	out->key.rest = flow_key_rest(ports, 0, protocol, family);
	out->what = PARSED_FLOW | (uint64_t)signal << 8 | (uint64_t)protocol << 24 |
		    (uint64_t)PLAIN_L3 << 32 | l4_offset << 48;
}

/* The same with what the TCP or UDP header at 'l4', of which 'room' bytes are the packet's, says;
 * false if it is neither, or not whole. 20 bytes may be read. */
static inline bool __attribute__((always_inline))
plain_l4(struct parsed *out, const uint8_t *l4, uint8_t protocol, int32_t room, uint8_t family)
{
	const struct wire_tcp *tcp = (const struct wire_tcp *)l4;
	const struct wire_udp *udp = (const struct wire_udp *)l4;
	int32_t size;

	if (__builtin_expect(protocol == IPPROTO_TCP, 1)) {
		size = tcp->offset >> 2 & ~3; /* Words of 4 bytes, in the upper half of it. */
		if (size < (int32_t)sizeof(*tcp) || size > room)
			return false;
		plain_set(out, l4, IPPROTO_TCP, parse_tcp_signal(tcp->flags), family);
		return true;
	}
	size = be16_to(udp->size);
	if (protocol != IPPROTO_UDP || size < (int32_t)sizeof(*udp) || size > room)
		return false;
	plain_set(out, l4, IPPROTO_UDP, FLOW_SIGNAL_UDP, family);
	return true;
}

static inline bool __attribute__((always_inline))
plain4(const struct packet *packet, struct parsed *out)
{
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(packet->data + PLAIN_L3);
	int32_t total = be16_to(ip->total_size);

	/* 4 and 5 words; neither an offset nor more fragments. */
	if (ip->version_ihl != 0x45 ||
		(ip->fragment & be16_from(IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) ||
		total > (int32_t)(packet->size - PLAIN_L3) ||
		(!(packet->flags & PACKET_CHECKSUM_GOOD) && !checksum_ipv4_is_good(ip)))
		return false;
	out->target.address_words[0] = load32(ip->destination);
	out->target.address_words[1] = 0;
	out->key.client_words[0] = load32(ip->source);
	out->key.client_words[1] = 0;
	out->where = PLAIN_L3 + (uint32_t)total;
	return plain_l4(
		out, packet->data + PLAIN4_L4, ip->protocol, total - (int32_t)sizeof(*ip), ADDR_V4);
}

static inline bool __attribute__((always_inline))
plain6(const struct packet *packet, struct parsed *out)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + PLAIN_L3);
	int32_t payload = be16_to(ip->payload_size);

	if (packet->size < PLAIN6_L4 + sizeof(struct wire_tcp) ||
		(packet->data[PLAIN_L3] >> 4) != 6 || payload > (int32_t)(packet->size - PLAIN6_L4))
		return false;
	memcpy(out->target.address, ip->destination, sizeof(ip->destination));
	memcpy(out->key.client, ip->source, sizeof(ip->source));
	out->where = PLAIN6_L4 + (uint32_t)payload;
	return plain_l4(out, packet->data + PLAIN6_L4, ip->next_header, payload, ADDR_V6);
}

/* Headers of 20 bytes fit, and so does every length into the 16 bits of 'end'. */
static inline bool
plain_size(const struct packet *packet)
{
	return packet->size >= PLAIN4_L4 + sizeof(struct wire_tcp) && packet->size <= UINT16_MAX;
}

/* The family of the packet if it is as said above, ADDR_NONE if not: then 'out' is not set. */
static inline uint8_t __attribute__((always_inline))
parse_plain(const struct packet *packet, struct parsed *out)
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)packet->data;

	if (!plain_size(packet))
		return ADDR_NONE;
	if (ethernet->type == be16_from(ETHER_IPV4))
		return plain4(packet, out) ? ADDR_V4 : ADDR_NONE;
	return ethernet->type == be16_from(ETHER_IPV6) && plain6(packet, out) ? ADDR_V6 : ADDR_NONE;
}

#endif /* DATAPLANE_PARSE_PLAIN_H */
