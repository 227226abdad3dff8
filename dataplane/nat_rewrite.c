/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and ports of packets; see nat_rewrite.h, and patch.h for what a delta is. */
#include "dataplane/nat_rewrite.h"

#include "dataplane/patch.h"

#define CHECKSUM_SIZE 2

/* Replaces both addresses of an IP header. */
static inline uint32_t __attribute__((always_inline))
replace_addresses(uint8_t *ip, uint8_t family, const uint8_t *source, const uint8_t *destination)
{
	struct wire_ipv4 *ip4 = (struct wire_ipv4 *)ip;
	struct wire_ipv6 *ip6 = (struct wire_ipv6 *)ip;

	if (family == ADDR_V4)
		return patch_words(ip4->source, source, sizeof(ip4->source)) +
		       patch_words(ip4->destination, destination, sizeof(ip4->destination));
	return patch_words(ip6->source, source, sizeof(ip6->source)) +
	       patch_words(ip6->destination, destination, sizeof(ip6->destination));
}

static uint32_t
replace_ports(uint8_t *l4, be16 source, be16 destination)
{
	be16 ports[2] = {source, destination};

	return patch_words(l4, (const uint8_t *)ports, sizeof(ports));
}

/* Carries the checksum of an IPv4 header along; returns the delta of the checksum itself. */
static inline uint32_t __attribute__((always_inline)) patch_ipv4(uint8_t *ip, uint32_t delta)
{
	uint8_t *at = ip + offsetof(struct wire_ipv4, checksum);
	be16 checksum = patch_checksum(at, delta);

	return patch_word(at, checksum);
}

uint32_t
nat_patch_l4(struct packet *packet, const struct parsed *parsed, uint32_t l4, uint32_t delta)
{
	uint8_t protocol = parsed->key.protocol;
	uint32_t offset = l4 + (protocol == IPPROTO_TCP ? offsetof(struct wire_tcp, checksum)
							: offsetof(struct wire_udp, checksum));
	uint8_t *at = packet->data + offset;
	be16 checksum;

	if (offset + CHECKSUM_SIZE > parsed->end)
		return 0;
	checksum = patch_checksum(at, delta);
	if (protocol == IPPROTO_UDP) {
		if (at[0] == 0 && at[1] == 0)
			return 0;
		if (be16_to(checksum) == 0)
			checksum = be16_from(0xffff);
	}
	return patch_word(at, checksum);
}

/* Gives a fragment of IPv4 its packet's new identification. IPv6's have 32 random bits. */
static uint32_t
replace_id(uint8_t *ip, const struct parsed *parsed)
{
	be16 id = be16_from(parsed->fragment_id);

	if (!parsed->fragment)
		return 0;
	return patch_word(ip + offsetof(struct wire_ipv4, id), id);
}

void
nat_rewrite_flow(struct packet *packet, const struct parsed *parsed, const struct nat_ends *ends)
{
	uint8_t family = parsed->target.family;
	uint8_t *ip = packet->data + parsed->l3;
	uint32_t delta = replace_addresses(ip, family, ends->source, ends->destination);

	if (family == ADDR_V4)
		patch_ipv4(ip, delta + replace_id(ip, parsed));
	if (parsed->headless)
		return;
	delta +=
		replace_ports(packet->data + parsed->l4, ends->source_port, ends->destination_port);
	nat_patch_l4(packet, parsed, parsed->l4, delta);
}

/* The packet inside the error; returns the delta of all of it. */
static uint32_t
rewrite_inner(struct packet *packet, const struct parsed *parsed, const struct nat_ends *ends)
{
	uint8_t family = parsed->target.family;
	uint8_t *ip = packet->data + parsed->l4 + sizeof(struct wire_icmp);
	uint32_t addresses = replace_addresses(ip, family, ends->destination, ends->source);
	uint32_t ports = replace_ports(
		packet->data + parsed->inner_l4, ends->destination_port, ends->source_port);
	uint32_t delta = addresses + ports;

	delta += nat_patch_l4(packet, parsed, parsed->inner_l4, addresses + ports);
	if (family == ADDR_V4)
		delta += patch_ipv4(ip, addresses);
	return delta;
}

void
nat_rewrite_error(struct packet *packet, const struct parsed *parsed, const struct nat_ends *ends,
	const uint8_t *sender)
{
	uint8_t family = parsed->target.family;
	uint8_t *ip = packet->data + parsed->l3;
	uint8_t *at = packet->data + parsed->l4 + offsetof(struct wire_icmp, checksum);
	uint8_t source[16] = {0};
	uint32_t inner = rewrite_inner(packet, parsed, ends);
	uint32_t outer;
	be16 checksum;

	if (!sender) {
		if (family == ADDR_V4)
			memcpy(source, ((const struct wire_ipv4 *)ip)->source, 4);
		else
			memcpy(source, ((const struct wire_ipv6 *)ip)->source, 16);
		sender = source;
	}
	outer = replace_addresses(ip, family, sender, ends->destination);
	if (family == ADDR_V4)
		patch_ipv4(ip, outer);
	else
		inner += outer; /* Of the pseudo-header (RFC 4443 2.3). */
	checksum = patch_checksum(at, inner);
	memcpy(at, &checksum, sizeof(checksum));
}
