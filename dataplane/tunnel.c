/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrapping packets; see tunnel.h. */
#include "dataplane/tunnel.h"

#include "common/checksum.h"
#include "dataplane/mss.h"
#include "dataplane/rewrite.h"

#include <stddef.h>

#define OUTER_TTL 64

#define LABEL_MASK 0xfffff

/* What the outer header takes from the inner one. */
struct inner {
	uint8_t *data;
	uint32_t size;
	uint8_t protocol; /* IPPROTO_IPIP or IPPROTO_IPV6. */
	uint8_t tos;      /* DSCP and ECN: RFC 6040 4.1, RFC 2983. */
	bool dont_fragment;
};

static struct inner
read_inner(const struct packet *packet, const struct parsed *parsed)
{
	struct inner inner = {
		.data = packet->data + parsed->l3,
		.size = (uint32_t)(parsed->end - parsed->l3),
	};

	if (parsed->target.family == ADDR_V4) {
		const struct wire_ipv4 *ip = (const struct wire_ipv4 *)inner.data;

		inner.protocol = IPPROTO_IPIP;
		inner.tos = ip->tos;
		inner.dont_fragment = be16_to(ip->fragment) & IPV4_DONT_FRAGMENT;
	} else {
		const struct wire_ipv6 *ip = (const struct wire_ipv6 *)inner.data;

		inner.protocol = IPPROTO_IPV6;
		inner.tos = (uint8_t)(be32_to(ip->version_class_label) >> 20);
	}
	return inner;
}

/* The flow's source address: of a prefix any but the first and the last, which on a network of
 * IPv4 would be its own and that of all. At most 32 bits differ. */
static void
write_source(uint8_t *to, const struct tunnel_source *source, uint64_t hash)
{
	unsigned int size = source->addr.family == ADDR_V6 ? 16 : 4;
	unsigned int bits = size * 8 - source->prefix;
	uint32_t low;

	if (size == 4) /* By constants, so that no call is made for it. */
		memcpy(to, source->addr.bytes, 4);
	else
		memcpy(to, source->addr.bytes, 16);
	if (bits == 0)
		return;
	low = hash_range((uint32_t)hash, (uint32_t)((UINT64_C(1) << (bits < 32 ? bits : 32)) - 2));
	low = htonl(low + 1) | load32(to + size - 4);
	memcpy(to + size - 4, &low, sizeof(low));
}

/* Whether all behind the IP header, which has no options, is one TCP segment or UDP datagram with
 * a checksum. */
static bool
has_checksum(const struct inner *inner, const struct parsed *parsed)
{
	const struct wire_udp *udp =
		(const struct wire_udp *)(inner->data + (parsed->l4 - parsed->l3));
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)inner->data;
	bool v4 = inner->protocol == IPPROTO_IPIP;
	size_t n_header = v4 ? sizeof(*ip) : sizeof(struct wire_ipv6);

	if (parsed->kind != PARSED_FLOW || parsed->l4 - parsed->l3 != (int)n_header ||
		(v4 && (be16_to(ip->fragment) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK))))
		return false;
	return parsed->l4_protocol == IPPROTO_TCP ||
	       (udp->checksum != be16_from(0) && be16_to(udp->size) == parsed->end - parsed->l4);
}

/* The sum of the inner packet. With a checksum inside, the sum of what that covers is known from
 * its pseudo-header and need not be read; damage done before stays detectable by either. */
static uint32_t
inner_sum(const struct inner *inner, const struct parsed *parsed)
{
	uint32_t n_l4 = (uint32_t)(parsed->end - parsed->l4);
	be32 words[2] = {be32_from(n_l4), be32_from(parsed->l4_protocol)};
	uint32_t pseudo;

	if (!has_checksum(inner, parsed))
		return checksum_add(0, inner->data, inner->size);
	pseudo = checksum_add(0, words, sizeof(words));
	if (inner->protocol == IPPROTO_IPIP)
		pseudo = checksum_add(pseudo, inner->data + offsetof(struct wire_ipv4, source), 8);
	else
		pseudo = checksum_add(pseudo, inner->data + offsetof(struct wire_ipv6, source), 32);
	return checksum_add((uint16_t)~pseudo, inner->data, inner->size - n_l4);
}

/* Writes UDP and GUE headers at 'at', all but the checksum. */
static void
write_gue(uint8_t *at, const struct tunnel_way *way, const struct inner *inner)
{
	struct wire_udp *udp = (struct wire_udp *)at;
	struct wire_gue *gue = (struct wire_gue *)(udp + 1);

	*udp = (struct wire_udp){
		.source_port = be16_from(TUNNEL_GUE_SOURCE(way->hash)),
		.destination_port = be16_from(way->tunnel->gue_port),
		.size = be16_from((uint16_t)(sizeof(*udp) + sizeof(*gue) + inner->size)),
	};
	*gue = (struct wire_gue){.protocol = inner->protocol};
}

/* RFC 8200 8.1: in IPv6 a UDP checksum is needed, and 0 is sent as its other form. */
static void
sum_gue(struct wire_ipv6 *ip, const struct inner *inner, const struct parsed *parsed)
{
	struct wire_udp *udp = (struct wire_udp *)(ip + 1);
	size_t n_headers = sizeof(*udp) + sizeof(struct wire_gue);
	be32 words[2] = {be32_from((uint32_t)(n_headers + inner->size)), be32_from(IPPROTO_UDP)};
	uint32_t sum = inner_sum(inner, parsed);

	sum = checksum_add(sum, ip->source, sizeof(ip->source));
	sum = checksum_add(sum, ip->destination, sizeof(ip->destination));
	sum = checksum_add(sum, words, sizeof(words));
	sum = checksum_add(sum, udp, n_headers);
	udp->checksum = checksum_finish(sum);
	if (udp->checksum == be16_from(0))
		udp->checksum = be16_from(0xffff);
}

/* Returns the ether type. */
static uint16_t
write_v4(uint8_t *at, struct tunnel_state *state, const struct tunnel_way *way,
	const struct inner *inner)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)at;
	uint32_t size = inner->size + tunnel_overhead(way->tunnel->type, ADDR_V4);

	*ip = (struct wire_ipv4){
		.version_ihl = 0x45,
		.tos = inner->tos,
		.total_size = be16_from((uint16_t)size),
		.ttl = OUTER_TTL,
		.protocol = way->tunnel->type == TUNNEL_GUE ? IPPROTO_UDP : inner->protocol,
	};
	/* An id only matters to fragments (RFC 6864 4.1). */
	if (inner->dont_fragment)
		ip->fragment = be16_from(IPV4_DONT_FRAGMENT);
	else
		ip->id = be16_from(++state->id);
	write_source(ip->source, tunnel_source_of(way->tunnel, ADDR_V4), way->hash >> 32);
	memcpy(ip->destination, way->backend->bytes, sizeof(ip->destination));
	ip->checksum = checksum_ipv4(ip);
	if (way->tunnel->type == TUNNEL_GUE)
		write_gue(at + sizeof(*ip), way, inner);
	return ETHER_IPV4;
}

static uint16_t
write_v6(uint8_t *at, const struct tunnel_way *way, const struct inner *inner,
	const struct parsed *parsed)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)at;
	uint32_t size =
		inner->size + tunnel_overhead(way->tunnel->type, ADDR_V6) - (uint32_t)sizeof(*ip);

	/* RFC 6438: the flow label tells flows apart where ports cannot be seen. */
	*ip = (struct wire_ipv6){
		.version_class_label = be32_from(6u << 28 | (uint32_t)inner->tos << 20 |
						 ((uint32_t)(way->hash >> 12) & LABEL_MASK)),
		.payload_size = be16_from((uint16_t)size),
		.next_header = way->tunnel->type == TUNNEL_GUE ? IPPROTO_UDP : inner->protocol,
		.hop_limit = OUTER_TTL,
	};
	write_source(ip->source, tunnel_source_of(way->tunnel, ADDR_V6), way->hash >> 32);
	memcpy(ip->destination, way->backend->bytes, sizeof(ip->destination));
	if (way->tunnel->type == TUNNEL_GUE) {
		write_gue(at + sizeof(*ip), way, inner);
		sum_gue(ip, inner, parsed);
	}
	return ETHER_IPV6;
}

struct tunnel_outer
tunnel_outer_of(const struct tunnel *tunnel)
{
	const struct tunnel_source *source = tunnel_source_of(tunnel, ADDR_V4);
	bool gue = tunnel->type == TUNNEL_GUE;
	uint8_t bits = source->prefix < 32 ? (uint8_t)(32 - source->prefix) : 0;

	return (struct tunnel_outer){
		.source = load32(source->addr.bytes),
		.n_sources = bits ? (uint32_t)((UINT64_C(1) << bits) - 2) : 0,
		.ttl_protocol = OUTER_TTL | (uint32_t)(gue ? IPPROTO_UDP : IPPROTO_IPIP) << 8,
		.overhead = tunnel_overhead(tunnel->type, ADDR_V4),
		.mtu = tunnel->mtu ? tunnel->mtu : UINT16_MAX,
		.gue_port = gue ? (BE_FORCE uint16_t)be16_from(tunnel->gue_port) : 0,
	};
}

enum verdict
tunnel_send(struct tunnel_state *state, const struct tunnel_way *way, struct packet *packet,
	const struct parsed *parsed)
{
	struct inner inner = read_inner(packet, parsed);
	uint32_t overhead = tunnel_overhead(way->tunnel->type, way->backend->family);
	uint32_t n_headers = overhead + (uint32_t)sizeof(struct wire_ethernet);
	uint32_t mtu = way->out->mtu;
	struct wire_ethernet *ethernet;
	uint16_t type;

	if (way->tunnel->mtu && way->tunnel->mtu < mtu)
		mtu = way->tunnel->mtu;
	if (inner.size + overhead > mtu)
		return too_big_answer(&state->too_big, packet, parsed,
			mtu > overhead ? mtu - overhead : 0, way->in, way->now_ns);
	if ((uint32_t)packet->headroom + parsed->l3 < n_headers)
		return V_DROP_NO_ROOM;
	if (rewrite_ttl(packet, parsed) != V_FORWARD)
		return V_DROP_TTL;
	if (way->mss && !parsed->fragment)
		mss_clamp(packet, parsed, way->mss);
	type = way->backend->family == ADDR_V6
		       ? write_v6(inner.data - overhead, way, &inner, parsed)
		       : write_v4(inner.data - overhead, state, way, &inner);
	ethernet = (struct wire_ethernet *)(inner.data - n_headers);
	rewrite_addresses(ethernet, way->hop, way->out);
	ethernet->type = be16_from(type);
	/* The frame's padding stays behind. */
	packet->headroom = (uint16_t)(packet->headroom + parsed->l3 - n_headers);
	packet->tailroom = (uint16_t)(packet->tailroom + packet->size - parsed->end);
	packet->data = inner.data - n_headers;
	packet->size = n_headers + inner.size;
	return V_FORWARD;
}
