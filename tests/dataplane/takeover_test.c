/* SPDX-License-Identifier: BSD-3-Clause */
/* Takeovers between two packet paths: established flows keep their backends, in every mode and with
 * every scheduler, whatever has become of the backends; and nothing is told that need not be. */
#include "common/clock.h"
#include "dataplane/flow_table.h"
#include "dataplane/takeover.h"
#include "sync_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N_PORTS 120
#define FIRST_PORT 10000

static const uint8_t modes[] = {MODE_DR, MODE_TUNNEL, MODE_NAT, MODE_FULLNAT};
static const uint8_t schedulers[] = {SCHEDULER_MAGLEV, SCHEDULER_ROUND_ROBIN,
	SCHEDULER_LEAST_CONNECTIONS, SCHEDULER_SOURCE_HASH};

/* Where a flow's packets go, and from where they come: what a backend knows a connection by. */
struct ends {
	int backend;
	uint8_t source[16];
	uint16_t source_port;
};

static struct ends
ends_of(const struct packet *packet)
{
	struct ends ends = {.backend = world_backend_of(packet)};
	bool v4 = packet->size > 14 && packet->data[12] == 0x08;
	const uint8_t *ip = packet->data + FRAME_L3;

	memcpy(ends.source, ip + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(&ends.source_port, ip + (v4 ? 20 : 40), sizeof(ends.source_port));
	return ends;
}

static struct ends
pass(struct pair_node *node, int family, uint16_t port, uint8_t flags)
{
	static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
	static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};
	struct frame frame;

	frame_tcp(&frame, clients[family], port, vips[family], 80, flags);
	frame.packet.in_port = 1;
	memcpy(frame.packet.data, node->world.ports.ports[1].mac, 6);
	world_run(&node->world, &frame.packet);
	return ends_of(&frame.packet);
}

static void
assert_ends(struct ends is, struct ends was)
{
	assert_true(is.backend >= 0);
	assert_int_equal(is.backend, was.backend);
	assert_memory_equal(is.source, was.source, sizeof(is.source));
	assert_int_equal(is.source_port, was.source_port);
}

static void
open_all(struct pair_node *node, struct ends ends[2][N_PORTS], uint16_t first)
{
	for (int family = 0; family < 2; family++) {
		for (uint16_t i = 0; i < N_PORTS; i++) {
			uint16_t port = (uint16_t)(first + i);

			pass(node, family, port, TCP_FLAG_SYN);
			ends[family][i] = pass(node, family, port, TCP_FLAG_ACK);
			assert_true(ends[family][i].backend >= 0);
		}
	}
}

static void
assert_all(struct pair_node *node, struct ends ends[2][N_PORTS], uint16_t first)
{
	for (int family = 0; family < 2; family++)
		for (uint16_t i = 0; i < N_PORTS; i++)
			assert_ends(pass(node, family, (uint16_t)(first + i), TCP_FLAG_ACK),
				ends[family][i]);
}

/* What is done to backends of both pools of a node. */
static void
drain(struct pair_node *node, int backend, uint16_t weight)
{
	for (int p = 0; p < WORLD_POOLS; p++)
		node->world.backends[p][backend].weight = weight;
}

static void
set_n_backends(struct pair_node *node, size_t n)
{
	for (int p = 0; p < WORLD_POOLS; p++)
		node->world.pools[p].n_backends = n;
}

static void
change_both(struct pair *pair, void (*change)(struct pair_node *))
{
	for (int i = 0; i < 2; i++) {
		change(&pair->nodes[i]);
		pair_apply(&pair->nodes[i]);
	}
	pair_settle(pair);
}

static void
drain_one(struct pair_node *node)
{
	drain(node, 1, 0);
}

static void
add_one(struct pair_node *node)
{
	set_n_backends(node, WORLD_BACKENDS);
}

static void
reweight(struct pair_node *node)
{
	drain(node, 0, 10);
	drain(node, 2, 300);
}

static void
tunnel(struct pair *pair)
{
	for (int i = 0; i < 2; i++)
		for (int s = 0; s < WORLD_SERVICES; s++) {
			struct control_service *service = &pair->nodes[i].world.services[s];

			service->tunnel = (struct tunnel){.type = TUNNEL_IPIP};
			service->tunnel.sources[0] =
				(struct tunnel_source){frame_addr("192.0.2.1"), 32};
			service->tunnel.sources[1] =
				(struct tunnel_source){frame_addr("2001:db8::1"), 128};
		}
}

static void
with_each(void **state, void (*change)(struct pair_node *), size_t n_backends)
{
	for (size_t m = 0; m < sizeof(modes); m++) {
		for (size_t s = 0; s < sizeof(schedulers); s++) {
			struct pair *pair;
			struct ends ends[2][N_PORTS], later[2][N_PORTS];

			pair_tear_down(state);
			pair_set_up(state);
			pair = *state;
			tunnel(pair);
			set_n_backends(&pair->nodes[0], n_backends);
			set_n_backends(&pair->nodes[1], n_backends);
			pair_use(pair, modes[m], schedulers[s]);
			open_all(&pair->nodes[0], ends, FIRST_PORT);
			pair_settle(pair);
			if (change)
				change_both(pair, change);
			open_all(&pair->nodes[0], later, FIRST_PORT + N_PORTS);
			pair_settle(pair);
			pair_take_over(&pair->nodes[1]);
			assert_all(&pair->nodes[1], ends, FIRST_PORT);
			assert_all(&pair->nodes[1], later, FIRST_PORT + N_PORTS);
			if (mode_translates(modes[m]))
				assert_int_equal(pair_event(&pair->nodes[1], PATH_SYNC_ADOPTED),
					4 * N_PORTS);
		}
	}
}

static void
flows_keep_their_backends(void **state)
{
	with_each(state, NULL, WORLD_BACKENDS);
}

static void
flows_keep_their_backends_after_a_drain(void **state)
{
	with_each(state, drain_one, WORLD_BACKENDS);
}

static void
flows_keep_their_backends_after_one_was_added(void **state)
{
	with_each(state, add_one, WORLD_BACKENDS - 1);
}

static void
flows_keep_their_backends_after_other_weights(void **state)
{
	with_each(state, reweight, WORLD_BACKENDS);
}

/* The owner dies just as both see a backend come, before it has said a word of it. */
static void
the_former_view_serves_who_saw_a_backend_first(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	drain_one(&pair->nodes[1]);
	pair_apply(&pair->nodes[1]);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
	assert_true(pair_event(&pair->nodes[1], PATH_SYNC_FORMER) > 0);
}

/* The owner dies when a server was drained on both nodes, and no flow has been told of yet. */
static void
a_death_amid_a_change_of_view_costs_nothing(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	for (int i = 0; i < 2; i++) {
		drain_one(&pair->nodes[i]);
		pair_apply(&pair->nodes[i]);
	}
	while (sync_flows_run(pair->nodes[0].sync, pair->nodes[0].world.now_ns))
		continue;
	assert_int_equal(flow_count(sync_flows_remote(pair->nodes[1].sync)), 0);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
}

/* A node that has let go of an address still gets packets for a moment. */
static void
a_straggler_takes_nothing_from_the_new_holder(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	pair_use(pair, MODE_DR, SCHEDULER_ROUND_ROBIN);
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	pair_hand_over(&pair->nodes[0], &pair->nodes[1]);
	for (uint16_t i = 0; i < N_PORTS; i++)
		pass(&pair->nodes[0], 0, (uint16_t)(FIRST_PORT + i), TCP_FLAG_FIN | TCP_FLAG_ACK);
	pair_settle(pair);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
}

/* A flow of before still has a local port here that the new holder has given to another. */
static void
a_local_port_that_was_given_again_is_the_later_flows(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS], later[2][N_PORTS];
	unsigned int n_again = 0;

	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
	pair_restart(&pair->nodes[0]);
	pair_hand_over(&pair->nodes[1], &pair->nodes[0]);
	pair_settle(pair);
	for (int family = 0; family < 2; family++)
		for (uint16_t i = 0; i < N_PORTS; i++)
			pass(&pair->nodes[0], family, (uint16_t)(FIRST_PORT + i), TCP_FLAG_RST);
	pair_settle(pair);
	open_all(&pair->nodes[0], later, FIRST_PORT + N_PORTS);
	for (int i = 0; i < N_PORTS * N_PORTS; i++)
		n_again += ends[0][i / N_PORTS].source_port == later[0][i % N_PORTS].source_port;
	assert_true(n_again > 0);
	pair_settle(pair);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], later, FIRST_PORT + N_PORTS);
}

/* An address comes back so soon that flows here look as if they had been in use all along, but
 * their clients have begun others from the same ports meanwhile. */
static void
flows_of_a_moment_ago_give_way_to_later_ones(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_wait(pair, NS_PER_S);
	pair_hand_over(&pair->nodes[0], &pair->nodes[1]);
	pair_wait(pair, NS_PER_S);
	for (int family = 0; family < 2; family++)
		for (uint16_t i = 0; i < N_PORTS; i++)
			pass(&pair->nodes[1], family, (uint16_t)(FIRST_PORT + i), TCP_FLAG_RST);
	open_all(&pair->nodes[1], ends, FIRST_PORT);
	pair_wait(pair, NS_PER_S);
	pair_hand_over(&pair->nodes[1], &pair->nodes[0]);
	sync_flows_run(pair->nodes[0].sync, pair->nodes[0].world.now_ns);
	assert_all(&pair->nodes[0], ends, FIRST_PORT);
}

/* A lease ran out and was renewed before the main thread looked, but not before workers did. */
static void
a_gap_in_a_lease_leaves_nothing_untold(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	pair_use(pair, MODE_DR, SCHEDULER_ROUND_ROBIN);
	pair_hold(&pair->nodes[0], false);
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair->nodes[0].world.now_ns += 20 * NS_PER_MS;
	pair_hold(&pair->nodes[0], true);
	pair_settle(pair);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
}

static void
a_backend_that_only_the_owner_had_costs_no_other_flow(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	set_n_backends(&pair->nodes[1], WORLD_BACKENDS - 1);
	pair_apply(&pair->nodes[1]);
	pair_take_over(&pair->nodes[1]);
	for (int family = 0; family < 2; family++) {
		for (uint16_t i = 0; i < N_PORTS; i++) {
			struct ends is = pass(
				&pair->nodes[1], family, (uint16_t)(FIRST_PORT + i), TCP_FLAG_ACK);

			if (ends[family][i].backend < WORLD_BACKENDS - 1)
				assert_ends(is, ends[family][i]);
			else
				assert_true(is.backend >= 0);
		}
	}
}

static void
what_can_be_computed_is_not_told(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	assert_int_equal(pair_event(&pair->nodes[0], PATH_SYNC_SUPPRESSED), 2 * N_PORTS);
	assert_int_equal(pair_event(&pair->nodes[0], PATH_SYNC_TOLD), 0);
	assert_int_equal(sync_flows_counters(pair->nodes[0].sync)->sent, 0);
	assert_int_equal(flow_count(sync_flows_remote(pair->nodes[1].sync)), 0);
}

/* After a drain those are told that a drain moves: of the others none. */
static void
a_change_tells_just_what_can_no_longer_be_computed(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];
	unsigned int n_drained = 0;
	uint64_t n;

	open_all(&pair->nodes[0], ends, FIRST_PORT);
	for (int family = 0; family < 2; family++)
		for (int i = 0; i < N_PORTS; i++)
			n_drained += ends[family][i].backend == 1;
	pair_settle(pair);
	change_both(pair, drain_one);
	n = sync_flows_counters(pair->nodes[0].sync)->sent;
	assert_true(n >= n_drained && n < n_drained + N_PORTS / 10);
	assert_int_equal(flow_count(sync_flows_remote(pair->nodes[1].sync)), n);
	assert_int_equal(sync_flows_counters(pair->nodes[1].sync)->applied, n);
	assert_int_equal(sync_flows_counters(pair->nodes[1].sync)->received, n);
}

static void
a_flood_of_syns_tells_nothing(void **state)
{
	struct pair *pair = *state;
	uint64_t n;

	pair_use(pair, MODE_FULLNAT, SCHEDULER_ROUND_ROBIN);
	n = sync_flows_counters(pair->nodes[1].sync)->received;
	for (uint16_t i = 0; i < 5000; i++)
		pair_send(&pair->nodes[0], i % 2, (uint16_t)(FIRST_PORT + i), TCP_FLAG_SYN);
	pair_settle(pair);
	assert_int_equal(sync_flows_counters(pair->nodes[1].sync)->received, n);
	assert_int_equal(pair_event(&pair->nodes[0], PATH_SYNC_TOLD), 0);
}

static void
a_reset_flow_is_told_to_be_gone(void **state)
{
	struct pair *pair = *state;

	pair_use(pair, MODE_DR, SCHEDULER_ROUND_ROBIN);
	pair_open(&pair->nodes[0], 0, FIRST_PORT);
	pair_settle(pair);
	assert_int_equal(flow_count(sync_flows_remote(pair->nodes[1].sync)), 1);
	pair_send(&pair->nodes[0], 0, FIRST_PORT, TCP_FLAG_RST);
	pair_settle(pair);
	assert_int_equal(flow_count(sync_flows_remote(pair->nodes[1].sync)), 0);
	assert_int_equal(sync_flows_counters(pair->nodes[0].sync)->sent_gone, 1);
}

/* The client's port is used again while the old flow is remembered; the new one need not be told.
 */
static void
a_flow_in_the_place_of_another_is_not_taken_for_it(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	change_both(pair, drain_one);
	for (int family = 0; family < 2; family++)
		for (uint16_t i = 0; i < N_PORTS; i++)
			pair_send(&pair->nodes[0], family, (uint16_t)(FIRST_PORT + i),
				TCP_FLAG_FIN | TCP_FLAG_ACK);
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	pair_settle(pair);
	assert_int_equal(flow_count(sync_flows_remote(pair->nodes[1].sync)), 0);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
}

static void
udp_streams_keep_their_backends(void **state)
{
	struct pair *pair = *state;
	int backends[N_PORTS];

	pair_use(pair, MODE_DR, SCHEDULER_ROUND_ROBIN);
	for (uint16_t i = 0; i < N_PORTS; i++) {
		backends[i] = pair_send_udp(&pair->nodes[0], i % 2, (uint16_t)(FIRST_PORT + i));
		pair_send_udp(&pair->nodes[0], i % 2, (uint16_t)(FIRST_PORT + i));
	}
	pair_settle(pair);
	pair_take_over(&pair->nodes[1]);
	for (uint16_t i = 0; i < N_PORTS; i++)
		assert_int_equal(pair_send_udp(&pair->nodes[1], i % 2, (uint16_t)(FIRST_PORT + i)),
			backends[i]);
}

/* Nothing is said for longer than the other would remember it. */
static void
flows_in_use_are_told_again_before_they_are_forgotten(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	for (int i = 0; i < 25; i++) {
		pair_wait(pair, 100 * NS_PER_S);
		assert_all(&pair->nodes[0], ends, FIRST_PORT);
	}
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT);
	assert_int_equal(pair_event(&pair->nodes[1], PATH_SYNC_ADOPTED), 2 * N_PORTS);
}

/* Idle connections live through a takeover and the way back, though no packet came meanwhile. */
static void
the_way_back_is_survived_too(void **state)
{
	for (size_t m = 0; m < sizeof(modes); m++) {
		struct pair *pair;
		struct ends ends[2][N_PORTS], later[2][N_PORTS];

		pair_tear_down(state);
		pair_set_up(state);
		pair = *state;
		tunnel(pair);
		pair_use(pair, modes[m], SCHEDULER_MAGLEV);
		open_all(&pair->nodes[0], ends, FIRST_PORT);
		pair_settle(pair);
		change_both(pair, drain_one);
		pair_take_over(&pair->nodes[1]);
		pair->nodes[1].world.backends[0][2].weight = 7;
		pair->nodes[1].world.backends[1][2].weight = 7;
		pair_apply(&pair->nodes[1]);
		pair_settle(pair);
		open_all(&pair->nodes[1], later, FIRST_PORT + N_PORTS);
		pair_restart(&pair->nodes[0]);
		assert_int_equal(pair->nodes[0].n_ends, 1);
		pair_hand_over(&pair->nodes[1], &pair->nodes[0]);
		assert_all(&pair->nodes[0], ends, FIRST_PORT);
		assert_all(&pair->nodes[0], later, FIRST_PORT + N_PORTS);
	}
}

/* The owner of before has the flow still, and it was moved meanwhile. */
static void
who_wrote_last_is_right(void **state)
{
	struct pair *pair = *state;
	int was, is;

	pair_use(pair, MODE_DR, SCHEDULER_ROUND_ROBIN);
	was = pair_open(&pair->nodes[0], 0, FIRST_PORT);
	pair_settle(pair);
	pair_hand_over(&pair->nodes[0], &pair->nodes[1]);
	pair_settle(pair);
	pair->nodes[1].world.backends[0][was].up = false;
	pair_apply(&pair->nodes[1]);
	is = pair_send(&pair->nodes[1], 0, FIRST_PORT, TCP_FLAG_ACK);
	assert_int_not_equal(is, was);
	pair_settle(pair);
	pair_hand_over(&pair->nodes[1], &pair->nodes[0]);
	pair_settle(pair);
	assert_int_equal(pair_send(&pair->nodes[0], 0, FIRST_PORT, TCP_FLAG_ACK), is);
}

/* What is to be told waits for room; nothing of it is lost, and more than the ring holds is told
 * again when there is room. */
static void
a_session_without_room_loses_nothing(void **state)
{
	struct pair *pair = *state;
	struct ends ends[2][N_PORTS];

	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
	pair->nodes[0].jammed = true;
	open_all(&pair->nodes[0], ends, FIRST_PORT);
	for (unsigned int i = 0; i < 3000; i++) {
		/* A flow that begins, is told, and is gone. */
		pair_open(&pair->nodes[0], 0, 9999);
		pair_send(&pair->nodes[0], 0, 9999, TCP_FLAG_RST);
	}
	open_all(&pair->nodes[0], ends, FIRST_PORT + N_PORTS);
	assert_true(pair_event(&pair->nodes[0], PATH_SYNC_LOST) > 0);
	pair_settle(pair);
	pair->nodes[0].jammed = false;
	pair_settle(pair);
	pair_take_over(&pair->nodes[1]);
	assert_all(&pair->nodes[1], ends, FIRST_PORT + N_PORTS);
}

static void
nobody_is_told_of_what_is_not_held(void **state)
{
	struct pair *pair = *state;
	uint64_t n;

	pair_use(pair, MODE_NAT, SCHEDULER_MAGLEV);
	n = pair->nodes[0].n_records;
	pair_open(&pair->nodes[1], 0, FIRST_PORT);
	pair_settle(pair);
	assert_int_equal(pair->nodes[0].n_records, n);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)
	const struct CMUnitTest tests[] = {
		CASE(flows_keep_their_backends),
		CASE(flows_keep_their_backends_after_a_drain),
		CASE(flows_keep_their_backends_after_one_was_added),
		CASE(flows_keep_their_backends_after_other_weights),
		CASE(the_former_view_serves_who_saw_a_backend_first),
		CASE(a_death_amid_a_change_of_view_costs_nothing),
		CASE(a_straggler_takes_nothing_from_the_new_holder),
		CASE(a_local_port_that_was_given_again_is_the_later_flows),
		CASE(flows_of_a_moment_ago_give_way_to_later_ones),
		CASE(a_gap_in_a_lease_leaves_nothing_untold),
		CASE(a_backend_that_only_the_owner_had_costs_no_other_flow),
		CASE(what_can_be_computed_is_not_told),
		CASE(a_change_tells_just_what_can_no_longer_be_computed),
		CASE(a_flood_of_syns_tells_nothing),
		CASE(a_reset_flow_is_told_to_be_gone),
		CASE(a_flow_in_the_place_of_another_is_not_taken_for_it),
		CASE(udp_streams_keep_their_backends),
		CASE(flows_in_use_are_told_again_before_they_are_forgotten),
		CASE(the_way_back_is_survived_too),
		CASE(who_wrote_last_is_right),
		CASE(a_session_without_room_loses_nothing),
		CASE(nobody_is_told_of_what_is_not_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
