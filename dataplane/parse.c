/* SPDX-License-Identifier: BSD-3-Clause */
/* Header parsing; see parse.h.
 *
 * 'end' is where the bytes that may be read stop: first the frame's end, then the IP packet's. A
 * header is only looked at after room() has said that it is there whole. */
#include "dataplane/parse.h"

#include "common/checksum.h"
#include "dataplane/ipext.h"

#include <stdbool.h>

static_assert(N_VERDICTS_ALL <= 256, "a problem is kept in a byte");

/* ICMP error messages carry at least 8 bytes of what was behind the inner IP header (RFC 792). */
#define INNER_L4_MIN 8

/* What parsers return when nothing is wrong. */
#define FINE V_FORWARD

static bool
room(const struct parsed *p, uint32_t offset, uint32_t size)
{
	return offset + size <= p->end;
}

static void
set_family(struct parsed *p, uint8_t family)
{
	p->target.rest = service_key_rest(0, 0, family);
	p->key.rest = flow_key_rest(0, 0, 0, family);
}

/* Sets the ports and the protocol of a flow; 'ports' as flow_key_rest() takes them. */
static void
set_ports(struct parsed *p, uint32_t ports, uint8_t protocol, uint8_t family)
{
	p->target.rest = service_key_rest((uint16_t)(ports >> 16), protocol, family);
	p->key.rest = flow_key_rest(ports, 0, protocol, family);
}

static enum verdict
parse_tcp(const uint8_t *data, struct parsed *p)
{
	const struct wire_tcp *tcp = (const struct wire_tcp *)(data + p->l4);
	uint32_t size;

	if (!room(p, p->l4, sizeof(*tcp)))
		return V_DROP_TRUNCATED_L4;
	size = (tcp->offset >> 4) * 4u;
	if (size < sizeof(*tcp))
		return V_DROP_BAD_TCP;
	if (!room(p, p->l4, size))
		return V_DROP_TRUNCATED_L4;
	p->kind = PARSED_FLOW;
	p->signal = (uint8_t)parse_tcp_signal(tcp->flags);
	return FINE;
}

static enum verdict
parse_udp(const uint8_t *data, struct parsed *p)
{
	const struct wire_udp *udp = (const struct wire_udp *)(data + p->l4);
	uint32_t size;

	if (!room(p, p->l4, sizeof(*udp)))
		return V_DROP_TRUNCATED_L4;
	size = be16_to(udp->size);
	if (size < sizeof(*udp))
		return V_DROP_BAD_UDP;
	/* A first fragment has only the begin of its datagram. */
	if (!room(p, p->l4, size) && !p->fragment)
		return V_DROP_TRUNCATED_L4;
	p->kind = PARSED_FLOW;
	p->signal = FLOW_SIGNAL_UDP;
	return FINE;
}

/* The packet that an ICMP error is about was sent by a backend in the VIP's name: its source is
 * the VIP and its destination the client. Both protocols have their ports first. */
static enum verdict
set_inner_flow(const uint8_t *data, uint32_t l4, uint8_t protocol, struct parsed *p)
{
	uint32_t ports;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return FINE;
	if (!room(p, l4, INNER_L4_MIN))
		return V_DROP_ICMP_INNER;
	p->kind = PARSED_ICMP_ERROR;
	p->signal = FLOW_SIGNAL_NONE;
	p->inner_l4 = (uint16_t)l4;
	ports = load32(data + l4);
	set_ports(p, ports << 16 | ports >> 16, protocol, p->key.family);
	return FINE;
}

static enum verdict
parse_icmp4_error(const uint8_t *data, struct parsed *p)
{
	uint32_t at = p->l4 + (uint32_t)sizeof(struct wire_icmp);
	const struct wire_ipv4 *inner = (const struct wire_ipv4 *)(data + at);
	uint32_t size;

	if (!room(p, at, sizeof(*inner)))
		return V_DROP_ICMP_INNER;
	size = (inner->version_ihl & 15) * 4u;
	if (inner->version_ihl >> 4 != 4 || size < sizeof(*inner))
		return V_DROP_ICMP_INNER;
	/* Sent by another than the VIP it is not ours to tell. */
	if (memcmp(inner->source, p->target.address, sizeof(inner->source)) != 0)
		return FINE;
	if (be16_to(inner->fragment) & IPV4_OFFSET_MASK)
		return V_DROP_ICMP_FRAGMENT;
	memset(p->key.client, 0, sizeof(p->key.client));
	memcpy(p->key.client, inner->destination, sizeof(inner->destination));
	return set_inner_flow(data, at + size, inner->protocol, p);
}

static enum verdict
parse_icmp4(const uint8_t *data, struct parsed *p)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)(data + p->l4);

	p->kind = PARSED_ICMP;
	if (!room(p, p->l4, sizeof(*icmp)))
		return V_DROP_TRUNCATED_L4;
	switch (icmp->type) {
	case ICMP4_ECHO:
		p->kind = PARSED_ECHO;
		return FINE;
	case ICMP4_UNREACHABLE:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		return parse_icmp4_error(data, p);
	default:
		return FINE;
	}
}

static enum verdict
parse_icmp6_error(const uint8_t *data, struct parsed *p)
{
	uint32_t at = p->l4 + (uint32_t)sizeof(struct wire_icmp);
	const struct wire_ipv6 *inner = (const struct wire_ipv6 *)(data + at);
	struct ipext walk = {.end = p->end, .offset = at + (uint32_t)sizeof(*inner)};

	if (!room(p, at, sizeof(*inner)) || be32_to(inner->version_class_label) >> 28 != 6)
		return V_DROP_ICMP_INNER;
	if (memcmp(inner->source, p->target.address, sizeof(inner->source)) != 0)
		return FINE;
	walk.protocol = inner->next_header;
	if (ipext_walk(data, &walk) != FINE)
		return V_DROP_ICMP_INNER;
	if (walk.later)
		return V_DROP_ICMP_FRAGMENT;
	memcpy(p->key.client, inner->destination, sizeof(inner->destination));
	return set_inner_flow(data, walk.offset, walk.protocol, p);
}

static enum verdict
parse_nd(const uint8_t *data, enum parsed_kind kind, struct parsed *p)
{
	const struct wire_nd *nd = (const struct wire_nd *)(data + p->l4);

	if (!room(p, p->l4, sizeof(*nd)))
		return V_DROP_TRUNCATED_L4;
	p->kind = (uint8_t)kind;
	memcpy(p->target.address, nd->target, sizeof(nd->target));
	return FINE;
}

static enum verdict
parse_icmp6(const uint8_t *data, struct parsed *p)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)(data + p->l4);

	p->kind = PARSED_ICMP;
	if (!room(p, p->l4, sizeof(*icmp)))
		return V_DROP_TRUNCATED_L4;
	if (icmp->type == ICMP6_ND_SOLICIT)
		return parse_nd(data, PARSED_ND_SOLICIT, p);
	if (icmp->type == ICMP6_ND_ADVERT)
		return parse_nd(data, PARSED_ND_ADVERT, p);
	if (icmp->type >= ICMP6_UNREACHABLE && icmp->type <= ICMP6_PARAMETER)
		return parse_icmp6_error(data, p);
	if (icmp->type == ICMP6_ECHO)
		p->kind = PARSED_ECHO;
	return FINE;
}

/* The upper layer of either family; 'icmp' is the family's own ICMP. */
static enum verdict
parse_l4(const uint8_t *data, struct parsed *p, uint8_t icmp,
	enum verdict (*parse_icmp)(const uint8_t *, struct parsed *))
{
	uint8_t protocol = p->l4_protocol;
	enum verdict problem;

	if (protocol == IPPROTO_TCP)
		problem = parse_tcp(data, p);
	else if (protocol == IPPROTO_UDP)
		problem = parse_udp(data, p);
	else if (protocol == icmp)
		return parse_icmp(data, p);
	else
		return FINE;
	if (problem == FINE)
		set_ports(p, load32(data + p->l4), protocol, p->key.family);
	return problem;
}

/* A fragment: the first one must have the whole upper layer header (RFC 1858 3.2.1, 3128, 8200
 * 4.5), the others must keep off it. Whether IPv6's later ones are of TCP or UDP only their first
 * one knows for sure. */
static enum verdict
parse_fragment(const uint8_t *data, struct parsed *p)
{
	uint8_t protocol = p->l4_protocol;
	enum verdict problem;

	if (!p->headless) {
		if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
			return V_DROP_FRAGMENT;
		problem = protocol == IPPROTO_TCP ? parse_tcp(data, p) : parse_udp(data, p);
		if (problem == FINE)
			set_ports(p, load32(data + p->l4), protocol, p->key.family);
		else
			return problem == V_DROP_TRUNCATED_L4 ? V_DROP_FRAGMENT_TINY : problem;
	} else if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
		   (p->target.family == ADDR_V4 || !ipext_is_header(protocol))) {
		return V_DROP_FRAGMENT;
	}
	p->kind = PARSED_FRAGMENT;
	return FINE;
}

static bool
checksum_good(const struct wire_ipv4 *ip, uint32_t size)
{
	return checksum_finish(checksum_add(0, ip, size)) == 0;
}

static enum verdict
parse_ipv4(const struct packet *packet, struct parsed *p)
{
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(packet->data + p->l3);
	uint32_t size, total;
	enum verdict problem;

	if (!room(p, p->l3, sizeof(*ip)))
		return V_DROP_TRUNCATED;
	set_family(p, ADDR_V4);
	p->target.address_words[0] = load32(ip->destination);
	p->key.client_words[0] = load32(ip->source);
	size = (ip->version_ihl & 15) * 4u;
	total = be16_to(ip->total_size);
	if (ip->version_ihl >> 4 != 4 || size < sizeof(*ip) || total < size)
		return V_DROP_BAD_HEADER;
	if (!room(p, p->l3, total))
		return V_DROP_TRUNCATED;
	if (!(packet->flags & PACKET_CHECKSUM_GOOD) && !checksum_good(ip, size))
		return V_DROP_BAD_CHECKSUM;
	p->end = (uint16_t)(p->l3 + total);
	p->l4 = (uint16_t)(p->l3 + size);
	p->l4_protocol = ip->protocol;
	if (size > sizeof(*ip)) {
		problem = ipext_check_options((const uint8_t *)(ip + 1), size - sizeof(*ip));
		if (problem != FINE)
			return problem;
	}
	if (be16_to(ip->fragment) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) {
		p->fragment = p->l3;
		p->headless = be16_to(ip->fragment) & IPV4_OFFSET_MASK;
		return parse_fragment(packet->data, p);
	}
	p->kind = PARSED_IP;
	return parse_l4(packet->data, p, IPPROTO_ICMP, parse_icmp4);
}

/* Extension headers of an IPv6 packet, and whatever is behind them. */
static enum verdict
parse_extensions(const uint8_t *data, struct parsed *p)
{
	struct ipext walk = {.end = p->end, .offset = p->l4, .protocol = p->l4_protocol};
	enum verdict problem = ipext_walk(data, &walk);

	p->l4 = (uint16_t)walk.offset;
	p->l4_protocol = walk.protocol;
	p->fragment = (uint16_t)walk.fragment;
	p->headless = walk.later;
	if (problem == V_DROP_TRUNCATED && walk.fragment)
		return V_DROP_FRAGMENT_TINY; /* RFC 7112 5 */
	if (problem != FINE)
		return problem;
	if (walk.fragment)
		return parse_fragment(data, p);
	p->kind = PARSED_IP;
	return parse_l4(data, p, IPPROTO_ICMPV6, parse_icmp6);
}

static enum verdict
parse_ipv6(const struct packet *packet, struct parsed *p)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + p->l3);
	uint32_t l4 = p->l3 + (uint32_t)sizeof(*ip);

	if (!room(p, p->l3, sizeof(*ip)))
		return V_DROP_TRUNCATED;
	set_family(p, ADDR_V6);
	memcpy(p->target.address, ip->destination, sizeof(ip->destination));
	memcpy(p->key.client, ip->source, sizeof(ip->source));
	if (be32_to(ip->version_class_label) >> 28 != 6)
		return V_DROP_BAD_HEADER;
	if (!room(p, l4, be16_to(ip->payload_size)))
		return V_DROP_TRUNCATED;
	p->end = (uint16_t)(l4 + be16_to(ip->payload_size));
	p->l4 = (uint16_t)l4;
	p->l4_protocol = ip->next_header;
	if (ipext_is_header(ip->next_header)) {
		/* Only a jumbogram's hop-by-hop options follow a size of 0 (RFC 2675 3). */
		if (be16_to(ip->payload_size) == 0 && ip->next_header == IPPROTO_HOPOPTS)
			return V_DROP_JUMBO;
		return parse_extensions(packet->data, p);
	}
	p->kind = PARSED_IP;
	return parse_l4(packet->data, p, IPPROTO_ICMPV6, parse_icmp6);
}

static enum verdict
parse_arp(const struct packet *packet, struct parsed *p)
{
	const struct wire_arp *arp = (const struct wire_arp *)(packet->data + p->l3);

	if (!room(p, p->l3, sizeof(*arp)))
		return V_DROP_TRUNCATED;
	if (be16_to(arp->hardware) != 1 || be16_to(arp->protocol) != ETHER_IPV4 ||
		arp->hardware_size != 6 || arp->protocol_size != 4)
		return FINE; /* Not of these networks: PARSED_OTHER. */
	p->kind = PARSED_ARP;
	set_family(p, ADDR_V4);
	memcpy(p->target.address, arp->target, sizeof(arp->target));
	memcpy(p->key.client, arp->sender, sizeof(arp->sender));
	return FINE;
}

static enum verdict
parse_ethernet(const struct packet *packet, struct parsed *p)
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)packet->data;

	if (!room(p, 0, sizeof(*ethernet)))
		return V_DROP_TRUNCATED;
	p->l3 = sizeof(*ethernet);
	switch (be16_to(ethernet->type)) {
	case ETHER_IPV4:
		return parse_ipv4(packet, p);
	case ETHER_IPV6:
		return parse_ipv6(packet, p);
	case ETHER_ARP:
		return parse_arp(packet, p);
	default:
		return FINE;
	}
}

void
parse(const struct packet *packet, struct parsed *out)
{
	enum verdict problem;

	memset(out, 0, sizeof(*out));
	out->kind = PARSED_OTHER;
	/* No IP packet is larger, and offsets have 16 bits. */
	out->end = packet->size < UINT16_MAX ? (uint16_t)packet->size : UINT16_MAX;
	problem = parse_ethernet(packet, out);
	if (problem != FINE) {
		out->kind = PARSED_BAD;
		out->problem = (uint8_t)problem;
	}
}
