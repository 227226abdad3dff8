/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet too big; see too_big.h. */
#include "dataplane/too_big.h"

#include "common/checksum.h"
#include "common/clock.h"
#include "common/tunnel.h"
#include "dataplane/icmp.h"
#include "dataplane/nd_frame.h"

#define REPLY_TTL 64

#define INTERVAL_NS (NS_PER_S / TOO_BIG_RATE)

/* Largest answers: RFC 1812 4.3.2.3 and RFC 4443 3.2. */
#define ANSWER_MAX_V4 576
#define ANSWER_MAX_V6 1280

/* RFC 1122 3.2.2, RFC 4443 2.4 (e): no errors about errors, about later fragments, or to and
 * from addresses that are not one station's. */
static bool
may_answer(const struct packet *packet, const struct parsed *parsed)
{
	const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(packet->data + parsed->l3);

	if (parsed->kind == PARSED_ICMP_ERROR || (packet->data[6] & 1) ||
		!icmp_is_unicast(parsed->key.client, parsed->key.family))
		return false;
	return parsed->target.family == ADDR_V6 || !(be16_to(ip->fragment) & IPV4_OFFSET_MASK);
}

static bool
take_token(struct too_big *state, uint64_t now_ns)
{
	uint64_t next_ns = state->next_ns > now_ns ? state->next_ns : now_ns;

	if (next_ns - now_ns > (TOO_BIG_BURST - 1) * INTERVAL_NS)
		return false;
	state->next_ns = next_ns + INTERVAL_NS;
	return true;
}

/* Writes the IP header at 'ip' and the ICMP header behind it. The quoted packet, whose addresses
 * are turned round, follows. */
static void
build_v4(uint8_t *at, const struct wire_ipv4 *quoted, size_t n_quoted, uint32_t mtu)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)at;
	struct wire_icmp *icmp = (struct wire_icmp *)(ip + 1);
	size_t size = sizeof(*icmp) + n_quoted;

	*ip = (struct wire_ipv4){
		.version_ihl = 0x45,
		.tos = 0xc0, /* Internetwork control, RFC 1812 4.3.2.5. */
		.total_size = be16_from((uint16_t)(sizeof(*ip) + size)),
		.fragment = be16_from(IPV4_DONT_FRAGMENT),
		.ttl = REPLY_TTL,
		.protocol = IPPROTO_ICMP,
	};
	memcpy(ip->source, quoted->destination, sizeof(ip->source));
	memcpy(ip->destination, quoted->source, sizeof(ip->destination));
	ip->checksum = checksum_finish(checksum_add(0, ip, sizeof(*ip)));
	*icmp = (struct wire_icmp){
		.type = ICMP4_UNREACHABLE,
		.code = ICMP4_FRAGMENTATION_NEEDED,
		.rest = be32_from(mtu),
	};
	icmp->checksum = checksum_finish(checksum_add(0, icmp, size));
}

static void
build_v6(uint8_t *at, const struct wire_ipv6 *quoted, size_t n_quoted, uint32_t mtu)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)at;
	struct wire_icmp *icmp = (struct wire_icmp *)(ip + 1);
	size_t size = sizeof(*icmp) + n_quoted;

	*ip = (struct wire_ipv6){
		.version_class_label = be32_from(6u << 28),
		.payload_size = be16_from((uint16_t)size),
		.next_header = IPPROTO_ICMPV6,
		.hop_limit = REPLY_TTL,
	};
	memcpy(ip->source, quoted->destination, sizeof(ip->source));
	memcpy(ip->destination, quoted->source, sizeof(ip->destination));
	*icmp = (struct wire_icmp){.type = ICMP6_TOO_BIG, .rest = be32_from(mtu)};
	icmp->checksum = checksum_finish(
		checksum_add(nd_pseudo_sum(ip->source, ip->destination, size), icmp, size));
}

enum verdict
too_big_answer(struct too_big *state, struct packet *packet, const struct parsed *parsed,
	uint32_t mtu, const struct port_info *port, uint64_t now_ns)
{
	bool v6 = parsed->target.family == ADDR_V6;
	uint8_t *quoted = packet->data + parsed->l3;
	uint32_t n_quoted = (uint32_t)(parsed->end - parsed->l3);
	uint32_t n_headers = (uint32_t)(v6 ? sizeof(struct wire_ipv6) : sizeof(struct wire_ipv4)) +
			     (uint32_t)sizeof(struct wire_icmp);
	uint32_t n_quoted_max = (v6 ? ANSWER_MAX_V6 : ANSWER_MAX_V4) - n_headers;
	struct wire_ethernet ethernet = {.type = be16_from(v6 ? ETHER_IPV6 : ETHER_IPV4)};
	uint32_t n_needed = n_headers + (uint32_t)sizeof(ethernet);

	/* No sender goes below what every link carries. */
	if (mtu < (v6 ? TUNNEL_MTU_MIN_V6 : TUNNEL_MTU_MIN_V4) || !may_answer(packet, parsed) ||
		!take_token(state, now_ns))
		return V_DROP_TOO_BIG;
	if ((uint32_t)packet->headroom + parsed->l3 < n_needed)
		return V_DROP_NO_ROOM;
	if (n_quoted > n_quoted_max)
		n_quoted = n_quoted_max;
	memcpy(ethernet.destination, packet->data + 6, sizeof(ethernet.destination));
	memcpy(ethernet.source, port->mac, sizeof(ethernet.source));
	if (v6)
		build_v6(quoted - n_headers, (const struct wire_ipv6 *)quoted, n_quoted, mtu);
	else
		build_v4(quoted - n_headers, (const struct wire_ipv4 *)quoted, n_quoted, mtu);
	memcpy(quoted - n_needed, &ethernet, sizeof(ethernet));
	packet->headroom = (uint16_t)(packet->headroom + parsed->l3 - n_needed);
	packet->tailroom = (uint16_t)(packet->tailroom + packet->size - parsed->l3 - n_quoted);
	packet->data = quoted - n_needed;
	packet->size = n_needed + n_quoted;
	packet->out_port = packet->in_port;
	return V_REPLY_TOO_BIG;
}
