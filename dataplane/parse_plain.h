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

/* What the TCP or UDP header at 'l4', of which 'room' bytes are the packet's, tells about its flow;
 * FLOW_SIGNAL_NONE if it is neither, or not whole. 20 bytes may be read. */
static inline enum flow_signal __attribute__((always_inline))
plain_signal(const uint8_t *l4, uint8_t protocol, uint32_t room)
{
	const struct wire_tcp *tcp = (const struct wire_tcp *)l4;
	const struct wire_udp *udp = (const struct wire_udp *)l4;
	uint32_t size;

	if (protocol == IPPROTO_TCP) {
		size = (tcp->offset >> 4) * 4u;
		return size >= sizeof(*tcp) && size <= room ? parse_tcp_signal(tcp->flags)
							    : FLOW_SIGNAL_NONE;
	}
	size = be16_to(udp->size);
	return protocol == IPPROTO_UDP && size >= sizeof(*udp) && size <= room ? FLOW_SIGNAL_UDP
									       : FLOW_SIGNAL_NONE;
}

/* All of 'out' but the addresses. By whole words, for the reason given at struct flow_key. */
static inline void
plain_set(struct parsed *out, const uint8_t *l4, uint8_t protocol, enum flow_signal signal,
	uint8_t family)
{
	uint32_t ports = load32(l4);
	uint64_t l4_offset = family == ADDR_V4 ? PLAIN4_L4 : PLAIN6_L4;

	out->target.rest = service_key_rest((uint16_t)(ports >> 16), protocol, family);
	out->target.zero = 0;
	out->key.rest = flow_key_rest(ports, 0, protocol, family);
	out->what = PARSED_FLOW | (uint64_t)signal << 8 | (uint64_t)protocol << 24 |
		    (uint64_t)PLAIN_L3 << 32 | l4_offset << 48;
}

static inline bool __attribute__((always_inline))
plain4(const struct packet *packet, struct parsed *out)
{
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(packet->data + PLAIN_L3);
	const uint8_t *l4 = packet->data + PLAIN4_L4;
	uint32_t total = be16_to(ip->total_size);
	enum flow_signal signal;

	/* 4 and 5 words; neither an offset nor more fragments. */
	if (ip->version_ihl != 0x45 ||
		be16_to(ip->fragment) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK) ||
		total < sizeof(*ip) || total > packet->size - PLAIN_L3)
		return false;
	signal = plain_signal(l4, ip->protocol, total - (uint32_t)sizeof(*ip));
	if (signal == FLOW_SIGNAL_NONE ||
		(!(packet->flags & PACKET_CHECKSUM_GOOD) && be16_to(checksum_ipv4(ip)) != 0))
		return false;
	out->target.address_words[0] = load32(ip->destination);
	out->target.address_words[1] = 0;
	out->key.client_words[0] = load32(ip->source);
	out->key.client_words[1] = 0;
	out->where = PLAIN_L3 + total;
	plain_set(out, l4, ip->protocol, signal, ADDR_V4);
	return true;
}

static inline bool
plain6(const struct packet *packet, struct parsed *out)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + PLAIN_L3);
	const uint8_t *l4 = packet->data + PLAIN6_L4;
	uint32_t payload = be16_to(ip->payload_size);
	enum flow_signal signal;

	if (packet->size < PLAIN6_L4 + sizeof(struct wire_tcp) ||
		be32_to(ip->version_class_label) >> 28 != 6 || payload > packet->size - PLAIN6_L4)
		return false;
	signal = plain_signal(l4, ip->next_header, payload);
	if (signal == FLOW_SIGNAL_NONE)
		return false;
	memcpy(out->target.address, ip->destination, sizeof(ip->destination));
	memcpy(out->key.client, ip->source, sizeof(ip->source));
	out->where = PLAIN6_L4 + payload;
	plain_set(out, l4, ip->next_header, signal, ADDR_V6);
	return true;
}

/* Returns whether the packet is as said above; if not, 'out' is not set. */
static inline bool __attribute__((always_inline))
parse_plain(const struct packet *packet, struct parsed *out)
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)packet->data;

	/* Headers of 20 bytes fit, and so does every length into the 16 bits of 'end'. */
	if (packet->size < PLAIN4_L4 + sizeof(struct wire_tcp) || packet->size > UINT16_MAX)
		return false;
	if (be16_to(ethernet->type) == ETHER_IPV4)
		return plain4(packet, out);
	return be16_to(ethernet->type) == ETHER_IPV6 && plain6(packet, out);
}

#endif /* DATAPLANE_PARSE_PLAIN_H */
