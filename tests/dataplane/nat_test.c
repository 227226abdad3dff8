/* SPDX-License-Identifier: BSD-3-Clause */
/* Modes nat and fullnat through the packet path: what the flow table does with flows of two
 * entries, and checksums at their edges. */
#include "common/checksum.h"
#include "common/clock.h"
#include "dataplane/flow_table.h"
#include "dataplane/nat_rewrite.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BACK_PORT 8080
#define HEADROOM 128

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	world_init(world, 1000);
	for (int i = 0; i < WORLD_SERVICES; i++)
		world->services[i].mode = MODE_NAT;
	for (int p = 0; p < WORLD_POOLS; p++)
		for (int b = 0; b < WORLD_BACKENDS; b++)
			world->backends[p][b].port = BACK_PORT;
	world_apply(world);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	world_fini(*state);
	free(*state);
	return 0;
}

static const char *
backend_text(int family, int backend, char text[static ADDR_TEXT_SIZE])
{
	snprintf(text, ADDR_TEXT_SIZE, "%s%d",
		family == 0 ? "192.0.2." : "2001:db8::", 11 + backend);
	return text;
}

/* The TCP or UDP checksum of a frame summed over: 0 if it is right. */
static be16
l4_sum(struct frame *frame)
{
	uint8_t *ip = frame->packet.data + FRAME_L3;
	size_t header = 20, size;
	struct addr from, to;
	uint8_t protocol;

	if (frame_ethernet(frame)->type == be16_from(ETHER_IPV4)) {
		from = addr_from_v4((BE_FORCE be32)load32(ip + 12));
		to = addr_from_v4((BE_FORCE be32)load32(ip + 16));
		protocol = ip[9];
	} else {
		from = addr_from_v6(ip + 8);
		to = addr_from_v6(ip + 24);
		protocol = ip[6];
		header = 40;
	}
	size = frame->packet.size - FRAME_L3 - header;
	return checksum_finish(checksum_add(
		checksum_add_pseudo(0, &from, &to, protocol, size), ip + header, size));
}

/* Whether the checksums of a frame are right. */
static bool
l4_good(struct frame *frame)
{
	bool is_v4 = frame_ethernet(frame)->type == be16_from(ETHER_IPV4);

	return l4_sum(frame) == 0 &&
	       (!is_v4 || checksum_finish(checksum_add(0, frame_ipv4(frame), 20)) == 0);
}

static void
fix_tcp(struct frame *frame)
{
	bool is_v4 = frame_ethernet(frame)->type == be16_from(ETHER_IPV4);
	struct wire_tcp *tcp =
		(struct wire_tcp *)(frame->packet.data + FRAME_L3 + (is_v4 ? 20 : 40));

	tcp->checksum = 0;
	tcp->checksum = l4_sum(frame);
}

/* Sends a client's packet; returns the backend that gets it, or -1. */
static int
ask(struct world *world, struct frame *frame, int family, uint16_t port, uint8_t flags)
{
	frame_tcp(frame, clients[family], port, vips[family], 80, flags);
	fix_tcp(frame);
	world_run(world, &frame->packet);
	return world_backend_of(&frame->packet);
}

static enum verdict
answer(struct world *world, struct frame *frame, int family, int backend, uint16_t port,
	uint8_t flags)
{
	char text[ADDR_TEXT_SIZE];

	frame_tcp(frame, backend_text(family, backend, text), BACK_PORT, clients[family], port,
		flags);
	fix_tcp(frame);
	return world_run(world, &frame->packet);
}

static uint64_t
n_flows(const struct world *world)
{
	return flow_count(pipeline_flows(world->pipeline));
}

static void
checksums_stay_right_whatever_the_ports(void **state)
{
	struct world *world = *state;

	for (int family = 0; family < 2; family++) {
		for (uint32_t port = 1; port <= UINT16_MAX; port += 7) {
			struct frame frame;
			int backend = ask(world, &frame, family, (uint16_t)port, TCP_FLAG_SYN);

			assert_true(backend >= 0);
			assert_true(l4_good(&frame));
			assert_int_equal(answer(world, &frame, family, backend, (uint16_t)port,
						 TCP_FLAG_SYN | TCP_FLAG_ACK),
				V_RETURN);
			assert_true(l4_good(&frame));
			assert_memory_equal(
				frame_ethernet(&frame)->destination, frame_client_mac, 6);
		}
	}
}

/* 0 means that there is none: a sum of zero is sent as ffff. */
static void
a_udp_checksum_never_becomes_none(void **state)
{
	struct world *world = *state;
	unsigned int n_ones = 0;

	for (uint32_t port = 1; port <= UINT16_MAX; port++) {
		struct frame frame;
		struct wire_udp *udp;

		frame_udp(&frame, clients[1], (uint16_t)port, WORLD_VIP6, 53);
		udp = (struct wire_udp *)(frame.packet.data + FRAME_L3 + 40);
		udp->checksum = 0;
		udp->checksum = l4_sum(&frame);
		if (be16_to(udp->checksum) == 0)
			udp->checksum = be16_from(0xffff);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
		assert_int_not_equal(be16_to(udp->checksum), 0);
		n_ones += be16_to(udp->checksum) == 0xffff;
		assert_true(l4_good(&frame));
	}
	assert_true(n_ones > 0);
}

static void
a_flow_is_counted_once_and_goes_with_both_entries(void **state)
{
	struct world *world = *state;
	struct frame frame;
	int backend = ask(world, &frame, 0, 4000, TCP_FLAG_SYN);
	struct flow_view views[FLOW_LIST_MIN];
	uint32_t cursor = 0, n = 0;

	assert_int_equal(n_flows(world), 1);
	while (cursor < 1000 && n == 0)
		n = flow_list(pipeline_flows(world->pipeline), world->now_ns, &cursor, views,
			FLOW_LIST_MIN);
	assert_int_equal(n, 1);
	assert_int_equal(views[0].client_port, 4000);
	assert_int_equal(
		answer(world, &frame, 0, backend, 4000, TCP_FLAG_SYN | TCP_FLAG_ACK), V_RETURN);
	world->now_ns += 60 * NS_PER_S;
	assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_ACK), V_HOST);
	assert_int_equal(n_flows(world), 0);
	assert_int_equal(ask(world, &frame, 0, 4000, TCP_FLAG_SYN), backend);
	world->now_ns += 60 * NS_PER_S;
	pipeline_sweep(world->pipeline, world->now_ns, 1000);
	assert_int_equal(n_flows(world), 0);
	assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_ACK), V_HOST);
}

static void
the_backends_packets_keep_a_flow_alive(void **state)
{
	struct world *world = *state;
	struct frame frame;
	int backend = ask(world, &frame, 0, 4000, TCP_FLAG_SYN);

	ask(world, &frame, 0, 4000, TCP_FLAG_ACK);
	for (int i = 0; i < 10; i++) {
		world->now_ns += 600 * NS_PER_S;
		pipeline_sweep(world->pipeline, world->now_ns, 1000);
		assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_ACK), V_RETURN);
	}
	assert_int_equal(ask(world, &frame, 0, 4000, TCP_FLAG_ACK), backend);
	/* What the backend refuses is over soon. */
	assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_RST), V_RETURN);
	world->now_ns += 3 * NS_PER_S;
	assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_ACK), V_HOST);
}

static void
a_new_connection_from_the_same_port_is_translated_too(void **state)
{
	struct world *world = *state;
	struct frame frame;

	for (int i = 0; i < 3; i++) {
		int backend = ask(world, &frame, 0, 4000, TCP_FLAG_SYN);

		assert_true(backend >= 0);
		ask(world, &frame, 0, 4000, TCP_FLAG_ACK);
		assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_FIN), V_RETURN);
		ask(world, &frame, 0, 4000, TCP_FLAG_FIN);
		/* The backend's SYN begins nothing. */
		assert_int_equal(answer(world, &frame, 0, backend, 4000, TCP_FLAG_SYN), V_RETURN);
		assert_int_equal(n_flows(world), 1);
	}
}

/* Many more flows than there is room for: entries go by twos, and what is found is right. */
static void
a_flood_leaves_no_half_flows(void **state)
{
	struct world *world = *state;
	uint64_t n_forwarded = 0;

	for (uint32_t i = 0; i < 20000; i++) {
		uint16_t port = (uint16_t)(1024 + i);
		struct frame frame;
		int backend = ask(world, &frame, 0, port, TCP_FLAG_SYN);
		enum verdict verdict;

		if (backend < 0) {
			assert_int_equal(frame.packet.verdict, V_DROP_NO_FLOW);
			continue;
		}
		n_forwarded++;
		verdict = answer(world, &frame, 0, backend, port, TCP_FLAG_SYN | TCP_FLAG_ACK);
		assert_int_equal(verdict, V_RETURN);
		assert_true(l4_good(&frame));
		world->now_ns += NS_PER_MS;
	}
	assert_true(n_forwarded > 19900);
	assert_true(n_flows(world) <= 1000);
	world->now_ns += 60 * NS_PER_S;
	pipeline_sweep(world->pipeline, world->now_ns, 1000);
	assert_int_equal(n_flows(world), 0);
}

static void
established_flows_survive_a_flood(void **state)
{
	struct world *world = *state;
	struct frame frame;
	int backends[100];

	for (uint16_t i = 0; i < 100; i++) {
		backends[i] = ask(world, &frame, 0, i + 1, TCP_FLAG_SYN);
		ask(world, &frame, 0, i + 1, TCP_FLAG_ACK);
	}
	for (uint32_t i = 0; i < 10000; i++)
		ask(world, &frame, 0, (uint16_t)(2000 + i), TCP_FLAG_SYN);
	for (uint16_t i = 0; i < 100; i++)
		assert_int_equal(
			answer(world, &frame, 0, backends[i], i + 1, TCP_FLAG_ACK), V_RETURN);
}

static void
the_hosts_packets_come_through_unchanged(void **state)
{
	struct world *world = *state;
	struct frame frame, sent;

	frame_tcp(&frame, "192.0.2.11", BACK_PORT, clients[0], 4000, TCP_FLAG_ACK);
	sent = frame;
	assert_int_equal(world_run(world, &frame.packet), V_HOST);
	assert_memory_equal(frame.buffer, sent.buffer, sizeof(sent.buffer));
}

/* A world with one backend and one local address, in mode fullnat. */
struct full_world {
	struct world world;
	struct addr address;
	struct control_local local;
};

static int
set_up_full(void **state)
{
	struct full_world *full = calloc(1, sizeof(*full));
	struct world *world;

	if (!full)
		return -1;
	world = &full->world;
	world_init(world, 300000);
	world->services[WORLD_HTTP4].mode = MODE_FULLNAT;
	for (int b = 0; b < WORLD_BACKENDS; b++) {
		world->backends[0][b].port = BACK_PORT;
		world->backends[0][b].up = b == 0;
	}
	full->address = frame_addr("192.0.2.5");
	snprintf(full->local.port, sizeof(full->local.port), "back");
	full->local.addresses = &full->address;
	full->local.n_addresses = 1;
	world->state.locals = &full->local;
	world->state.n_locals = 1;
	world_apply(world);
	*state = full; /* Begins with the world, for tear_down(). */
	return 0;
}

static int
set_up_told(void **state, uint8_t client_address)
{
	int rc = set_up_full(state);
	struct world *world = *state;

	if (rc < 0)
		return rc;
	world->services[WORLD_HTTP4].client_address = client_address;
	if (client_address == CLIENT_ADDRESS_PROXY2) {
		world->services[WORLD_DNS4].mode = MODE_FULLNAT;
		world->services[WORLD_DNS4].client_address = client_address;
	}
	world_apply(world);
	return 0;
}

static int
set_up_proxy(void **state)
{
	return set_up_told(state, CLIENT_ADDRESS_PROXY2);
}

static int
set_up_toa(void **state)
{
	return set_up_told(state, CLIENT_ADDRESS_TOA);
}

static int
set_up_cookies(void **state)
{
	int rc = set_up_told(state, CLIENT_ADDRESS_PROXY2);
	struct world *world = *state;

	if (rc < 0)
		return rc;
	world->services[WORLD_HTTP4].syn_cookies = true;
	world_apply(world);
	return 0;
}

static uint32_t
n_local_port(struct frame *frame)
{
	const struct wire_tcp *tcp = (const struct wire_tcp *)(frame->packet.data + FRAME_L3 + 20);

	return be16_to(tcp->source_port);
}

static enum verdict
ask_from(struct world *world, struct frame *frame, uint32_t i, uint8_t flags)
{
	char client[ADDR_TEXT_SIZE];

	snprintf(client, sizeof(client), "198.51.%u.7", i / 60000);
	frame_tcp(frame, client, (uint16_t)(1 + i % 60000), WORLD_VIP4, 80, flags);
	fix_tcp(frame);
	return world_run(world, &frame->packet);
}

static void
local_ports_run_out_and_are_free_again_when_flows_end(void **state)
{
	struct world *world = *state;
	uint8_t *seen = calloc(65536, 1);
	unsigned int n_tries = 0;
	struct frame frame;

	assert_non_null(seen);
	for (uint32_t i = 0; i < 64512; i++) {
		uint32_t port;

		assert_int_equal(ask_from(world, &frame, i, TCP_FLAG_SYN), V_FORWARD);
		port = n_local_port(&frame);
		assert_true(port >= 1024 && !seen[port]);
		seen[port] = 1;
		assert_true(l4_good(&frame));
		assert_int_equal(ask_from(world, &frame, i, TCP_FLAG_ACK), V_FORWARD);
		assert_int_equal(n_local_port(&frame), port);
	}
	assert_int_equal(ask_from(world, &frame, 100000, TCP_FLAG_SYN), V_DROP_NO_LOCAL);
	assert_int_equal(n_flows(world), 64512);
	/* One that has sent FIN keeps its port for a while, one that was reset hardly. */
	ask_from(world, &frame, 7, TCP_FLAG_FIN);
	ask_from(world, &frame, 9, TCP_FLAG_FIN | TCP_FLAG_ACK);
	world->now_ns += 20 * NS_PER_S;
	for (int i = 0; i < 2100; i++)
		assert_int_equal(ask_from(world, &frame, 100000, TCP_FLAG_SYN), V_DROP_NO_LOCAL);
	world->now_ns += 20 * NS_PER_S;
	while (ask_from(world, &frame, 100000, TCP_FLAG_SYN) == V_DROP_NO_LOCAL)
		assert_true(n_tries++ < 2100);
	assert_int_equal(frame.packet.verdict, V_FORWARD);
	free(seen);
}

static void
a_new_connection_gets_a_new_local_port(void **state)
{
	struct world *world = *state;
	struct frame frame;
	uint32_t first;

	ask_from(world, &frame, 1, TCP_FLAG_SYN);
	first = n_local_port(&frame);
	ask_from(world, &frame, 1, TCP_FLAG_FIN);
	assert_int_equal(n_local_port(&frame), first);
	assert_int_equal(ask_from(world, &frame, 1, TCP_FLAG_SYN), V_FORWARD);
	assert_int_not_equal(n_local_port(&frame), first);
	assert_int_equal(n_flows(world), 1);
}

/* Ids of next hops are given anew while a flow is still in the table. */
static void
a_backend_with_anothers_id_gets_no_packets_of_its_flows(void **state)
{
	struct world *world = *state;
	struct frame frame;
	int backend = ask(world, &frame, 0, 4000, TCP_FLAG_SYN);
	char text[ADDR_TEXT_SIZE];

	world->backends[0][backend].addr = frame_addr("192.0.2.77");
	world_apply(world);
	frame_tcp(&frame, "192.0.2.77", BACK_PORT, clients[0], 4000, TCP_FLAG_ACK);
	assert_int_not_equal(world_run(world, &frame.packet), V_RETURN);
	frame_tcp(
		&frame, backend_text(0, backend, text), BACK_PORT, clients[0], 4000, TCP_FLAG_ACK);
	assert_int_equal(world_run(world, &frame.packet), V_HOST);
}

static uint64_t
n_active(const struct world *world)
{
	const struct stats *stats = pipeline_stats(world->pipeline);
	uint64_t n = 0;

	for (size_t i = 0; i < STATS_BACKENDS_MAX; i++)
		n += stats->backends[i].n_active;
	return n;
}

static void
backends_have_each_flow_once(void **state)
{
	struct world *world = *state;
	struct frame frame;

	for (uint16_t i = 0; i < 3000; i++) {
		ask(world, &frame, i % 2, 1024 + i, TCP_FLAG_SYN);
		assert_int_equal(n_active(world), n_flows(world));
	}
	for (int b = 0; b < WORLD_BACKENDS / 2; b++)
		world->backends[0][b].up = false;
	world_apply(world);
	for (uint16_t i = 0; i < 3000; i++)
		ask(world, &frame, i % 2, 1024 + i, TCP_FLAG_ACK);
	assert_int_equal(n_active(world), n_flows(world));
	world->now_ns += 3600 * NS_PER_S;
	pipeline_sweep(world->pipeline, world->now_ns, 1000);
	assert_int_equal(n_active(world), 0);
}

/* Its backends answer from whatever port they were asked at. */
static void
a_service_of_all_ports_is_translated(void **state)
{
	struct world *world = *state;
	char text[ADDR_TEXT_SIZE];

	world->services[WORLD_HTTP4].port = 0;
	for (int b = 0; b < WORLD_BACKENDS; b++)
		world->backends[0][b].port = 0;
	world_apply(world);
	for (uint16_t port = 1; port < 2000; port++) {
		struct frame frame;
		int backend;

		frame_tcp(&frame, clients[0], 4000, WORLD_VIP4, port, TCP_FLAG_SYN);
		fix_tcp(&frame);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
		backend = world_backend_of(&frame.packet);
		frame_tcp(&frame, backend_text(0, backend, text), port, clients[0], 4000,
			TCP_FLAG_SYN | TCP_FLAG_ACK);
		fix_tcp(&frame);
		assert_int_equal(world_run(world, &frame.packet), V_RETURN);
		assert_true(l4_good(&frame));
	}
}

static uint32_t
draw(uint64_t *random, uint32_t n)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*random >> 33) % n;
}

/* One of the kinds of frames that a flow has, in either direction. */
static void
any_frame(struct frame *frame, uint64_t *random)
{
	unsigned int family = draw(random, 2);
	uint16_t port = (uint16_t)(4000 + draw(random, 8));
	uint8_t flags = (uint8_t)draw(random, 32);
	char text[ADDR_TEXT_SIZE];
	const char *backend = backend_text((int)family, (int)draw(random, WORLD_BACKENDS), text);

	switch (draw(random, 6)) {
	case 0:
		frame_udp(frame, clients[family], port, vips[family], 53);
		break;
	case 1:
		frame_tcp(frame, backend, BACK_PORT, clients[family], port, flags);
		break;
	case 2:
		frame_tcp(frame, backend, BACK_PORT, family ? "2001:db8::5" : "192.0.2.5",
			(uint16_t)(1024 + draw(random, 100)), flags);
		break;
	case 3:
		frame_icmp_error(frame, backend, backend, BACK_PORT, clients[family], port);
		break;
	case 4:
		frame_icmp_error(frame, clients[family], vips[family], 80, clients[family], port);
		break;
	default:
		frame_tcp(frame, clients[family], port, vips[family], 80, flags);
	}
}

/* In buffers of just their size, for sanitizers. */
static void
mutated_frames_are_survived(void **state)
{
	struct world *world = *state;
	uint64_t random = 42;

	for (unsigned int i = 0; i < 100000; i++) {
		struct frame frame;
		struct packet packet;
		uint8_t *buffer, *bytes;
		uint16_t room;

		any_frame(&frame, &random);
		packet = frame.packet;
		if (draw(&random, 4) == 0)
			packet.size = draw(&random, packet.size + 1);
		room = (uint16_t)(draw(&random, 2) * HEADROOM);
		buffer = malloc(room + packet.size + 1);
		assert_non_null(buffer);
		bytes = buffer + room;
		memcpy(bytes, frame.packet.data, packet.size);
		packet.data = bytes;
		packet.headroom = room;
		packet.tailroom = 0;
		packet.flags = draw(&random, 2) ? PACKET_CHECKSUM_GOOD : 0;
		for (unsigned int n = draw(&random, 4); n > 0 && packet.size > 0; n--)
			bytes[draw(&random, packet.size)] = (uint8_t)draw(&random, 256);
		world_run(world, &packet);
		if (packet.verdict == V_HOLD)
			while (pipeline_abandon(world->pipeline))
				;
		free(buffer);
		world->now_ns += draw(&random, 100) * NS_PER_MS;
		if (i % 1000 == 0)
			assert_int_equal(n_active(world), n_flows(world));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			checksums_stay_right_whatever_the_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_udp_checksum_never_becomes_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_flow_is_counted_once_and_goes_with_both_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_backends_packets_keep_a_flow_alive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_connection_from_the_same_port_is_translated_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_leaves_no_half_flows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			established_flows_survive_a_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_hosts_packets_come_through_unchanged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_backend_with_anothers_id_gets_no_packets_of_its_flows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(backends_have_each_flow_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mutated_frames_are_survived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			mutated_frames_are_survived, set_up_full, tear_down),
		cmocka_unit_test_setup_teardown(
			mutated_frames_are_survived, set_up_proxy, tear_down),
		cmocka_unit_test_setup_teardown(mutated_frames_are_survived, set_up_toa, tear_down),
		cmocka_unit_test_setup_teardown(
			mutated_frames_are_survived, set_up_cookies, tear_down),
		cmocka_unit_test_setup_teardown(
			a_service_of_all_ports_is_translated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			local_ports_run_out_and_are_free_again_when_flows_end, set_up_full,
			tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_connection_gets_a_new_local_port, set_up_full, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
