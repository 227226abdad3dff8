/* SPDX-License-Identifier: BSD-3-Clause */
/* Translating what most packets are; see nat_steady.h. Of IPv4 addresses, ports and checksums are
 * changed here, each once and by whole words; see patch.h for what a delta is. */
#include "dataplane/nat_steady.h"

#include "dataplane/nat_pair.h"
#include "dataplane/nat_rewrite.h"
#include "dataplane/patch.h"
#include "dataplane/rewrite.h"
#include "dataplane/snapshot_nat.h"

/* One hop less to live is a delta of minus one, of a word of two bytes. */
#define TTL_DELTA 0xfffeu

/* Where a packet's translation comes from. */
struct way {
	const uint8_t *source;
	const uint8_t *destination; /* As in struct addr. */
	uint16_t source_port;       /* As on the wire. */
	uint16_t destination_port;
};

/* What is added to a sum by a word of 32 bits that was 'was' and is 'is'. */
static inline uint64_t
change(uint32_t was, uint32_t is)
{
	return (uint64_t)is + (uint32_t)~was;
}

/* Carries the checksum of the TCP or UDP header along; without one a UDP datagram stays so, and one
 * that becomes zero is written as its other form (RFC 768). */
static inline void
mend_l4(uint8_t *l4, bool tcp, uint64_t delta)
{
	uint8_t *at = l4 + (tcp ? offsetof(struct wire_tcp, checksum)
				: offsetof(struct wire_udp, checksum));
	uint16_t sum;

	memcpy(&sum, at, sizeof(sum));
	if (!tcp && sum == 0)
		return;
	sum = patch_fold(delta + (uint16_t)~sum);
	if (!tcp && sum == 0)
		sum = UINT16_MAX;
	memcpy(at, &sum, sizeof(sum));
}

/* The whole packet, of IPv4. Returns false, with nothing done, if its time to live is used up. */
static inline bool
translate4(const struct packet *packet, const struct parsed *parsed, const struct way *way)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)(packet->data + parsed->l3);
	uint8_t *l4 = packet->data + parsed->l4;
	uint32_t word = load32(&ip->ttl); /* And protocol and checksum. */
	uint32_t source = load32(way->source), destination = load32(way->destination);
	uint32_t ports = way->source_port | (uint32_t)way->destination_port << 16;
	uint64_t delta =
		change(load32(ip->source), source) + change(load32(ip->destination), destination);

	if ((word & 0xff) <= 1)
		return false;
	store32(&ip->ttl, (uint16_t)(word - 1) |
				  (uint32_t)patch_fold(delta + (uint16_t) ~(word >> 16) + TTL_DELTA)
					  << 16);
	mend_l4(l4, parsed->l4_protocol == IPPROTO_TCP, delta + change(load32(l4), ports));
	store64(ip->source, source | (uint64_t)destination << 32);
	store32(l4, ports);
	return true;
}

/* The same of IPv6. */
static bool
translate6(struct packet *packet, const struct parsed *parsed, const struct way *way)
{
	struct nat_ends ends;

	if (rewrite_ttl(packet, parsed) != V_FORWARD)
		return false;
	memcpy(ends.source, way->source, sizeof(ends.source));
	memcpy(ends.destination, way->destination, sizeof(ends.destination));
	memcpy(&ends.source_port, &way->source_port, sizeof(ends.source_port));
	memcpy(&ends.destination_port, &way->destination_port, sizeof(ends.destination_port));
	nat_rewrite_flow(packet, parsed, &ends);
	return true;
}

/* Whether the second key 'is' is the one that the packet's flow has with this backend in mode nat:
 * but for the backend's end the first one. */
static inline bool
follows_nat(const struct flow_key *first, const struct nat_real *real, const struct flow_key *is,
	struct way *way)
{
	uint64_t rest = flow_key_rest((uint16_t)first->rest | (uint32_t)way->destination_port << 16,
				real->id, 0, FLOW_REVERSE) |
			(first->rest & UINT64_C(0xffff) << 48);

	way->source = first->client;
	way->source_port = (uint16_t)first->rest;
	return ((is->client_words[0] ^ first->client_words[0]) |
		       (is->client_words[1] ^ first->client_words[1]) | (is->rest ^ rest)) == 0;
}

/* The same in mode fullnat: both ends are others, and the local one, 'local', must still be one of
 * 'port', which leads to the backend. */
static inline bool
follows_fullnat(const struct flow_key *first, const struct nat_real *real,
	const struct flow_key *is, const struct snapshot_vip *local, uint8_t port, struct way *way)
{
	uint64_t rest = flow_key_rest(way->destination_port, 0, 0, FLOW_REVERSE | FLOW_LOCAL) |
			(first->rest & UINT64_C(0xffff) << 48) |
			(is->rest & UINT64_C(0xffffffff) << 16);

	if (!local || !local->local || local->port != port || local->addr.family != first->family)
		return false;
	way->source = local->addr.bytes;
	way->source_port = (uint16_t)(is->rest >> 16);
	return ((is->client_words[0] ^ load64(real->address)) |
		       (is->client_words[1] ^ load64(real->address + 8)) | (is->rest ^ rest)) == 0;
}

bool
nat_steady(const struct burst *burst, struct packet *packet, const struct work *work,
	uint16_t backend, const struct nexthop *hop)
{
	const struct flow_table *flows = burst->pipeline->flows;
	const struct nat_real *real = &burst->snapshot->nat->reals[backend];
	const struct parsed *parsed = &work->parsed;
	const struct flow_key *first = &parsed->key;
	struct flow_slot other = flow_other(flows, work->slot);
	uint16_t port = (BE_FORCE uint16_t)real->port;
	struct way way = {.destination = real->address,
		.destination_port = port ? port : (uint16_t)(first->rest >> 16)};
	const struct flow_key *is;

	/* A SYN may have its MSS clamped, and an ICMP error is no packet of the flow's. */
	if (!other.bucket || parsed->kind != PARSED_FLOW || parsed->fragment ||
		parsed->signal == FLOW_SIGNAL_SYN || flow_keeps_sequences(flows))
		return false;
	is = &flow_entry_at(other)->key;
	if (work->service->key.beside & SERVICE_NAT
			? !follows_nat(first, real, is, &way)
			: !follows_fullnat(first, real, is, burst->snapshot->vips_by_id[is->vip],
				  hop->port, &way))
		return false;
	if (first->family == ADDR_V4 ? !translate4(packet, parsed, &way)
				     : !translate6(packet, parsed, &way))
		return false;
	nat_remember_hop(packet, work->slot, other);
	rewrite_addresses(packet->data, hop, &burst->pipeline->local.ports->ports[hop->port]);
	return true;
}
