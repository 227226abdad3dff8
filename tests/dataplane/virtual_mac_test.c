/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual MAC addresses: who takes frames to them, what is answered, how adverts leave. */
#include "dataplane/virtual_mac.h"

#include "dataplane/announce.h"
#include "dataplane/local.h"
#include "frames.h"
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CLIENT "198.51.100.7"
#define HOST4 "192.0.2.1"
#define HOST6 "fe80::1"

static const uint8_t mac4[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x33};
static const uint8_t mac6[6] = {0x00, 0x00, 0x5e, 0x00, 0x02, 0x33};

static int
set_up(void **state)
{
	struct world *world;

	if (world_set_up(state) != 0)
		return -1;
	world = *state;
	for (int r = 0; r < 2; r++)
		world->routers[r].vrid = 0x33;
	world_apply(world);
	return 0;
}

static void
let_go(struct world *world, const char *router)
{
	lease_set(world->leases, lease_find(world->leases, router), 0);
}

static void
arp_and_solicitations_are_answered_with_it(void **state)
{
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	world_assert_verdict(*state, &frame, V_REPLY);
	assert_memory_equal(frame_ethernet(&frame)->source, mac4, 6);
	assert_memory_equal(frame.packet.data + 22, mac4, 6); /* The ARP sender's. */
	frame_solicit(&frame, HOST6, WORLD_VIP6);
	world_assert_verdict(*state, &frame, V_REPLY);
	assert_memory_equal(frame_ethernet(&frame)->source, mac6, 6);
	assert_memory_equal(frame.packet.data + 80, mac6, 6); /* The target's option. */
}

static void
frames_to_it_are_forwarded_by_the_holder_alone(void **state)
{
	struct world *world = *state;
	struct frame frame;

	frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	memcpy(frame_ethernet(&frame)->destination, mac4, 6);
	world_assert_verdict(world, &frame, V_FORWARD);
	/* That of the other family is another router's. */
	let_go(world, "front6");
	frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	memcpy(frame_ethernet(&frame)->destination, mac6, 6);
	world_assert_verdict(world, &frame, V_DROP_OTHER_STATION);
	let_go(world, "front4");
	frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	memcpy(frame_ethernet(&frame)->destination, mac4, 6);
	world_assert_verdict(world, &frame, V_DROP_OTHER_STATION);
	/* What still comes to the port itself is forwarded, as ever. */
	frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_FORWARD);
}

static void
frames_to_a_virtual_mac_of_nobody_here_are_dropped(void **state)
{
	static const uint8_t others[][6] = {{0x00, 0x00, 0x5e, 0x00, 0x01, 0x34},
		{0x00, 0x00, 0x5e, 0x00, 0x00, 0x33}, {0x00, 0x00, 0x5e, 0x00, 0x03, 0x33},
		{0x00, 0x00, 0x5e, 0x01, 0x01, 0x33}};
	struct frame frame;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
		memcpy(frame_ethernet(&frame)->destination, others[i], 6);
		world_assert_verdict(*state, &frame, V_DROP_OTHER_STATION);
	}
	/* Nor on another port. */
	frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	memcpy(frame_ethernet(&frame)->destination, mac4, 6);
	frame.packet.in_port = 1;
	world_assert_verdict(*state, &frame, V_DROP_OTHER_STATION);
}

static void
what_is_the_hosts_goes_to_it_under_its_own_address(void **state)
{
	struct frame frame;

	frame_tcp(&frame, CLIENT, 4711, "192.0.2.77", 22, TCP_FLAG_SYN);
	memcpy(frame_ethernet(&frame)->destination, mac4, 6);
	world_assert_verdict(*state, &frame, V_HOST);
	assert_memory_equal(frame_ethernet(&frame)->destination, frame_port_mac, 6);
}

static void
two_routers_of_one_vrid_are_refused(void **state)
{
	struct world *world = *state;
	const struct snapshot_tables tables = {&world->ports, world->nexthops, world->leases, NULL};
	struct snapshot *snapshot = NULL;
	struct control_router routers[3] = {world->routers[0], world->routers[1]};
	struct control_state with = world->state;
	struct addr vip = frame_addr("192.0.2.101");
	struct err err = {""};

	routers[2] = world->routers[0];
	snprintf(routers[2].name, sizeof(routers[2].name), "third");
	routers[2].addresses = &vip;
	with.routers = routers;
	with.n_routers = 3;
	assert_int_equal(snapshot_new(&snapshot, &with, world->snapshot, &tables, &err), -EINVAL);
	assert_string_equal(
		err.text, "virtual router third: vrid 51 is taken by another router of its port");
	routers[2].vrid = 0x34;
	assert_int_equal(snapshot_new(&snapshot, &with, world->snapshot, &tables, &err), 0);
	snapshot_free(snapshot);
}

static void
adverts_of_the_host_leave_from_it(void **state)
{
	struct world *world = *state;
	const struct virtual_macs *macs = snapshot_virtual_macs(world->snapshot);
	/* IPv4 with options, protocol 112; VRRPv3, VRID 0x33. */
	uint8_t v4[64] = {1, 0, 0x5e, 0, 0, 18, 2, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x46, [23] = 112, [38] = 0x31, [39] = 0x33};
	uint8_t v6[64] = {0x33, 0x33, 0, 0, 0, 18, 2, 0, 0, 0, 0, 1, 0x86, 0xdd,
		0x60, [20] = 112, [54] = 0x31, [55] = 0x33};
	struct virtual_advert advert;

	assert_true(virtual_mac_is_advert(v4, sizeof(v4), &advert));
	assert_int_equal(advert.vrid, 0x33);
	virtual_mac_send(macs, 1, &advert, v4);
	assert_memory_equal(v4 + 6, frame_port_mac, 6); /* Another port's. */
	virtual_mac_send(macs, 0, &advert, v4);
	assert_memory_equal(v4 + 6, mac4, 6);
	assert_true(virtual_mac_is_advert(v6, sizeof(v6), &advert));
	virtual_mac_send(macs, 0, &advert, v6);
	assert_memory_equal(v6 + 6, mac6, 6);
	/* A router of another number keeps the port's. */
	v4[39] = 0x34;
	memcpy(v4 + 6, frame_port_mac, 6);
	assert_true(virtual_mac_is_advert(v4, sizeof(v4), &advert));
	virtual_mac_send(macs, 0, &advert, v4);
	assert_memory_equal(v4 + 6, frame_port_mac, 6);
	/* Cut short, or something else. */
	assert_false(virtual_mac_is_advert(v6, 55, &advert));
	assert_false(virtual_mac_is_advert(v6, 20, &advert));
	assert_false(virtual_mac_is_advert(v4, 39, &advert));
	assert_true(virtual_mac_is_advert(v4, 40, &advert));
	v4[23] = 6;
	assert_false(virtual_mac_is_advert(v4, sizeof(v4), &advert));
	v6[13] = 0xde;
	assert_false(virtual_mac_is_advert(v6, sizeof(v6), &advert));
}

static void
another_station_that_claims_a_held_address_is_noticed(void **state)
{
	struct world *world = *state;
	uint16_t lease = lease_find(world->leases, "front4");
	struct frame frame;

	frame_arp(&frame, ARP_REQUEST, WORLD_VIP4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_DROP_VIP_CLAIMED);
	assert_true(lease_take_claim(world->leases, lease));
	assert_false(lease_take_claim(world->leases, lease));
	/* What a bridge sends back is no claim. */
	frame_arp(&frame, ARP_REQUEST, WORLD_VIP4, WORLD_VIP4);
	memcpy(frame_ethernet(&frame)->source, mac4, 6);
	world_assert_verdict(world, &frame, V_DROP_VIP_CLAIMED);
	assert_false(lease_take_claim(world->leases, lease));
	let_go(world, "front4");
	frame_arp(&frame, ARP_REQUEST, WORLD_VIP4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_HOST);
	assert_false(lease_take_claim(world->leases, lease));
}

static void
an_advertisement_of_another_station_is_a_claim(void **state)
{
	static const uint8_t other[6] = {2, 0, 0, 0, 0, 9};
	struct world *world = *state;
	uint16_t lease = lease_find(world->leases, "front6");
	struct addr vip = frame_addr(WORLD_VIP6);
	struct frame frame;

	frame_solicit(&frame, HOST6, WORLD_VIP6);
	frame.packet.size =
		(uint32_t)announce_build(frame.packet.data, ANNOUNCE_FRAME_MAX, 0, &vip, other);
	world_assert_verdict(world, &frame, V_DROP_VIP_CLAIMED);
	assert_true(lease_take_claim(world->leases, lease));
	/* One that has crossed a router, or is damaged, is none. */
	frame.packet.data[21] = 254;
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame.packet.data[21] = 255;
	frame.packet.data[57] ^= 1;
	world_assert_verdict(world, &frame, V_DROP_BAD_NEIGHBOUR);
	frame.packet.data[57] ^= 1;
	assert_false(lease_take_claim(world->leases, lease));
	let_go(world, "front6");
	world_assert_verdict(world, &frame, V_HOST);
}

static void
echo_is_answered_only_where_it_is_accepted(void **state)
{
	struct world *world = *state;
	struct frame frame;

	frame_echo(&frame, CLIENT, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_REPLY);
	assert_memory_equal(frame_ethernet(&frame)->source, mac4, 6);
	world->routers[0].accept = false;
	world_apply(world);
	frame_echo(&frame, CLIENT, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_DROP_NOT_ACCEPTED);
	/* ARP, and services, are another matter (RFC 9568 6.1, Accept_Mode). */
	frame_arp(&frame, ARP_REQUEST, HOST4, WORLD_VIP4);
	world_assert_verdict(world, &frame, V_REPLY);
	frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_FORWARD);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, world_tear_down)
	const struct CMUnitTest cases[] = {
		CASE(arp_and_solicitations_are_answered_with_it),
		CASE(frames_to_it_are_forwarded_by_the_holder_alone),
		CASE(frames_to_a_virtual_mac_of_nobody_here_are_dropped),
		CASE(what_is_the_hosts_goes_to_it_under_its_own_address),
		CASE(two_routers_of_one_vrid_are_refused),
		CASE(adverts_of_the_host_leave_from_it),
		CASE(another_station_that_claims_a_held_address_is_noticed),
		CASE(an_advertisement_of_another_station_is_a_claim),
		CASE(echo_is_answered_only_where_it_is_accepted),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
