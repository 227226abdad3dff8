/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP echo and errors; see icmp.h. */
#include "dataplane/icmp.h"

#include "common/checksum.h"
#include "dataplane/nd_frame.h"

#define REPLY_TTL 64

static void
swap(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

static uint32_t
echo_sum(const struct packet *packet, const struct parsed *parsed)
{
	const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(packet->data + parsed->l3);
	size_t size = (size_t)(parsed->end - parsed->l4);
	uint32_t sum = 0;

	if (parsed->target.family == ADDR_V6)
		sum = nd_pseudo_sum(ip->source, ip->destination, size);
	return checksum_add(sum, packet->data + parsed->l4, size);
}

enum verdict
icmp_echo_answer(struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6])
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)packet->data;
	struct wire_icmp *icmp = (struct wire_icmp *)(packet->data + parsed->l4);

	if (icmp->code != 0 || !icmp_is_unicast(parsed->key.client, parsed->key.family) ||
		(ethernet->source[0] & 1))
		return V_DROP_BAD_ECHO;
	if (checksum_finish(echo_sum(packet, parsed)) != 0)
		return V_DROP_BAD_CHECKSUM;
	if (parsed->target.family == ADDR_V4) {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)(packet->data + parsed->l3);

		swap(ip->source, ip->destination, sizeof(ip->source));
		ip->ttl = REPLY_TTL;
		ip->checksum = 0;
		ip->checksum =
			checksum_finish(checksum_add(0, ip, (size_t)(parsed->l4 - parsed->l3)));
		icmp->type = ICMP4_ECHO_REPLY;
	} else {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)(packet->data + parsed->l3);

		swap(ip->source, ip->destination, sizeof(ip->source));
		ip->hop_limit = REPLY_TTL;
		icmp->type = ICMP6_ECHO_RESPONSE;
	}
	icmp->checksum = 0;
	icmp->checksum = checksum_finish(echo_sum(packet, parsed));
	memcpy(ethernet->destination, ethernet->source, sizeof(ethernet->destination));
	memcpy(ethernet->source, mac, sizeof(ethernet->source));
	return V_REPLY;
}

static enum path_event
kind_of_error(const struct packet *packet, const struct parsed *parsed)
{
	const struct wire_icmp *icmp = (const struct wire_icmp *)(packet->data + parsed->l4);
	bool is_v4 = parsed->target.family == ADDR_V4;
	enum path_event event = PATH_ICMP_PARAMETER;

	if (is_v4 ? icmp->type == ICMP4_UNREACHABLE && icmp->code == ICMP4_CODE_TOO_BIG
		  : icmp->type == ICMP6_TOO_BIG)
		event = PATH_ICMP_TOO_BIG;
	else if (icmp->type == (is_v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE))
		event = PATH_ICMP_UNREACHABLE;
	else if (icmp->type == (is_v4 ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED))
		event = PATH_ICMP_TIME_EXCEEDED;
	return event;
}

void
icmp_count_error(const struct packet *packet, const struct parsed *parsed, struct stats *stats)
{
	stats_add(&stats->path_events[kind_of_error(packet, parsed)], 1);
}

bool
icmp_is_unreachable(const struct packet *packet, const struct parsed *parsed)
{
	return kind_of_error(packet, parsed) == PATH_ICMP_UNREACHABLE;
}
