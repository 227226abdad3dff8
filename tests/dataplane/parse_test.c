/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/ipext.h"
#include "dataplane/parse.h"
#include "dataplane/parse_plain.h"
#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"
#define VIP4 "192.0.2.100"
#define VIP6 "2001:db8::100"

static struct parsed
parsed(const struct frame *frame)
{
	struct parsed p;

	parse(&frame->packet, &p);
	return p;
}

static void
assert_bad(const struct frame *frame, enum verdict problem)
{
	struct parsed p = parsed(frame);

	assert_int_equal(p.kind, PARSED_BAD);
	assert_string_equal(verdict_name((enum verdict)p.problem), verdict_name(problem));
}

static void
assert_flow(const struct frame *frame, const char *from, const char *to, uint8_t protocol)
{
	struct parsed p = parsed(frame);
	struct addr client = frame_addr(from);
	struct addr vip = frame_addr(to);

	assert_int_equal(p.kind, PARSED_FLOW);
	assert_memory_equal(p.key.client, client.bytes, 16);
	assert_memory_equal(p.target.address, vip.bytes, 16);
	assert_int_equal(p.target.family, vip.family);
	assert_int_equal(p.key.family, vip.family);
	assert_int_equal(p.key.protocol, protocol);
	assert_int_equal(p.target.protocol, protocol);
	assert_int_equal(be16_to(p.key.client_port), 4711);
	assert_int_equal(be16_to(p.key.vip_port), 80);
	assert_int_equal(be16_to(p.target.port), 80);
	assert_int_equal(p.key.vip, 0);
}

static void
tcp_and_udp_of_both_families_are_flows(void **state)
{
	struct frame frame;

	(void)state;
	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, TCP_FLAG_SYN);
	assert_flow(&frame, CLIENT4, VIP4, IPPROTO_TCP);
	frame_tcp(&frame, CLIENT6, 4711, VIP6, 80, TCP_FLAG_SYN);
	assert_flow(&frame, CLIENT6, VIP6, IPPROTO_TCP);
	frame_udp(&frame, CLIENT4, 4711, VIP4, 80);
	assert_flow(&frame, CLIENT4, VIP4, IPPROTO_UDP);
	frame_udp(&frame, CLIENT6, 4711, VIP6, 80);
	assert_flow(&frame, CLIENT6, VIP6, IPPROTO_UDP);
}

static void
golden_bytes_of_a_syn_are_read_right(void **state)
{
	/* 02:00:00:00:00:c1 > 02:00:00:00:00:01, IPv4, 44 bytes, id 0x1c46, DF, TTL 64, TCP,
	 * 198.51.100.7:50000 > 192.0.2.100:443, SYN, header of 24 bytes (MSS 1460). */
	static uint8_t bytes[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00,
		0xc1, 0x08, 0x00, 0x45, 0x00, 0x00, 0x2c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0x31,
		0xe7, 0xc6, 0x33, 0x64, 0x07, 0xc0, 0x00, 0x02, 0x64, 0xc3, 0x50, 0x01, 0xbb, 0x00,
		0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x60, 0x02, 0xff, 0xff, 0x00, 0x00, 0x00,
		0x00, 0x02, 0x04, 0x05, 0xb4};
	struct packet packet = {.data = bytes, .size = sizeof(bytes)};
	struct parsed p;

	(void)state;
	parse(&packet, &p);
	assert_int_equal(p.kind, PARSED_FLOW);
	assert_int_equal(p.signal, FLOW_SIGNAL_SYN);
	assert_int_equal(be16_to(p.key.client_port), 50000);
	assert_int_equal(be16_to(p.key.vip_port), 443);
	assert_int_equal(p.l3, 14);
	assert_int_equal(p.l4, 34);
	assert_int_equal(p.end, 58);
}

static void
tcp_flags_become_signals_and_the_worst_one_wins(void **state)
{
	static const struct {
		uint8_t flags;
		enum flow_signal signal;
	} cases[] = {
		{TCP_FLAG_SYN, FLOW_SIGNAL_SYN},
		{TCP_FLAG_SYN | TCP_FLAG_ACK, FLOW_SIGNAL_SYN},
		{TCP_FLAG_ACK, FLOW_SIGNAL_DATA},
		{0, FLOW_SIGNAL_DATA},
		{TCP_FLAG_FIN | TCP_FLAG_ACK, FLOW_SIGNAL_FIN},
		{TCP_FLAG_SYN | TCP_FLAG_FIN, FLOW_SIGNAL_FIN},
		{TCP_FLAG_RST, FLOW_SIGNAL_RST},
		{TCP_FLAG_RST | TCP_FLAG_SYN | TCP_FLAG_FIN, FLOW_SIGNAL_RST},
	};
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, cases[i].flags);
		assert_int_equal(parsed(&frame).signal, cases[i].signal);
	}
}

static void
ethernet_padding_is_not_part_of_the_packet(void **state)
{
	struct frame frame;
	struct parsed p;

	(void)state;
	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, TCP_FLAG_ACK);
	frame.packet.size = 60;
	p = parsed(&frame);
	assert_int_equal(p.kind, PARSED_FLOW);
	assert_int_equal(p.end, 54);
}

static void
ipv4_options_are_skipped(void **state)
{
	struct {
		uint8_t options[8];
		struct wire_tcp tcp;
	} WIRE payload = {.options = {1, 1, 1, 1, 1, 1, 1, 0},
		.tcp = {be16_from(4711), be16_from(80), .offset = 0x50}};
	struct frame frame;

	(void)state;
	frame_ip(&frame, CLIENT4, VIP4, IPPROTO_TCP, &payload, sizeof(payload));
	frame_ipv4(&frame)->version_ihl = 0x47;
	frame_fix_ipv4(&frame);
	assert_flow(&frame, CLIENT4, VIP4, IPPROTO_TCP);
}

static void
wrong_ipv4_headers_are_named(void **state)
{
	struct frame frame;

	(void)state;
	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, 0);
	frame_ipv4(&frame)->version_ihl = 0x65;
	assert_bad(&frame, V_DROP_BAD_HEADER);
	frame_ipv4(&frame)->version_ihl = 0x44;
	assert_bad(&frame, V_DROP_BAD_HEADER);
	frame_ipv4(&frame)->version_ihl = 0x4f; /* 60 bytes of header in a packet of 40. */
	assert_bad(&frame, V_DROP_BAD_HEADER);

	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, 0);
	frame_ipv4(&frame)->total_size = be16_from(19);
	assert_bad(&frame, V_DROP_BAD_HEADER);
	frame_ipv4(&frame)->total_size = be16_from(41);
	assert_bad(&frame, V_DROP_TRUNCATED);

	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, 0);
	frame_ipv4(&frame)->ttl ^= 1;
	assert_bad(&frame, V_DROP_BAD_CHECKSUM);
	frame.packet.flags = PACKET_CHECKSUM_GOOD; /* Then the port's word counts. */
	assert_int_equal(parsed(&frame).kind, PARSED_FLOW);
}

static void
wrong_tcp_and_udp_sizes_are_named(void **state)
{
	struct frame frame;
	struct wire_tcp *tcp;
	struct wire_udp *udp;

	(void)state;
	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, 0);
	tcp = (struct wire_tcp *)(frame.packet.data + 34);
	tcp->offset = 4 << 4;
	assert_bad(&frame, V_DROP_BAD_TCP);
	tcp->offset = 6 << 4;
	assert_bad(&frame, V_DROP_TRUNCATED_L4);

	frame_udp(&frame, CLIENT4, 4711, VIP4, 80);
	udp = (struct wire_udp *)(frame.packet.data + 34);
	udp->size = be16_from(0);
	assert_bad(&frame, V_DROP_BAD_UDP);
	udp->size = be16_from(7);
	assert_bad(&frame, V_DROP_BAD_UDP);
	udp->size = be16_from(13);
	assert_bad(&frame, V_DROP_TRUNCATED_L4);
}

static void
assert_fragment(const struct frame *frame, bool headless, uint16_t at)
{
	struct parsed p = parsed(frame);

	assert_int_equal(p.kind, PARSED_FRAGMENT);
	assert_int_equal(p.headless, headless);
	assert_int_equal(p.fragment, at);
	if (!headless)
		assert_int_equal(be16_to(p.key.client_port), 4711);
}

static void
set_fragment(struct frame *frame, uint16_t word)
{
	frame_ipv4(frame)->fragment = be16_from(word);
	frame_fix_ipv4(frame);
}

static void
fragments_are_told_from_whole_packets(void **state)
{
	struct frame frame;

	(void)state;
	frame_udp(&frame, CLIENT4, 4711, VIP4, 80);
	set_fragment(&frame, IPV4_MORE_FRAGMENTS);
	assert_fragment(&frame, false, 14);
	set_fragment(&frame, 1);
	assert_fragment(&frame, true, 14);
	set_fragment(&frame, IPV4_MORE_FRAGMENTS | 100);
	assert_fragment(&frame, true, 14);
	set_fragment(&frame, 0x4000); /* DF */
	assert_int_equal(parsed(&frame).kind, PARSED_FLOW);
	assert_int_equal(parsed(&frame).fragment, 0);
}

static void
first_fragments_must_have_whole_headers(void **state)
{
	struct frame frame;

	(void)state;
	for (uint16_t size = 0; size < 20; size++) {
		frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, 0);
		frame_ipv4(&frame)->total_size = be16_from((uint16_t)(20 + size));
		set_fragment(&frame, IPV4_MORE_FRAGMENTS);
		assert_bad(&frame, V_DROP_FRAGMENT_TINY);
	}
	for (uint16_t size = 0; size < 8; size++) {
		frame_udp(&frame, CLIENT4, 4711, VIP4, 80);
		frame_ipv4(&frame)->total_size = be16_from((uint16_t)(20 + size));
		set_fragment(&frame, IPV4_MORE_FRAGMENTS);
		assert_bad(&frame, V_DROP_FRAGMENT_TINY);
	}
	/* An UDP header says the size of the whole datagram. */
	frame_udp(&frame, CLIENT4, 4711, VIP4, 80);
	((struct wire_udp *)(frame.packet.data + 34))->size = be16_from(4000);
	set_fragment(&frame, IPV4_MORE_FRAGMENTS);
	assert_fragment(&frame, false, 14);
}

static void
fragments_of_what_has_no_ports_are_refused(void **state)
{
	struct frame frame;

	(void)state;
	frame_echo(&frame, CLIENT4, VIP4);
	set_fragment(&frame, IPV4_MORE_FRAGMENTS);
	assert_bad(&frame, V_DROP_FRAGMENT);
	set_fragment(&frame, 5);
	assert_bad(&frame, V_DROP_FRAGMENT);
}

static void
ipv4_options_are_checked(void **state)
{
	static const struct {
		uint8_t options[8];
		enum verdict problem;
	} cases[] = {
		{{1, 1, 1, 1, 7, 4, 1, 0}, V_FORWARD}, /* Record route. */
		{{0, 9, 9, 9, 9, 9, 9, 9}, V_FORWARD}, /* Behind the end anything goes. */
		{{7, 8, 4, 0, 0, 0, 0, 0}, V_FORWARD},
		{{7, 9, 4, 0, 0, 0, 0, 0}, V_DROP_BAD_OPTION}, /* Longer than the header. */
		{{7, 0, 4, 0, 0, 0, 0, 0}, V_DROP_BAD_OPTION},
		{{7, 1, 4, 0, 0, 0, 0, 0}, V_DROP_BAD_OPTION},
		{{1, 1, 1, 1, 1, 1, 1, 7}, V_DROP_BAD_OPTION}, /* No room for a length. */
		{{131, 7, 4, 0, 0, 0, 0, 0}, V_DROP_SOURCE_ROUTE},
		{{1, 137, 7, 4, 0, 0, 0, 0}, V_DROP_SOURCE_ROUTE},
	};
	struct {
		uint8_t options[8];
		struct wire_tcp tcp;
	} WIRE payload = {.tcp = {be16_from(4711), be16_from(80), .offset = 0x50}};
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(payload.options, cases[i].options, sizeof(payload.options));
		frame_ip(&frame, CLIENT4, VIP4, IPPROTO_TCP, &payload, sizeof(payload));
		frame_ipv4(&frame)->version_ihl = 0x47;
		frame_fix_ipv4(&frame);
		if (cases[i].problem == V_FORWARD)
			assert_flow(&frame, CLIENT4, VIP4, IPPROTO_TCP);
		else
			assert_bad(&frame, cases[i].problem);
	}
}

/* A TCP packet behind 'n' extension headers of type 'type' with 8 bytes each. */
static void
extended(struct frame *frame, unsigned int n, uint8_t type, be16 fragment)
{
	struct wire_tcp tcp = {be16_from(4711), be16_from(80), .offset = 0x50};
	uint8_t payload[256] = {0};

	for (unsigned int i = 0; i < n; i++) {
		payload[8 * i] = i + 1 < n ? type : IPPROTO_TCP;
		memcpy(payload + 8 * i + 2, &fragment, 2);
	}
	memcpy(payload + n * 8, &tcp, sizeof(tcp));
	frame_ip(frame, CLIENT6, VIP6, n ? type : IPPROTO_TCP, payload, n * 8 + sizeof(tcp));
}

static void
extension_headers_are_walked_up_to_a_bound(void **state)
{
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS};
	struct frame frame;

	(void)state;
	for (size_t t = 0; t < sizeof(types); t++) {
		unsigned int n_max = types[t] == IPPROTO_HOPOPTS ? 1 : IPEXT_HEADERS_MAX;

		for (unsigned int n = 0; n <= n_max; n++) {
			extended(&frame, n, types[t], be16_from(0));
			assert_flow(&frame, CLIENT6, VIP6, IPPROTO_TCP);
			assert_int_equal(parsed(&frame).l4, 54 + 8 * n);
		}
		extended(&frame, n_max + 1, types[t], be16_from(0));
		assert_bad(&frame, V_DROP_EXTENSIONS);
	}
	extended(&frame, 1, IPPROTO_DSTOPTS, be16_from(0));
	frame.packet.data[55] = 3; /* Says that it has 32 bytes of the 28 that are there. */
	assert_bad(&frame, V_DROP_TRUNCATED);
	extended(&frame, 1, IPPROTO_AH, be16_from(0)); /* Its size has another unit: 8 bytes. */
	assert_flow(&frame, CLIENT6, VIP6, IPPROTO_TCP);
}

static void
misplaced_headers_routes_and_jumbograms_are_refused(void **state)
{
	struct frame frame;

	(void)state;
	extended(&frame, 2, IPPROTO_DSTOPTS, be16_from(0));
	frame.packet.data[54] = IPPROTO_HOPOPTS; /* Not at the start. */
	assert_bad(&frame, V_DROP_EXTENSIONS);
	extended(&frame, 1, IPPROTO_ROUTING, be16_from(0x0001)); /* Type 0, one address to go. */
	assert_bad(&frame, V_DROP_SOURCE_ROUTE);
	extended(&frame, 1, IPPROTO_HOPOPTS, be16_from(0));
	frame_ipv6(&frame)->payload_size = be16_from(0);
	assert_bad(&frame, V_DROP_JUMBO);
	/* Without hop-by-hop options it is just empty. */
	frame_tcp(&frame, CLIENT6, 4711, VIP6, 80, 0);
	frame_ipv6(&frame)->payload_size = be16_from(0);
	assert_bad(&frame, V_DROP_TRUNCATED_L4);
}

static void
ipv6_fragments_are_told_from_atomic_ones(void **state)
{
	struct frame frame;

	(void)state;
	extended(&frame, 1, IPPROTO_FRAGMENT, be16_from(0)); /* RFC 6946 */
	assert_flow(&frame, CLIENT6, VIP6, IPPROTO_TCP);
	assert_int_equal(parsed(&frame).fragment, 0);
	extended(&frame, 1, IPPROTO_FRAGMENT, be16_from(1));
	assert_fragment(&frame, false, 54);
	extended(&frame, 1, IPPROTO_FRAGMENT, be16_from(8));
	assert_fragment(&frame, true, 54);
	assert_int_equal(parsed(&frame).target.family, ADDR_V6);
	extended(&frame, 2, IPPROTO_FRAGMENT, be16_from(1)); /* A fragment of a fragment. */
	assert_bad(&frame, V_DROP_EXTENSIONS);
	/* The chain of headers does not end in the first fragment. */
	extended(&frame, 1, IPPROTO_FRAGMENT, be16_from(1));
	frame.packet.data[54] = IPPROTO_DSTOPTS;
	frame.packet.data[63] = 10;
	assert_bad(&frame, V_DROP_FRAGMENT_TINY);
	extended(&frame, 1, IPPROTO_FRAGMENT, be16_from(1));
	frame_ipv6(&frame)->payload_size = be16_from(8 + 19);
	assert_bad(&frame, V_DROP_FRAGMENT_TINY);
	extended(&frame, 1, IPPROTO_FRAGMENT, be16_from(8));
	frame.packet.data[54] = IPPROTO_ICMPV6;
	assert_bad(&frame, V_DROP_FRAGMENT);
}

/* An ICMPv6 error whose packet has an extension header of 8 bytes in front of its ports. */
static void
extended_error(struct frame *frame, uint8_t type, be16 fragment)
{
	uint8_t payload[8 + 40 + 8 + 8] = {2};
	struct wire_ipv6 *inner = (struct wire_ipv6 *)(payload + 8);
	struct addr vip = frame_addr(VIP6), client = frame_addr(CLIENT6);
	be16 ports[2] = {be16_from(80), be16_from(4711)};

	inner->version_class_label = be32_from(6u << 28);
	inner->next_header = type;
	memcpy(inner->source, vip.bytes, 16);
	memcpy(inner->destination, client.bytes, 16);
	payload[48] = IPPROTO_TCP;
	memcpy(payload + 50, &fragment, sizeof(fragment));
	memcpy(payload + 56, ports, sizeof(ports));
	frame_ip(frame, "2001:db8:f::1", VIP6, IPPROTO_ICMPV6, payload, sizeof(payload));
}

static void
icmp_errors_about_extended_and_fragmented_packets_are_read(void **state)
{
	static const uint8_t types[] = {
		IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_ROUTING};
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		be16 first = be16_from(types[i] == IPPROTO_FRAGMENT ? 1 : 0);

		extended_error(&frame, types[i], first);
		assert_int_equal(parsed(&frame).kind, PARSED_ICMP_ERROR);
		assert_int_equal(be16_to(parsed(&frame).key.client_port), 4711);
		assert_int_equal(be16_to(parsed(&frame).target.port), 80);
		frame_ipv6(&frame)->payload_size = be16_from(8 + 40 + 8 + 7);
		assert_bad(&frame, V_DROP_ICMP_INNER);
	}
	extended_error(&frame, IPPROTO_FRAGMENT, be16_from(8));
	assert_bad(&frame, V_DROP_ICMP_FRAGMENT);
	extended_error(&frame, IPPROTO_DSTOPTS, be16_from(0));
	frame.packet.data[54 + 8] = 0x40; /* IPv4 in ICMPv6. */
	assert_bad(&frame, V_DROP_ICMP_INNER);

	frame_icmp_error(&frame, "203.0.113.1", CLIENT4, 4711, VIP4, 80);
	((struct wire_ipv4 *)(frame.packet.data + 42))->fragment = be16_from(IPV4_MORE_FRAGMENTS);
	assert_int_equal(parsed(&frame).kind, PARSED_ICMP_ERROR);
	((struct wire_ipv4 *)(frame.packet.data + 42))->fragment = be16_from(100);
	assert_bad(&frame, V_DROP_ICMP_FRAGMENT);
	frame.packet.data[42] = 0x44;
	assert_bad(&frame, V_DROP_ICMP_INNER);
}

static void
icmp_errors_name_the_flow_they_are_about(void **state)
{
	static const char *const clients[] = {CLIENT4, CLIENT6};
	static const char *const vips[] = {VIP4, VIP6};
	static const char *const routers[] = {"203.0.113.1", "2001:db8:f::1"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct addr client = frame_addr(clients[i]);
		struct frame frame;
		struct parsed p;

		frame_icmp_error(&frame, routers[i], clients[i], 4711, vips[i], 80);
		p = parsed(&frame);
		assert_int_equal(p.kind, PARSED_ICMP_ERROR);
		assert_int_equal(p.signal, FLOW_SIGNAL_NONE);
		assert_memory_equal(p.key.client, client.bytes, 16);
		assert_int_equal(be16_to(p.key.client_port), 4711);
		assert_int_equal(be16_to(p.target.port), 80);
		assert_int_equal(p.target.protocol, IPPROTO_TCP);

		/* About a packet that somebody else has sent: nothing for us to pass on. */
		frame_icmp_error(&frame, routers[i], clients[i], 4711, vips[i], 80);
		frame.packet.data[i == 0 ? 34 + 8 + 15 : 54 + 8 + 23] ^= 1;
		assert_int_equal(parsed(&frame).kind, PARSED_ICMP);
	}
}

static void
every_kind_is_recognized(void **state)
{
	struct frame frame;

	(void)state;
	frame_echo(&frame, CLIENT4, VIP4);
	assert_int_equal(parsed(&frame).kind, PARSED_ECHO);
	frame_echo(&frame, CLIENT6, VIP6);
	assert_int_equal(parsed(&frame).kind, PARSED_ECHO);
	frame_arp(&frame, ARP_REQUEST, "192.0.2.1", VIP4);
	assert_int_equal(parsed(&frame).kind, PARSED_ARP);
	assert_memory_equal(parsed(&frame).target.address, frame_addr(VIP4).bytes, 16);
	frame_solicit(&frame, "fe80::1", VIP6);
	assert_int_equal(parsed(&frame).kind, PARSED_ND_SOLICIT);
	assert_memory_equal(parsed(&frame).target.address, frame_addr(VIP6).bytes, 16);
	frame_ip(&frame, CLIENT4, "224.0.0.18", 112, "vrrp", 4);
	assert_int_equal(parsed(&frame).kind, PARSED_IP);
	frame_ethernet(&frame)->type = be16_from(0x88cc); /* LLDP */
	assert_int_equal(parsed(&frame).kind, PARSED_OTHER);
	frame_arp(&frame, ARP_REQUEST, "192.0.2.1", VIP4);
	frame.packet.data[14 + 4] = 8; /* Of another kind of network. */
	assert_int_equal(parsed(&frame).kind, PARSED_OTHER);
}

/* Each frame cut at every length, in a buffer of just that size so that a sanitizer sees one byte
 * read too many. */
static void
cut_everywhere(const struct frame *frame)
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)frame->packet.data;

	for (uint32_t size = 0; size < frame->packet.size; size++) {
		uint8_t *copy = malloc(size ? size : 1);
		struct packet packet = {.data = copy, .size = size};
		struct parsed p;

		assert_non_null(copy);
		memcpy(copy, frame->packet.data, size);
		parse(&packet, &p);
		assert_true(p.l4 <= size && p.end <= size);
		/* ARP is padded to Ethernet's minimum; all else ends where its header says. */
		if (ethernet->type != be16_from(ETHER_ARP)) {
			assert_int_equal(p.kind, PARSED_BAD);
			assert_int_equal(p.problem, V_DROP_TRUNCATED);
		}
		free(copy);
	}
}

static void
truncation_at_every_length_is_noticed(void **state)
{
	struct frame frame;

	(void)state;
	frame_tcp(&frame, CLIENT4, 4711, VIP4, 80, TCP_FLAG_SYN);
	cut_everywhere(&frame);
	frame_udp(&frame, CLIENT6, 4711, VIP6, 80);
	cut_everywhere(&frame);
	frame_echo(&frame, CLIENT4, VIP4);
	cut_everywhere(&frame);
	frame_icmp_error(&frame, "203.0.113.1", CLIENT4, 4711, VIP4, 80);
	cut_everywhere(&frame);
	frame_icmp_error(&frame, "2001:db8:f::1", CLIENT6, 4711, VIP6, 80);
	cut_everywhere(&frame);
	frame_arp(&frame, ARP_REQUEST, "192.0.2.1", VIP4);
	cut_everywhere(&frame);
	frame_solicit(&frame, "fe80::1", VIP6);
	cut_everywhere(&frame);
	extended(&frame, IPEXT_HEADERS_MAX, IPPROTO_DSTOPTS, be16_from(0));
	cut_everywhere(&frame);
}

/* The same with the IP header agreeing to the cut, so that the layers above are cut. */
static void
truncation_inside_the_packet_is_noticed(void **state)
{
	struct frame frame;

	(void)state;
	for (uint16_t size = 20; size < 20 + 8 + 20 + 8; size++) {
		frame_icmp_error(&frame, "203.0.113.1", CLIENT4, 4711, VIP4, 80);
		frame_ipv4(&frame)->total_size = be16_from(size);
		frame_fix_ipv4(&frame);
		assert_bad(&frame, size < 28 ? V_DROP_TRUNCATED_L4 : V_DROP_ICMP_INNER);
	}
	for (uint16_t size = 0; size < 8 + 40 + 8; size++) {
		frame_icmp_error(&frame, "2001:db8:f::1", CLIENT6, 4711, VIP6, 80);
		frame_ipv6(&frame)->payload_size = be16_from(size);
		assert_bad(&frame, size < 8 ? V_DROP_TRUNCATED_L4 : V_DROP_ICMP_INNER);
	}
	for (uint16_t size = 0; size < 8 * IPEXT_HEADERS_MAX + 20; size++) {
		extended(&frame, IPEXT_HEADERS_MAX, IPPROTO_DSTOPTS, be16_from(0));
		frame_ipv6(&frame)->payload_size = be16_from(size);
		assert_bad(&frame,
			size < 8 * IPEXT_HEADERS_MAX ? V_DROP_TRUNCATED : V_DROP_TRUNCATED_L4);
	}
}

/* Whatever the quick way accepts, the thorough one must read alike: all 64 bytes of it. Returns
 * whether it accepted the frame. */
static bool
plain_agrees(const struct frame *frame)
{
	struct parsed plain, thorough;

	if (!parse_plain(&frame->packet, &plain))
		return false;
	parse(&frame->packet, &thorough);
	assert_memory_equal(&plain, &thorough, sizeof(plain));
	return true;
}

/* Frame 'which' of the kinds that the quick way is for. */
static void
plain_frame(struct frame *frame, unsigned int which)
{
	const char *from = which & 1 ? CLIENT6 : CLIENT4;
	const char *to = which & 1 ? VIP6 : VIP4;
	uint8_t payload[64] = {0};

	if (which & 2) {
		struct wire_udp udp = {.source_port = be16_from(4711),
			.destination_port = be16_from(80),
			.size = be16_from(sizeof(payload))};

		memcpy(payload, &udp, sizeof(udp));
		frame_ip(frame, from, to, IPPROTO_UDP, payload, sizeof(payload));
	} else {
		frame_tcp(frame, from, 4711, to, 80, (uint8_t)(which >> 2));
		frame->packet.size += 8; /* Padding. */
	}
}

static void
the_quick_way_reads_plain_packets_as_the_thorough_one_does(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int which = 0; which < 256; which++) {
		plain_frame(&frame, which);
		assert_true(plain_agrees(&frame));
	}
}

static void
spoiled_packets_are_left_to_the_thorough_way_or_read_alike(void **state)
{
	uint64_t random = 1;
	unsigned int n_plain = 0;
	struct frame frame;

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		plain_frame(&frame, i);
		frame.packet.data[(random >> 33) % 60] = (uint8_t)(random >> 25);
		if (random >> 60 == 0)
			frame.packet.size = (uint32_t)(random >> 50 & 127);
		if (random >> 60 == 1)
			frame.packet.flags |= PACKET_CHECKSUM_GOOD;
		else if (!(i & 1))
			frame_fix_ipv4(&frame);
		n_plain += plain_agrees(&frame);
	}
	/* Both ways must have been gone, often. */
	assert_in_range(n_plain, 50000, 180000);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(tcp_and_udp_of_both_families_are_flows),
		cmocka_unit_test(golden_bytes_of_a_syn_are_read_right),
		cmocka_unit_test(tcp_flags_become_signals_and_the_worst_one_wins),
		cmocka_unit_test(ethernet_padding_is_not_part_of_the_packet),
		cmocka_unit_test(ipv4_options_are_skipped),
		cmocka_unit_test(wrong_ipv4_headers_are_named),
		cmocka_unit_test(wrong_tcp_and_udp_sizes_are_named),
		cmocka_unit_test(fragments_are_told_from_whole_packets),
		cmocka_unit_test(extension_headers_are_walked_up_to_a_bound),
		cmocka_unit_test(first_fragments_must_have_whole_headers),
		cmocka_unit_test(fragments_of_what_has_no_ports_are_refused),
		cmocka_unit_test(ipv4_options_are_checked),
		cmocka_unit_test(misplaced_headers_routes_and_jumbograms_are_refused),
		cmocka_unit_test(icmp_errors_about_extended_and_fragmented_packets_are_read),
		cmocka_unit_test(ipv6_fragments_are_told_from_atomic_ones),
		cmocka_unit_test(icmp_errors_name_the_flow_they_are_about),
		cmocka_unit_test(every_kind_is_recognized),
		cmocka_unit_test(truncation_at_every_length_is_noticed),
		cmocka_unit_test(truncation_inside_the_packet_is_noticed),
		cmocka_unit_test(the_quick_way_reads_plain_packets_as_the_thorough_one_does),
		cmocka_unit_test(spoiled_packets_are_left_to_the_thorough_way_or_read_alike),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
