/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole frames through the packet path. */
#include "common/checksum.h"
#include "common/clock.h"
#include "dataplane/hash.h"
#include "dataplane/pipeline.h"
#include "frames.h"
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

/* Sends a TCP packet of IPv4 from 'port'; returns the backend that it goes to, or -1. */
static int
send_tcp(struct world *world, uint16_t port, uint8_t flags)
{
	struct frame frame;

	frame_tcp(&frame, clients[0], port, WORLD_VIP4, 80, flags);
	world_run(world, &frame.packet);
	return world_backend_of(&frame.packet);
}

static uint64_t
event(const struct world *world, enum flow_event which)
{
	return pipeline_stats(world->pipeline)->flow_events[which];
}

static void
only_addresses_and_ttl_change(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 4; i++) {
		struct frame frame, sent;
		size_t ttl_at = i % 2 == 0 ? 22 : 21;

		if (i < 2)
			frame_tcp(&frame, clients[i % 2], 4711, vips[i % 2], 80, TCP_FLAG_SYN);
		else
			frame_udp(&frame, clients[i % 2], 4711, vips[i % 2], 53);
		sent = frame;
		world_assert_verdict(world, &frame, V_FORWARD);
		assert_int_equal(frame.packet.out_port, 1);
		assert_true(world_backend_of(&frame.packet) >= 0);
		assert_memory_equal(frame.packet.data + 6, world->ports.ports[1].mac, 6);
		assert_int_equal(frame.packet.data[ttl_at], 63);
		if (i % 2 == 0)
			assert_int_equal(
				checksum_finish(checksum_add(0, frame_ipv4(&frame), 20)), 0);
		/* All the rest is as it came. */
		memcpy(frame.packet.data, sent.buffer + FRAME_HEADROOM, 12);
		frame.packet.data[ttl_at] = 64;
		if (i % 2 == 0)
			frame_fix_ipv4(&frame);
		assert_int_equal(frame.packet.size, sent.packet.size);
		assert_memory_equal(frame.buffer, sent.buffer, sizeof(sent.buffer));
	}
}

static void
ttl_checksums_are_right_for_every_header(void **state)
{
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		struct frame frame;

		frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 80, TCP_FLAG_ACK);
		frame_ipv4(&frame)->id = be16_from((uint16_t)id);
		frame_fix_ipv4(&frame);
		assert_int_equal(world_run(*state, &frame.packet), V_FORWARD);
		assert_int_equal(checksum_finish(checksum_add(0, frame_ipv4(&frame), 20)), 0);
	}
}

static void
a_used_up_ttl_ends_here(void **state)
{
	struct frame frame;

	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
		frame_ipv4(&frame)->ttl = ttl;
		frame_fix_ipv4(&frame);
		world_assert_verdict(*state, &frame, V_DROP_TTL);
		frame_tcp(&frame, clients[1], 4711, WORLD_VIP6, 80, TCP_FLAG_SYN);
		frame_ipv6(&frame)->hop_limit = ttl;
		world_assert_verdict(*state, &frame, V_DROP_TTL);
	}
}

static void
flows_spread_over_all_backends_and_stay(void **state)
{
	struct world *world = *state;
	int first[200], n_of[WORLD_BACKENDS] = {0};

	for (uint16_t i = 0; i < 200; i++) {
		first[i] = send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);
		assert_in_range(first[i], 0, WORLD_BACKENDS - 1);
		n_of[first[i]]++;
	}
	for (int b = 0; b < WORLD_BACKENDS; b++)
		assert_in_range(n_of[b], 25, 75);
	for (uint16_t i = 0; i < 200; i++)
		assert_int_equal(send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK), first[i]);
	assert_int_equal(event(world, FLOW_CREATED), 200);
}

static void
a_change_of_backends_moves_no_established_flow(void **state)
{
	struct world *world = *state;
	int first[200];
	int n_moved = 0;

	for (uint16_t i = 0; i < 200; i++) {
		first[i] = send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK);
	}
	world->backends[0][0].weight = 1000; /* Takes three quarters of new flows. */
	world->backends[0][1].weight = 0;    /* Drained. */
	world_apply(world);
	for (uint16_t i = 0; i < 200; i++)
		assert_int_equal(send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK), first[i]);
	for (uint16_t i = 0; i < 200; i++) {
		int backend = send_tcp(world, (uint16_t)(30000 + i), TCP_FLAG_SYN);

		assert_int_not_equal(backend, 1);
		n_moved += backend == 0;
	}
	assert_in_range(n_moved, 130, 190);
	assert_int_equal(event(world, FLOW_RESCHEDULED), 0);
}

static void
flows_of_a_lost_backend_go_to_another_and_stay_there(void **state)
{
	struct world *world = *state;
	int first[200];
	uint64_t n_lost = 0;

	for (uint16_t i = 0; i < 200; i++) {
		first[i] = send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);
		n_lost += first[i] == 2;
	}
	world->backends[0][2].up = false;
	world_apply(world);
	for (uint16_t i = 0; i < 200; i++) {
		int now = send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK);

		if (first[i] == 2)
			assert_int_not_equal(now, 2);
		else
			assert_int_equal(now, first[i]);
		first[i] = now;
	}
	assert_int_equal(event(world, FLOW_RESCHEDULED), n_lost);
	world->backends[0][2].up = true; /* Its return moves nobody back. */
	world_apply(world);
	for (uint16_t i = 0; i < 200; i++)
		assert_int_equal(send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK), first[i]);
	assert_int_equal(event(world, FLOW_RESCHEDULED), n_lost);
}

static void
a_removed_backend_keeps_no_flow(void **state)
{
	struct world *world = *state;

	for (uint16_t i = 0; i < 100; i++)
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);
	world->pools[0].n_backends = 3;
	world_apply(world);
	for (uint16_t i = 0; i < 100; i++)
		assert_in_range(send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK), 0, 2);
}

static void
a_service_that_changes_its_pool_takes_its_flows_along(void **state)
{
	struct world *world = *state;
	struct control_pool pools[3];
	struct control_backend other = world->backends[0][0];

	memcpy(pools, world->pools, sizeof(world->pools));
	snprintf(pools[2].name, CONTROL_NAME_SIZE, "other");
	pools[2].backends = &other;
	pools[2].n_backends = 1;
	other.name[1] = '4';
	for (uint16_t i = 0; i < 50; i++)
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);
	world->state.pools = pools;
	world->state.n_pools = 3;
	world->services[WORLD_HTTP4].pool = 2;
	world_apply(world);
	for (uint16_t i = 0; i < 50; i++)
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK);
	assert_int_equal(event(world, FLOW_RESCHEDULED), 50);
}

static void
another_node_takes_over_midstream_and_chooses_the_same(void **state)
{
	struct world *world = *state;
	struct world peer;

	world_init(&peer, 5000); /* Another size, so other buckets; and another order. */
	peer.backends[0][0] = world->backends[0][3];
	peer.backends[0][3] = world->backends[0][0];
	world_apply(&peer);
	for (uint16_t i = 0; i < 200; i++) {
		int backend = send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);

		assert_int_equal(send_tcp(&peer, (uint16_t)(20000 + i), TCP_FLAG_ACK), backend);
	}
	assert_int_equal(event(&peer, FLOW_CREATED), 200);
	world_fini(&peer);
}

static void
a_used_port_begins_a_new_flow(void **state)
{
	struct world *world = *state;
	int old = send_tcp(world, 20000, TCP_FLAG_SYN);

	send_tcp(world, 20000, TCP_FLAG_ACK);
	world->backends[0][old].weight = 0;
	world_apply(world);
	assert_int_equal(send_tcp(world, 20000, TCP_FLAG_FIN | TCP_FLAG_ACK), old);
	assert_int_equal(send_tcp(world, 20000, TCP_FLAG_ACK), old);
	assert_int_not_equal(send_tcp(world, 20000, TCP_FLAG_SYN), old);
	assert_int_not_equal(send_tcp(world, 20000, TCP_FLAG_ACK), old);
	assert_int_equal(event(world, FLOW_CREATED), 2);
}

static void
services_without_backends_say_so(void **state)
{
	struct world *world = *state;
	struct frame frame;

	for (int b = 0; b < WORLD_BACKENDS; b++)
		world->backends[0][b].up = false;
	world_apply(world);
	frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_DROP_NO_BACKEND);
	assert_int_equal(event(world, FLOW_CREATED), 0);
	frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 81, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_DROP_NO_SERVICE);
	frame_ip(&frame, clients[0], WORLD_VIP4, 47, "gre.", 4);
	world_assert_verdict(world, &frame, V_DROP_NO_SERVICE);
}

static void
a_backend_without_neighbour_says_so_and_heals(void **state)
{
	struct world *world = *state;
	struct nexthop unknown = {.state = NEXTHOP_UNKNOWN};
	struct nexthop ready = {.port = 0, .state = NEXTHOP_READY, .mac = {2, 9, 9, 9, 9, 9}};
	struct frame frame;
	struct addr addr;
	uint32_t cursor = 0;
	uint16_t i;

	while ((i = nexthop_next(world->nexthops, &cursor, &addr)) != NEXTHOP_NONE)
		nexthop_set(world->nexthops, i, &unknown);
	frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_DROP_NO_NEIGHBOUR);
	for (cursor = 0; (i = nexthop_next(world->nexthops, &cursor, &addr)) != NEXTHOP_NONE;)
		nexthop_set(world->nexthops, i, &ready);
	frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(world, &frame, V_FORWARD);
	assert_int_equal(frame.packet.out_port, 0);
	assert_memory_equal(frame.packet.data, ready.mac, 6);
	assert_memory_equal(frame.packet.data + 6, frame_port_mac, 6);
}

static void
icmp_errors_follow_the_flow_they_are_about(void **state)
{
	static const char *const routers[] = {"203.0.113.1", "2001:db8:f::1"};
	struct world *world = *state;

	for (int i = 0; i < 2; i++) {
		struct frame frame;
		int backend;

		frame_tcp(&frame, clients[i], 4711, vips[i], 80, TCP_FLAG_SYN);
		world_run(world, &frame.packet);
		backend = world_backend_of(&frame.packet);
		world->backends[i][backend].weight = 0; /* Hashing alone would go elsewhere. */
		world_apply(world);
		frame_icmp_error(&frame, routers[i], clients[i], 4711, vips[i], 80);
		world_assert_verdict(world, &frame, V_FORWARD);
		assert_int_equal(world_backend_of(&frame.packet), backend);
		/* About a port without a service. */
		frame_icmp_error(&frame, routers[i], clients[i], 4711, vips[i], 81);
		world_assert_verdict(world, &frame, V_DROP_ICMP);
	}
	assert_int_equal(event(world, FLOW_CREATED), 2);
}

static void
a_full_table_forwards_by_hashing_alone(void **state)
{
	struct world world;

	(void)state;
	world_init(&world, 1);
	for (int round = 0; round < 2; round++)
		for (uint16_t i = 0; i < 12; i++)
			send_tcp(&world, (uint16_t)(20000 + i), TCP_FLAG_ACK);
	for (uint16_t i = 0; i < 100; i++) {
		int backend = send_tcp(&world, (uint16_t)(30000 + i), TCP_FLAG_SYN);

		assert_in_range(backend, 0, WORLD_BACKENDS - 1);
		assert_int_equal(send_tcp(&world, (uint16_t)(30000 + i), TCP_FLAG_ACK), backend);
	}
	assert_int_equal(event(&world, FLOW_UNTRACKED), 100); /* SYNs ask for no room. */
	assert_int_equal(flow_count(pipeline_flows(world.pipeline)), 12);
	world_fini(&world);
}

static void
a_burst_may_hold_one_new_flow_many_times(void **state)
{
	struct world *world = *state;
	struct frame frames[PACKET_BURST_MAX];
	struct packet packets[PACKET_BURST_MAX];

	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		/* A new flow's SYN, data, FIN and SYN again, between packets of other kinds. */
		static const uint8_t flags[] = {
			TCP_FLAG_SYN, TCP_FLAG_ACK, TCP_FLAG_ACK, TCP_FLAG_FIN, TCP_FLAG_SYN};

		if (i % 4 == 3)
			frame_arp(&frames[i], ARP_REQUEST, "192.0.2.1", WORLD_VIP4);
		else
			frame_tcp(&frames[i], clients[0], 4711, WORLD_VIP4, 80, flags[i % 5]);
		packets[i] = frames[i].packet;
	}
	pipeline_run(world->pipeline, world->snapshot, packets, PACKET_BURST_MAX, world->now_ns);
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		assert_int_equal(packets[i].verdict, i % 4 == 3 ? V_REPLY : V_FORWARD);
		if (i % 4 != 3)
			assert_int_equal(
				world_backend_of(&packets[i]), world_backend_of(&packets[0]));
	}
	/* The last was a SYN, behind a FIN. */
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), 0);
	send_tcp(world, 4711, TCP_FLAG_ACK);
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), 1);
}

static void
a_flow_that_moves_inside_a_burst_is_found_again(void **state)
{
	struct world world;
	struct frame frames[2];
	struct packet packets[2];

	(void)state;
	world_init(&world, 1); /* One bucket. */
	send_tcp(&world, 20000, TCP_FLAG_ACK);
	world.now_ns += 5 * NS_PER_S;
	send_tcp(&world, 20001, TCP_FLAG_ACK);
	world.now_ns += 6 * NS_PER_S;
	pipeline_sweep(world.pipeline, world.now_ns, 1); /* The first one's place is free, ... */
	world.now_ns += 5 * NS_PER_S;                    /* ... the second one's time is up. */
	for (int i = 0; i < 2; i++) {
		frame_tcp(&frames[i], clients[0], 20001, WORLD_VIP4, 80,
			i == 0 ? TCP_FLAG_SYN : TCP_FLAG_ACK);
		packets[i] = frames[i].packet;
	}
	pipeline_run(world.pipeline, world.snapshot, packets, 2, world.now_ns);
	assert_int_equal(flow_count(pipeline_flows(world.pipeline)), 1);
	/* Both packets were its: it is established and outlives the embryonic timeout. */
	world.now_ns += 60 * NS_PER_S;
	pipeline_sweep(world.pipeline, world.now_ns, 1);
	assert_int_equal(flow_count(pipeline_flows(world.pipeline)), 1);
	assert_int_equal(event(&world, FLOW_EXPIRED), 2);
	world_fini(&world);
}

static void
without_a_configuration_all_is_the_hosts(void **state)
{
	struct world *world = *state;
	struct frame frame;

	frame_tcp(&frame, clients[0], 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	pipeline_run(world->pipeline, NULL, &frame.packet, 1, world->now_ns);
	assert_int_equal(frame.packet.verdict, V_HOST);
}

static void
counters_add_up(void **state)
{
	struct world *world = *state;
	const struct stats *stats = pipeline_stats(world->pipeline);
	uint64_t n_verdicts = 0, n_backend = 0, n_bytes = 0;
	size_t n;
	uint16_t id = snapshot_services(world->snapshot, &n)[WORLD_HTTP4].id;
	const struct snapshot_backend *backends;
	struct frame frame;

	for (uint16_t i = 0; i < 50; i++) {
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_SYN);
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK);
		frame_echo(&frame, clients[0], WORLD_VIP4);
		world_run(world, &frame.packet);
	}
	for (int v = 0; v < N_VERDICTS; v++)
		n_verdicts += stats->verdicts[v];
	assert_int_equal(n_verdicts, 150);
	assert_int_equal(stats->n_packets, 150);
	assert_int_equal(stats->verdicts[V_FORWARD], 100);
	assert_int_equal(stats->services[id].n_packets, 100);
	assert_int_equal(stats->services[id].n_bytes, 100 * 54);
	assert_int_equal(stats->services[id].n_new_flows, 50);
	backends = snapshot_backends(world->snapshot, &n);
	for (size_t b = 0; b < n; b++) {
		n_backend += stats->backends[backends[b].id].n_packets;
		n_bytes += stats->backends[backends[b].id].n_bytes;
	}
	assert_int_equal(n_backend, 100);
	assert_int_equal(n_bytes, 100 * 54);
	pipeline_recount(world->pipeline, V_FORWARD, V_DROP_TX_FULL);
	assert_int_equal(stats->verdicts[V_FORWARD], 99);
	assert_int_equal(stats->verdicts[V_DROP_TX_FULL], 1);
}

static void
known_services_keep_their_counters_and_new_ones_begin_at_zero(void **state)
{
	struct world *world = *state;
	const struct stats *stats = pipeline_stats(world->pipeline);
	size_t n;
	uint16_t id = snapshot_services(world->snapshot, &n)[WORLD_HTTP4].id;
	uint16_t next;

	send_tcp(world, 20000, TCP_FLAG_SYN);
	world_apply(world);
	assert_int_equal(stats->services[id].n_packets, 1);
	/* Whoever had the next id before has counted something. */
	next = (uint16_t)(WORLD_SERVICES + 1);
	stats->services[next].n_packets = 99;
	world->services[WORLD_HTTP4].port = 8080;
	world_apply(world);
	assert_int_equal(snapshot_services(world->snapshot, &n)[WORLD_HTTP4].id, next);
	assert_int_equal(stats->services[next].n_packets, 0);
}

static void
a_sweep_clears_what_timed_out(void **state)
{
	struct world *world = *state;

	for (uint16_t i = 0; i < 100; i++)
		send_tcp(world, (uint16_t)(20000 + i), TCP_FLAG_ACK);
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), 100);
	world->now_ns += 11 * NS_PER_S;
	for (int i = 0; i < 20; i++)
		pipeline_sweep(world->pipeline, world->now_ns, FLOW_SWEEP_BUCKETS);
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), 0);
	assert_int_equal(event(world, FLOW_EXPIRED), 100);
}

static void
bad_settings_are_refused(void **state)
{
	struct pipeline_config config = {.memory = memory_heap()};
	struct pipeline *pipeline = NULL;

	(void)state;
	assert_int_equal(pipeline_new(&pipeline, &config), -EINVAL);
	config.n_flows = UINT32_MAX;
	assert_int_equal(pipeline_new(&pipeline, &config), -EINVAL);
	assert_null(pipeline);
	pipeline_free(NULL);
}

/* The balancer in its plainest form: which backend each client's flow has, and nothing else. */
static void
random_traffic_agrees_with_a_naive_model(void **state)
{
	enum {
		PORTS = 150
	};
	struct world *world = *state;
	int model[PORTS];
	uint64_t random = 7;

	for (int p = 0; p < PORTS; p++)
		model[p] = -1;
	for (int step = 0; step < 30000; step++) {
		uint16_t p;
		int backend;

		random = hash_mix(random + 1);
		p = (uint16_t)(random % PORTS);
		if ((random >> 32) % 500 == 0) {
			struct control_backend *b = &world->backends[0][(random >> 16) % 4];

			if ((random >> 48) % 2)
				b->up = !b->up;
			else
				b->weight = (uint16_t)((random >> 20) % 4 * 50);
			world_apply(world);
		}
		backend = send_tcp(world, (uint16_t)(20000 + p), TCP_FLAG_ACK);
		if (model[p] >= 0 && world->backends[0][model[p]].up) {
			assert_int_equal(backend, model[p]);
		} else if (backend >= 0) {
			assert_true(world->backends[0][backend].up);
			assert_int_not_equal(world->backends[0][backend].weight, 0);
			model[p] = backend;
		} else {
			for (int b = 0; b < WORLD_BACKENDS; b++)
				assert_true(!world->backends[0][b].up ||
					    world->backends[0][b].weight == 0);
		}
	}
}

#define PIPELINE_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		PIPELINE_TEST(only_addresses_and_ttl_change),
		PIPELINE_TEST(ttl_checksums_are_right_for_every_header),
		PIPELINE_TEST(a_used_up_ttl_ends_here),
		PIPELINE_TEST(flows_spread_over_all_backends_and_stay),
		PIPELINE_TEST(a_change_of_backends_moves_no_established_flow),
		PIPELINE_TEST(flows_of_a_lost_backend_go_to_another_and_stay_there),
		PIPELINE_TEST(a_removed_backend_keeps_no_flow),
		PIPELINE_TEST(a_service_that_changes_its_pool_takes_its_flows_along),
		PIPELINE_TEST(another_node_takes_over_midstream_and_chooses_the_same),
		PIPELINE_TEST(a_used_port_begins_a_new_flow),
		PIPELINE_TEST(services_without_backends_say_so),
		PIPELINE_TEST(a_backend_without_neighbour_says_so_and_heals),
		PIPELINE_TEST(icmp_errors_follow_the_flow_they_are_about),
		cmocka_unit_test(a_full_table_forwards_by_hashing_alone),
		PIPELINE_TEST(a_burst_may_hold_one_new_flow_many_times),
		cmocka_unit_test(a_flow_that_moves_inside_a_burst_is_found_again),
		PIPELINE_TEST(without_a_configuration_all_is_the_hosts),
		PIPELINE_TEST(counters_add_up),
		PIPELINE_TEST(known_services_keep_their_counters_and_new_ones_begin_at_zero),
		PIPELINE_TEST(a_sweep_clears_what_timed_out),
		cmocka_unit_test(bad_settings_are_refused),
		PIPELINE_TEST(random_traffic_agrees_with_a_naive_model),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
