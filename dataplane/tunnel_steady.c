/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrapping what most packets are; see tunnel_steady.h. */
#include "dataplane/tunnel_steady.h"

#include "dataplane/patch.h"
#include "dataplane/rewrite.h"

#include <byteswap.h>

/* What goes in front of an IPv4 packet, as words of 32 bits on the wire. */
#define OUTER_VERSION_IHL 0x45u
#define OUTER_TOS_MASK 0xff00u
#define OUTER_DONT_FRAGMENT (0x40u << 16)
#define OUTER_GUE ((uint32_t)IPPROTO_IPIP << 8) /* Variant 0 and no flags around it. */

/* The outer source address: where it differs from flow to flow, it is any
 * but the first and the last of its network. */
static inline uint32_t
source_of(const struct tunnel_outer *outer, uint64_t hash)
{
	if (outer->n_sources == 0)
		return outer->source;
	return outer->source | bswap_32(hash_range((uint32_t)(hash >> 32), outer->n_sources) + 1);
}

/* The header of an IPv4 packet of 'size' bytes; 'tos_word' is the first word of the inner one. */
static inline void
put_ipv4(uint8_t *at, const struct tunnel_outer *outer, uint32_t tos_word, uint32_t id,
	uint32_t size, const uint32_t ends[static 2])
{
	uint32_t first = OUTER_VERSION_IHL | (tos_word & OUTER_TOS_MASK) |
			 (uint32_t)bswap_16((uint16_t)size) << 16;
	uint64_t sum = (uint64_t)first + id + outer->ttl_protocol + ends[0] + ends[1];
	uint32_t third = outer->ttl_protocol | (uint32_t)patch_fold(sum) << 16;

	store64(at, first | (uint64_t)id << 32);
	store64(at + 8, third | (uint64_t)ends[0] << 32);
	store32(at + 16, ends[1]);
}

static inline void
put_gue(uint8_t *at, const struct tunnel_outer *outer, uint32_t size, uint64_t hash)
{
	uint16_t source = TUNNEL_GUE_SOURCE((uint16_t)hash);

	store32(at, (uint32_t)bswap_16(source) | (uint32_t)outer->gue_port << 16);
	store64(at + 4, bswap_16((uint16_t)size) | (uint64_t)OUTER_GUE << 32);
}

bool
tunnel_steady(const struct burst *burst, struct packet *packet, const struct work *work,
	uint16_t backend, const struct nexthop *hop)
{
	const struct snapshot *snapshot = burst->snapshot;
	const struct tunnel_outer *outer = &snapshot->path_encaps[work->service->service].outer;
	const struct port_info *out = &burst->pipeline->local.ports->ports[hop->port];
	const struct addr *to = &snapshot->path_addrs[backend];
	const struct parsed *parsed = &work->parsed;
	const uint32_t ends[2] = {source_of(outer, work->hash), load32(to->bytes)};
	uint8_t *inner = packet->data + sizeof(struct wire_ethernet);
	uint32_t overhead = outer->overhead;
	uint32_t size = parsed->end - (uint32_t)sizeof(struct wire_ethernet) + overhead;
	uint8_t *at = inner - overhead;
	uint32_t id = OUTER_DONT_FRAGMENT;

	/* A SYN may have its MSS clamped; what is too big is answered. */
	if (parsed->key.family != ADDR_V4 || to->family != ADDR_V4 ||
		parsed->l3 != sizeof(struct wire_ethernet) || parsed->signal == FLOW_SIGNAL_SYN ||
		size > out->mtu || size > outer->mtu || packet->headroom < overhead ||
		rewrite_ttl(packet, parsed) != V_FORWARD)
		return false;
	/* An id only matters to fragments (RFC 6864 4.1). */
	if (!(load32(inner + 4) & OUTER_DONT_FRAGMENT))
		id = bswap_16(++burst->pipeline->tunnel.id);
	put_ipv4(at, outer, load32(inner), id, size, ends);
	if (outer->gue_port)
		put_gue(at + sizeof(struct wire_ipv4), outer,
			size - (uint32_t)sizeof(struct wire_ipv4), work->hash);
	packet->data = at - sizeof(struct wire_ethernet);
	rewrite_addresses(packet->data, hop, out);
	((struct wire_ethernet *)packet->data)->type = be16_from(ETHER_IPV4);
	/* The frame's padding stays behind. */
	packet->headroom = (uint16_t)(packet->headroom - overhead);
	packet->tailroom = (uint16_t)(packet->tailroom + packet->size - parsed->end);
	packet->size = (uint32_t)sizeof(struct wire_ethernet) + size;
	return true;
}
