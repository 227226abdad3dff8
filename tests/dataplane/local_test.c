/* SPDX-License-Identifier: BSD-3-Clause */
/* What the dataplane answers itself: ARP, neighbour discovery and echo, for VIPs that it holds. */
#include "common/checksum.h"
#include "common/clock.h"
#include "dataplane/local.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HOST4 "192.0.2.1"
#define HOST6 "fe80::1"

static void
let_go(struct world *world)
{
	lease_set(world->leases, lease_find(world->leases, "front4"), 0);
	lease_set(world->leases, lease_find(world->leases, "front6"), 0);
}

static void
golden_bytes_of_an_arp_reply(void **state)
{
	/* 02:..:01 > 02:..:c1, ARP reply: 192.0.2.100 is at 02:..:01, told to 192.0.2.1. */
	static const uint8_t golden[60] = {2, 0, 0, 0, 0, 0xc1, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1,
		0x08, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 100, 2, 0, 0, 0, 0, 0xc1, 192, 0,
		2, 1};
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	world_assert_verdict(*state, &frame, V_REPLY);
	assert_int_equal(frame.packet.size, 60);
	assert_int_equal(frame.packet.out_port, 0);
	assert_memory_equal(frame.packet.data, golden, 60);
}

static void
arp_for_others_is_the_hosts(void **state)
{
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, HOST4, "192.0.2.5");
	world_assert_verdict(*state, &frame, V_HOST);
	frame_arp(&frame, ARP_REPLY, WORLD_VIP4, "192.0.2.5");
	memcpy(frame_ethernet(&frame)->destination, frame_port_mac, 6);
	world_assert_verdict(*state, &frame, V_HOST);
}

static void
an_arp_probe_is_answered(void **state)
{
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, "0.0.0.0", WORLD_VIP4); /* RFC 5227 2.1.1 */
	world_assert_verdict(*state, &frame, V_REPLY);
}

static void
a_vip_that_is_not_held_is_silent(void **state)
{
	struct world *world = *state;
	struct frame frame;

	let_go(world);
	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_DROP_NOT_HELD);
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	world_assert_verdict(world, &frame, V_DROP_NOT_HELD);
	frame_echo(&frame, HOST4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_DROP_NOT_HELD);
	frame_echo(&frame, "2001:db8:c::1", WORLD_VIP6);
	world_assert_verdict(world, &frame, V_DROP_NOT_HELD);
	/* What still arrives is forwarded all the same. */
	frame_tcp(&frame, "198.51.100.7", 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_FORWARD);
}

static void
a_lease_runs_out_by_itself(void **state)
{
	struct world *world = *state;
	struct frame frame;

	world->now_ns += 3600 * NS_PER_S - 1;
	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_REPLY);
	world->now_ns += 1;
	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_DROP_NOT_HELD);
}

static void
a_vip_is_answered_on_its_own_port_only(void **state)
{
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	frame.packet.in_port = 1;
	world_assert_verdict(*state, &frame, V_DROP_NOT_HELD);
}

static void
an_announcement_of_a_held_vip_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, WORLD_VIP4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_DROP_VIP_CLAIMED);
	let_go(world);
	frame_arp(&frame, ARP_REQUEST, WORLD_VIP4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_HOST);
}

static void
golden_bytes_of_a_solicited_advertisement(void **state)
{
	/* 02:..:01 > 02:..:c1, 2001:db8::100 > fe80::1, hop limit 255, ICMPv6 136, flags:
	 * solicited and override, target 2001:db8::100, its address option 02:..:01. */
	static const uint8_t golden[86] = {2, 0, 0, 0, 0, 0xc1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60,
		0, 0, 0, 0, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x01, 0x00, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x88, 0, 0xb7,
		0xae, 0x60, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01,
		0x00, 0x02, 0x01, 2, 0, 0, 0, 0, 1};
	struct frame frame;

	frame_solicit(&frame, HOST6, WORLD_VIP6);
	world_assert_verdict(*state, &frame, V_REPLY);
	assert_int_equal(frame.packet.size, 86);
	assert_memory_equal(frame.packet.data, golden, 86);
}

static void
a_check_for_duplicates_is_answered_to_all_nodes(void **state)
{
	struct frame frame;
	const struct wire_nd *nd;
	struct addr all_nodes = frame_addr("ff02::1");

	frame_solicit(&frame, "::", WORLD_VIP6);
	world_assert_verdict(*state, &frame, V_REPLY);
	nd = (const struct wire_nd *)(frame_ipv6(&frame) + 1);
	assert_memory_equal(frame_ipv6(&frame)->destination, all_nodes.bytes, 16);
	assert_memory_equal(frame.packet.data, "\x33\x33\x00\x00\x00\x01", 6);
	assert_int_equal(be32_to(nd->flags), ND_FLAG_OVERRIDE);
	assert_int_equal(frame.packet.size, 86); /* Grown from 78. */
}

static void
a_unicast_solicitation_is_answered(void **state)
{
	struct frame frame;
	struct addr vip = frame_addr(WORLD_VIP6);

	frame_solicit(&frame, HOST6, WORLD_VIP6); /* Neighbour unreachability detection. */
	memcpy(frame_ipv6(&frame)->destination, vip.bytes, 16);
	memcpy(frame_ethernet(&frame)->destination, frame_port_mac, 6);
	frame_fix_icmp(&frame, 54);
	world_assert_verdict(*state, &frame, V_REPLY);
}

static void
bad_solicitations_are_dropped(void **state)
{
	struct world *world = *state;
	struct frame frame;
	struct wire_nd *nd = (struct wire_nd *)(frame.buffer + FRAME_HEADROOM + 54);

	frame_solicit(&frame, HOST6, WORLD_VIP6);
	frame_ipv6(&frame)->hop_limit = 254;
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	nd->code = 1;
	frame_fix_icmp(&frame, 54);
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	nd->checksum ^= 1;
	world_assert_verdict(world, &frame, V_DROP_BAD_CHECKSUM);
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	((struct wire_nd_link *)(nd + 1))->size = 0;
	frame_fix_icmp(&frame, 54);
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	((struct wire_nd_link *)(nd + 1))->size = 2;
	frame_fix_icmp(&frame, 54);
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	/* No address, but its link-layer address; and not to the right group. */
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	memset(frame_ipv6(&frame)->source, 0, 16);
	frame_fix_icmp(&frame, 54);
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame_solicit(&frame, "::", WORLD_VIP6);
	frame_ipv6(&frame)->destination[15] ^= 1;
	frame_fix_icmp(&frame, 54);
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame_solicit(&frame, "::", WORLD_VIP6);
	frame.packet.tailroom = 7;
	world_assert_verdict(world, &frame, V_DROP_NO_ROOM);
}

static void
echo_is_answered_in_both_families(void **state)
{
	static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
	static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

	for (int i = 0; i < 2; i++) {
		struct addr client = frame_addr(clients[i]);
		struct addr vip = frame_addr(vips[i]);
		size_t l4 = i == 0 ? 34 : 54;
		struct frame frame, sent;
		uint32_t sum = 0;

		frame_echo(&frame, clients[i], vips[i]);
		if (i == 0) {
			frame_ipv4(&frame)->ttl = 7;
			frame_fix_ipv4(&frame);
		} else {
			frame_ipv6(&frame)->hop_limit = 7;
		}
		sent = frame;
		world_assert_verdict(*state, &frame, V_REPLY);
		assert_int_equal(frame.packet.size, sent.packet.size);
		assert_memory_equal(frame.packet.data, frame_client_mac, 6);
		assert_memory_equal(frame.packet.data + 6, frame_port_mac, 6);
		assert_int_equal(frame.packet.data[l4], i == 0 ? 0 : 129);
		/* Id, sequence and data come back. */
		assert_memory_equal(
			frame.packet.data + l4 + 4, sent.buffer + FRAME_HEADROOM + l4 + 4, 13);
		if (i == 0) {
			assert_int_equal(frame_ipv4(&frame)->ttl, 64);
			assert_memory_equal(frame_ipv4(&frame)->source, vip.bytes, 4);
			assert_memory_equal(frame_ipv4(&frame)->destination, client.bytes, 4);
			assert_int_equal(
				checksum_finish(checksum_add(0, frame_ipv4(&frame), 20)), 0);
		} else {
			assert_int_equal(frame_ipv6(&frame)->hop_limit, 64);
			assert_memory_equal(frame_ipv6(&frame)->source, vip.bytes, 16);
			assert_memory_equal(frame_ipv6(&frame)->destination, client.bytes, 16);
			sum = checksum_add_pseudo(0, &vip, &client, IPPROTO_ICMPV6, 17);
		}
		assert_int_equal(checksum_finish(checksum_add(sum, frame.packet.data + l4, 17)), 0);
	}
}

static void
echo_that_should_not_be_answered_is_not(void **state)
{
	static const char *const sources[] = {
		"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"};
	struct world *world = *state;
	struct frame frame;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		frame_echo(&frame, sources[i], WORLD_VIP4);
		world_assert_verdict(world, &frame, V_DROP_BAD_ECHO);
	}
	frame_echo(&frame, "ff02::1", WORLD_VIP6);
	world_assert_verdict(world, &frame, V_DROP_BAD_ECHO);
	frame_echo(&frame, "::", WORLD_VIP6);
	world_assert_verdict(world, &frame, V_DROP_BAD_ECHO);
	frame_echo(&frame, HOST4, WORLD_VIP4);
	frame.packet.data[frame.packet.size - 1] ^= 1;
	world_assert_verdict(world, &frame, V_DROP_BAD_CHECKSUM);
	frame_echo(&frame, HOST4, WORLD_VIP4);
	memset(frame_ethernet(&frame)->destination, 0xff, 6); /* To all stations. */
	world_assert_verdict(world, &frame, V_DROP_OTHER_STATION);
	frame_echo(&frame, HOST4, "192.0.2.11");
	world_assert_verdict(world, &frame, V_HOST);
}

static void
other_icmp_for_a_vip_is_dropped(void **state)
{
	struct frame frame;

	frame_echo(&frame, HOST4, WORLD_VIP4);
	frame.packet.data[34] = 13; /* Timestamp. */
	frame_fix_icmp(&frame, 34);
	world_assert_verdict(*state, &frame, V_DROP_ICMP);
}

static void
traffic_of_the_host_is_the_hosts(void **state)
{
	static const uint8_t group_mac[6] = {1, 0, 0x5e, 0, 0, 18};
	struct world *world = *state;
	struct frame frame;

	frame_tcp(&frame, HOST4, 4711, "192.0.2.10", 22, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_HOST);
	frame_ip(&frame, HOST4, "224.0.0.18", 112, "vrrp", 4);
	memcpy(frame_ethernet(&frame)->destination, group_mac, 6);
	world_assert_verdict(world, &frame, V_HOST);
	frame_ethernet(&frame)->type = be16_from(0x88cc);
	world_assert_verdict(world, &frame, V_HOST);
	/* Its fragments and broken packets too: the host counts them itself. */
	frame_udp(&frame, HOST4, 4711, "192.0.2.10", 53);
	frame_ipv4(&frame)->fragment = be16_from(IPV4_MORE_FRAGMENTS);
	frame_fix_ipv4(&frame);
	world_assert_verdict(world, &frame, V_HOST);
	frame_udp(&frame, HOST4, 4711, "192.0.2.10", 53);
	frame_ipv4(&frame)->checksum ^= 1;
	world_assert_verdict(world, &frame, V_HOST);
}

static void
frames_for_other_stations_are_dropped(void **state)
{
	struct world *world = *state;
	struct frame frame;

	/* Flooded by a switch on its way to a backend: forwarding it again would double it. */
	frame_tcp(&frame, HOST4, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	frame_ethernet(&frame)->destination[5] = 0x77;
	world_assert_verdict(world, &frame, V_DROP_OTHER_STATION);
	frame_tcp(&frame, HOST4, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	memset(frame_ethernet(&frame)->destination, 0xff, 6);
	world_assert_verdict(world, &frame, V_DROP_OTHER_STATION);
	frame_tcp(&frame, HOST4, 4711, "192.0.2.10", 22, TCP_FLAG_SYN);
	frame_ethernet(&frame)->destination[5] = 0x77;
	world_assert_verdict(world, &frame, V_DROP_OTHER_STATION);
}

#define LOCAL_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		LOCAL_TEST(golden_bytes_of_an_arp_reply),
		LOCAL_TEST(arp_for_others_is_the_hosts),
		LOCAL_TEST(an_arp_probe_is_answered),
		LOCAL_TEST(a_vip_that_is_not_held_is_silent),
		LOCAL_TEST(a_lease_runs_out_by_itself),
		LOCAL_TEST(a_vip_is_answered_on_its_own_port_only),
		LOCAL_TEST(an_announcement_of_a_held_vip_is_a_conflict),
		LOCAL_TEST(golden_bytes_of_a_solicited_advertisement),
		LOCAL_TEST(a_check_for_duplicates_is_answered_to_all_nodes),
		LOCAL_TEST(a_unicast_solicitation_is_answered),
		LOCAL_TEST(bad_solicitations_are_dropped),
		LOCAL_TEST(echo_is_answered_in_both_families),
		LOCAL_TEST(echo_that_should_not_be_answered_is_not),
		LOCAL_TEST(other_icmp_for_a_vip_is_dropped),
		LOCAL_TEST(traffic_of_the_host_is_the_hosts),
		LOCAL_TEST(frames_for_other_stations_are_dropped),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
