/* SPDX-License-Identifier: BSD-3-Clause */
/* SYNs that leave but a note: that they take no place in the flow table, and that nothing else of
 * their flows is different for it. */
#include "dataplane/syn_notes.h"

#include "common/clock.h"
#include "dataplane/pipeline_data.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLIENT "198.51.100.7"
#define N_FLOWS 200
#define FIRST_PORT 20000

/* Sends a TCP packet from 'port'; returns the backend that it goes to, or -1. */
static int
send_tcp(struct world *world, uint16_t port, uint8_t flags)
{
	struct frame frame;

	frame_tcp(&frame, CLIENT, port, WORLD_VIP4, 80, flags);
	world_run(world, &frame.packet);
	return world_backend_of(&frame.packet);
}

static uint64_t
event(const struct world *world, enum flow_event which)
{
	return pipeline_stats(world->pipeline)->flow_events[which];
}

static uint64_t
n_flows(const struct world *world)
{
	return flow_count(pipeline_flows(world->pipeline));
}

static uint64_t
n_new_flows(const struct world *world)
{
	size_t n;
	uint16_t id = snapshot_services(world->snapshot, &n)[WORLD_HTTP4].id;

	return pipeline_stats(world->pipeline)->services[id].n_new_flows;
}

/* Sends a SYN from each port. */
static void
send_syns(struct world *world, int *backends)
{
	for (uint16_t i = 0; i < N_FLOWS; i++)
		backends[i] = send_tcp(world, (uint16_t)(FIRST_PORT + i), TCP_FLAG_SYN);
}

/* Sends a packet from each port; returns how many went elsewhere than 'backends' says. */
static int
count_moved(struct world *world, const int *backends, uint8_t flags)
{
	int n = 0;

	for (uint16_t i = 0; i < N_FLOWS; i++)
		n += send_tcp(world, (uint16_t)(FIRST_PORT + i), flags) != backends[i];
	return n;
}

/* Makes most new flows go elsewhere, and none to the second backend. */
static void
change_weights(struct world *world)
{
	world->backends[0][0].weight = 1000;
	world->backends[0][1].weight = 0;
	world_apply(world);
}

static void
a_syn_takes_no_place_and_the_next_packet_takes_one(void **state)
{
	struct world *world = *state;
	int backends[N_FLOWS];

	send_syns(world, backends);
	assert_int_equal(n_flows(world), 0);
	assert_int_equal(n_new_flows(world), N_FLOWS);
	assert_int_equal(count_moved(world, backends, TCP_FLAG_ACK), 0);
	assert_int_equal(n_flows(world), N_FLOWS);
	assert_int_equal(n_new_flows(world), N_FLOWS);
	/* They are established. */
	world->now_ns += 60 * NS_PER_S;
	change_weights(world);
	assert_int_equal(count_moved(world, backends, TCP_FLAG_ACK), 0);
	assert_int_equal(event(world, FLOW_CREATED), N_FLOWS);
}

static void
noted_flows_count_as_their_backends(void **state)
{
	struct world *world = *state;
	uint32_t *counts = calloc(STATS_BACKENDS_MAX, sizeof(*counts));
	size_t n;
	uint16_t id = snapshot_backends(world->snapshot, &n)[0].id;
	int backends[N_FLOWS];
	uint32_t n_first = 0;

	assert_non_null(counts);
	send_syns(world, backends);
	for (int i = 0; i < N_FLOWS; i++)
		n_first += backends[i] == 0;
	pipeline_count_noted(world->pipeline, world->now_ns, counts);
	assert_int_equal(counts[id], n_first);
	world->now_ns += 11 * NS_PER_S;
	pipeline_count_noted(world->pipeline, world->now_ns, counts);
	assert_int_equal(counts[id], n_first);
	free(counts);
}

static void
a_handshake_keeps_its_backend_whatever_changes(void **state)
{
	static const uint8_t flags[] = {TCP_FLAG_SYN, TCP_FLAG_ACK, TCP_FLAG_FIN, TCP_FLAG_RST};

	(void)state;
	for (size_t i = 0; i < sizeof(flags); i++) {
		struct world world;
		int backends[N_FLOWS];

		world_init(&world, 1000);
		send_syns(&world, backends);
		change_weights(&world);
		assert_int_equal(count_moved(&world, backends, flags[i]), 0);
		assert_int_equal(n_new_flows(&world), N_FLOWS);
		assert_int_equal(event(&world, FLOW_RESCHEDULED), 0);
		world_fini(&world);
	}
}

static void
an_error_about_a_handshake_finds_its_backend(void **state)
{
	struct world *world = *state;
	int backend = send_tcp(world, FIRST_PORT, TCP_FLAG_SYN);
	struct frame frame;

	world->backends[0][backend].weight = 0;
	world_apply(world);
	frame_icmp_error(&frame, "203.0.113.1", CLIENT, FIRST_PORT, WORLD_VIP4, 80);
	world_assert_verdict(world, &frame, V_FORWARD);
	assert_int_equal(world_backend_of(&frame.packet), backend);
}

static void
a_handshake_whose_backend_goes_down_gets_another(void **state)
{
	struct world *world = *state;
	int backend = send_tcp(world, FIRST_PORT, TCP_FLAG_SYN);
	int next;

	world->backends[0][backend].up = false;
	world_apply(world);
	next = send_tcp(world, FIRST_PORT, TCP_FLAG_SYN);
	assert_int_not_equal(next, backend);
	assert_int_equal(event(world, FLOW_RESCHEDULED), 1);
	assert_int_equal(n_new_flows(world), 1);
	world->backends[0][next].up = false;
	world_apply(world);
	assert_int_not_equal(send_tcp(world, FIRST_PORT, TCP_FLAG_ACK), next);
	assert_int_equal(event(world, FLOW_RESCHEDULED), 2);
	assert_int_equal(n_flows(world), 1);
}

static void
a_note_times_out_as_an_embryonic_flow_does(void **state)
{
	struct world *world = *state;
	int backends[N_FLOWS];

	send_syns(world, backends);
	world->now_ns += 9 * NS_PER_S;
	assert_int_equal(count_moved(world, backends, TCP_FLAG_SYN), 0);
	change_weights(world);
	world->now_ns += 9 * NS_PER_S; /* They have been seen meanwhile. */
	assert_int_equal(count_moved(world, backends, TCP_FLAG_SYN), 0);
	assert_int_equal(n_new_flows(world), N_FLOWS);
	world->now_ns += 11 * NS_PER_S;
	assert_true(count_moved(world, backends, TCP_FLAG_SYN) > N_FLOWS / 2);
	assert_int_equal(n_new_flows(world), 2 * N_FLOWS);
}

static void
a_flood_evicts_nothing(void **state)
{
	struct world world;
	int backends[N_FLOWS];

	(void)state;
	world_init(&world, N_FLOWS);
	send_syns(&world, backends);
	assert_int_equal(count_moved(&world, backends, TCP_FLAG_ACK), 0);
	for (uint32_t i = 0; i < 4 * SYN_NOTES; i++) {
		struct frame frame;

		frame_tcp(&frame, CLIENT, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
		store32(frame_ipv4(&frame)->source, i + 0x01020304);
		frame_fix_ipv4(&frame);
		world_assert_verdict(&world, &frame, V_FORWARD);
	}
	assert_int_equal(n_flows(&world), event(&world, FLOW_CREATED));
	assert_int_equal(n_new_flows(&world), N_FLOWS + 4 * SYN_NOTES);
	assert_int_equal(event(&world, FLOW_EVICTED), 0);
	change_weights(&world);
	assert_int_equal(count_moved(&world, backends, TCP_FLAG_ACK), 0);
	world_fini(&world);
}

static void
use_round_robin(struct world *world)
{
	world->services[WORLD_HTTP4].scheduler = SCHEDULER_ROUND_ROBIN;
}

static void
use_least_connections(struct world *world)
{
	world->services[WORLD_HTTP4].scheduler = SCHEDULER_LEAST_CONNECTIONS;
}

static void
use_persistence(struct world *world)
{
	world->services[WORLD_HTTP4].persistence_timeout_s = 60;
	world->services[WORLD_HTTP4].persistence_prefix = 32;
}

static void
limit_new_flows(struct world *world)
{
	world->services[WORLD_HTTP4].limits.new_flows_per_s = 1000000;
}

static void
limit_a_backend(struct world *world)
{
	world->backends[0][0].max_flows = 1000;
}

static void
flows_that_count_at_once_are_entered_at_once(void **state)
{
	static void (*const changes[])(struct world *) = {use_round_robin, use_least_connections,
		use_persistence, limit_new_flows, limit_a_backend};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct world world;

		world_init(&world, 1000);
		changes[i](&world);
		world_apply(&world);
		send_tcp(&world, FIRST_PORT, TCP_FLAG_SYN);
		assert_int_equal(n_flows(&world), 1);
		world_fini(&world);
	}
}

static void
use_source_hash(struct world *world)
{
	world->services[WORLD_HTTP4].scheduler = SCHEDULER_SOURCE_HASH;
}

/* Which takes the short way from the service's packets. */
static void
limit_packets(struct world *world)
{
	world->services[WORLD_HTTP4].limits.packets_per_s = 10000000;
}

static void
others_are_noted_in_the_short_way_and_in_the_thorough_one(void **state)
{
	static void (*const changes[])(struct world *) = {use_source_hash, limit_packets};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct world world;
		int backends[N_FLOWS];

		world_init(&world, 1000);
		changes[i](&world);
		world_apply(&world);
		send_syns(&world, backends);
		assert_int_equal(n_flows(&world), 0);
		assert_int_equal(count_moved(&world, backends, TCP_FLAG_SYN), 0);
		assert_int_equal(n_new_flows(&world), N_FLOWS);
		change_weights(&world);
		assert_int_equal(count_moved(&world, backends, TCP_FLAG_ACK), 0);
		assert_int_equal(n_flows(&world), N_FLOWS);
		world_fini(&world);
	}
}

static void
a_set_keeps_the_newest(void **state)
{
	struct world *world = *state;
	struct syn_notes *notes = world->pipeline->notes;
	const struct flow_table *table = world->pipeline->flows;
	uint16_t tick = flow_tick(world->now_ns);

	/* The upper half alone tells them apart; 0 is as good as any. */
	for (uint64_t i = 0; i <= SYN_NOTES_WAYS; i++)
		syn_notes_put(notes, i << 33 | 5, (uint16_t)(i + 1), tick);
	assert_null(syn_notes_find(notes, table, 5, tick));
	for (uint64_t i = 1; i <= SYN_NOTES_WAYS; i++) {
		uint64_t *note = syn_notes_find(notes, table, i << 33 | 5, tick);

		assert_non_null(note);
		assert_int_equal(syn_note_backend(*note), i + 1);
		assert_null(syn_notes_find(notes, table, i << 33 | 6, tick));
	}
	syn_notes_put(notes, 5, 99, tick);
	assert_int_equal(syn_note_backend(*syn_notes_find(notes, table, 5, tick)), 99);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_syn_takes_no_place_and_the_next_packet_takes_one,
			world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			noted_flows_count_as_their_backends, world_set_up, world_tear_down),
		cmocka_unit_test(a_handshake_keeps_its_backend_whatever_changes),
		cmocka_unit_test_setup_teardown(an_error_about_a_handshake_finds_its_backend,
			world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(a_handshake_whose_backend_goes_down_gets_another,
			world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			a_note_times_out_as_an_embryonic_flow_does, world_set_up, world_tear_down),
		cmocka_unit_test(a_flood_evicts_nothing),
		cmocka_unit_test(flows_that_count_at_once_are_entered_at_once),
		cmocka_unit_test(others_are_noted_in_the_short_way_and_in_the_thorough_one),
		cmocka_unit_test_setup_teardown(
			a_set_keeps_the_newest, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
