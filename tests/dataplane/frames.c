/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for tests; see frames.h. */
#include "frames.h"

#include "common/checksum.h"

#include <assert.h>
#include <stddef.h>

const uint8_t frame_port_mac[6] = {2, 0, 0, 0, 0, 1};
const uint8_t frame_client_mac[6] = {2, 0, 0, 0, 0, 0xc1};

struct addr
frame_addr(const char *text)
{
	struct addr addr = {.family = ADDR_NONE};
	int rc = addr_parse(text, &addr, NULL);

	assert(rc == 0);
	(void)rc;
	return addr;
}

static uint8_t *
begin(struct frame *frame, const uint8_t *to_mac, uint16_t type, size_t size)
{
	struct wire_ethernet *ethernet;

	memset(frame, 0, sizeof(*frame));
	frame->packet.data = frame->buffer + FRAME_HEADROOM;
	frame->packet.headroom = FRAME_HEADROOM;
	frame->packet.size = (uint32_t)(FRAME_L3 + size);
	frame->packet.tailroom =
		(uint16_t)(FRAME_BUFFER_SIZE - FRAME_HEADROOM - frame->packet.size);
	frame->packet.verdict = N_VERDICTS;
	ethernet = frame_ethernet(frame);
	memcpy(ethernet->destination, to_mac, 6);
	memcpy(ethernet->source, frame_client_mac, 6);
	ethernet->type = be16_from(type);
	return frame->packet.data + FRAME_L3;
}

void
frame_fix_ipv4(struct frame *frame)
{
	struct wire_ipv4 *ip = frame_ipv4(frame);

	ip->checksum = 0;
	ip->checksum = checksum_finish(checksum_add(0, ip, (ip->version_ihl & 15) * 4u));
}

void
frame_fix_icmp(struct frame *frame, size_t l4)
{
	struct wire_icmp *icmp = (struct wire_icmp *)(frame->packet.data + l4);
	size_t size = frame->packet.size - l4;
	uint32_t sum = 0;

	if (frame_ethernet(frame)->type == be16_from(ETHER_IPV6)) {
		struct addr from = addr_from_v6(frame_ipv6(frame)->source);
		struct addr to = addr_from_v6(frame_ipv6(frame)->destination);

		sum = checksum_add_pseudo(0, &from, &to, IPPROTO_ICMPV6, size);
	}
	icmp->checksum = 0;
	icmp->checksum = checksum_finish(checksum_add(sum, icmp, size));
}

void
frame_fix_transport(struct frame *frame)
{
	bool v6 = frame_ethernet(frame)->type == be16_from(ETHER_IPV6);
	uint8_t protocol = v6 ? frame_ipv6(frame)->next_header : frame_ipv4(frame)->protocol;
	size_t l4 = FRAME_L3 + (v6 ? sizeof(struct wire_ipv6) : sizeof(struct wire_ipv4));
	size_t size = frame->packet.size - l4;
	uint8_t *at = frame->packet.data + l4;
	uint8_t *checksum = at + (protocol == IPPROTO_TCP ? offsetof(struct wire_tcp, checksum)
							  : offsetof(struct wire_udp, checksum));
	struct addr from = {.family = ADDR_V4}, to = {.family = ADDR_V4};
	be16 sum = be16_from(0);

	if (v6) {
		from = addr_from_v6(frame_ipv6(frame)->source);
		to = addr_from_v6(frame_ipv6(frame)->destination);
	} else {
		memcpy(from.bytes, frame_ipv4(frame)->source, 4);
		memcpy(to.bytes, frame_ipv4(frame)->destination, 4);
	}
	memcpy(checksum, &sum, sizeof(sum));
	sum = checksum_finish(
		checksum_add(checksum_add_pseudo(0, &from, &to, protocol, size), at, size));
	memcpy(checksum, &sum, sizeof(sum));
}

/* Writes an IP header at 'at'; returns its size. */
static size_t
put_ip(uint8_t *at, const char *from, const char *to, uint8_t protocol, size_t size)
{
	struct addr source = frame_addr(from);
	struct addr destination = frame_addr(to);

	if (source.family == ADDR_V4) {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)at;

		ip->version_ihl = 0x45;
		ip->total_size = be16_from((uint16_t)(sizeof(*ip) + size));
		ip->ttl = 64;
		ip->protocol = protocol;
		memcpy(ip->source, source.bytes, 4);
		memcpy(ip->destination, destination.bytes, 4);
		ip->checksum = checksum_finish(checksum_add(0, ip, sizeof(*ip)));
		return sizeof(*ip);
	} else {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)at;

		ip->version_class_label = be32_from(6u << 28);
		ip->payload_size = be16_from((uint16_t)size);
		ip->next_header = protocol;
		ip->hop_limit = 64;
		memcpy(ip->source, source.bytes, 16);
		memcpy(ip->destination, destination.bytes, 16);
		return sizeof(*ip);
	}
}

static size_t
ip_size(const char *text)
{
	return frame_addr(text).family == ADDR_V4 ? sizeof(struct wire_ipv4)
						  : sizeof(struct wire_ipv6);
}

void
frame_ip(struct frame *frame, const char *from, const char *to, uint8_t protocol,
	const void *payload, size_t size)
{
	bool v4 = frame_addr(from).family == ADDR_V4;
	uint8_t *at =
		begin(frame, frame_port_mac, v4 ? ETHER_IPV4 : ETHER_IPV6, ip_size(from) + size);

	at += put_ip(at, from, to, protocol, size);
	memcpy(at, payload, size);
}

void
frame_tcp(struct frame *frame, const char *from, uint16_t from_port, const char *to,
	uint16_t to_port, uint8_t flags)
{
	struct wire_tcp tcp = {
		.source_port = be16_from(from_port),
		.destination_port = be16_from(to_port),
		.offset = 5 << 4,
		.flags = flags,
	};

	frame_ip(frame, from, to, IPPROTO_TCP, &tcp, sizeof(tcp));
}

void
frame_udp(
	struct frame *frame, const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
	struct {
		struct wire_udp udp;
		uint8_t data[4];
	} WIRE datagram = {
		.udp = {be16_from(from_port), be16_from(to_port), be16_from(12), be16_from(0)},
		.data = "abcd",
	};

	frame_ip(frame, from, to, IPPROTO_UDP, &datagram, sizeof(datagram));
}

void
frame_echo(struct frame *frame, const char *from, const char *to)
{
	bool v4 = frame_addr(from).family == ADDR_V4;
	struct {
		struct wire_icmp icmp;
		uint8_t data[9]; /* Odd, for the checksum. */
	} WIRE echo = {
		.icmp = {.type = v4 ? ICMP4_ECHO : ICMP6_ECHO, .rest = be32_from(0x12340007)},
		.data = {'w', 'e', 'i', 'r', 1, 2, 3, 4, 5},
	};

	frame_ip(frame, from, to, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, &echo, sizeof(echo));
	frame_fix_icmp(frame, FRAME_L3 + ip_size(from));
}

void
frame_icmp_error(struct frame *frame, const char *router, const char *from, uint16_t from_port,
	const char *to, uint16_t to_port)
{
	bool v4 = frame_addr(router).family == ADDR_V4;
	uint8_t payload[128] = {0};
	struct wire_icmp *icmp = (struct wire_icmp *)payload;
	size_t size = sizeof(*icmp);
	be16 ports[2] = {be16_from(to_port), be16_from(from_port)};

	icmp->type = v4 ? ICMP4_UNREACHABLE : 2; /* 2: packet too big. */
	icmp->code = v4 ? 4 : 0;                 /* 4: fragmentation needed. */
	icmp->rest = be32_from(1400);
	size += put_ip(payload + size, to, from, IPPROTO_TCP, 20);
	memcpy(payload + size, ports, sizeof(ports));
	size += 8;
	frame_ip(frame, router, to, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, payload, size);
	frame_fix_icmp(frame, FRAME_L3 + ip_size(router));
}

void
frame_arp(struct frame *frame, uint16_t operation, const char *sender, const char *target)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct wire_arp *arp = (struct wire_arp *)begin(frame, broadcast, ETHER_ARP, 46);
	struct addr from = frame_addr(sender);
	struct addr to = frame_addr(target);

	arp->hardware = be16_from(1);
	arp->protocol = be16_from(ETHER_IPV4);
	arp->hardware_size = 6;
	arp->protocol_size = 4;
	arp->operation = be16_from(operation);
	memcpy(arp->sender_mac, frame_client_mac, 6);
	memcpy(arp->sender, from.bytes, 4);
	memcpy(arp->target, to.bytes, 4);
}

void
frame_solicit(struct frame *frame, const char *sender, const char *target)
{
	struct addr vip = frame_addr(target);
	bool probe = strcmp(sender, "::") == 0;
	struct {
		struct wire_nd nd;
		struct wire_nd_link link;
	} WIRE message = {.nd = {.type = ICMP6_ND_SOLICIT}, .link = {ND_OPTION_SOURCE, 1, {0}}};
	struct addr group = frame_addr("ff02::1:ff00:0");
	uint8_t group_mac[6] = {0x33, 0x33, 0xff};
	char text[ADDR_TEXT_SIZE];

	memcpy(group.bytes + 13, vip.bytes + 13, 3);
	memcpy(group_mac + 3, vip.bytes + 13, 3);
	memcpy(message.nd.target, vip.bytes, 16);
	memcpy(message.link.mac, frame_client_mac, 6);
	frame_ip(frame, sender, addr_format(&group, text, sizeof(text)), IPPROTO_ICMPV6, &message,
		probe ? sizeof(message.nd) : sizeof(message));
	memcpy(frame_ethernet(frame)->destination, group_mac, 6);
	frame_ipv6(frame)->hop_limit = 255;
	frame_fix_icmp(frame, FRAME_L3 + sizeof(struct wire_ipv6));
}
