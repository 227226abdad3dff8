/* SPDX-License-Identifier: BSD-3-Clause */
/* Two sessions in memory with a network between them that does what networks do. */
#include "dataplane/sync_session.h"

#include "dataplane/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define IN_FLIGHT_MAX 8192

struct datagram {
	uint8_t bytes[SYNC_MESSAGE_MAX];
	size_t size;
	uint64_t due_ns;
	unsigned int to; /* Index of the end. */
};

struct world;

struct end {
	struct world *world;
	unsigned int index;
	struct sync_session *session;
	uint32_t n_taken;   /* Flows, numbered by the ports and address of their client. */
	uint32_t n_skipped; /* Times that a flow was not the next one. */
	unsigned int n_up, n_down, n_resync;
};

struct world {
	uint64_t now_ns;
	uint64_t random;
	unsigned int loss, doubled; /* Of 100. */
	uint64_t delay_max_ns;
	bool cut;
	struct end ends[2];
	struct datagram *flying;
	size_t n_flying;
};

static uint64_t
draw(void *ctx)
{
	struct end *end = ctx;
	uint64_t x = end->world->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return end->world->random = x;
}

static void
fly(struct end *end, const uint8_t *message, size_t size)
{
	struct world *world = end->world;
	struct datagram *datagram = &world->flying[world->n_flying];

	if (world->n_flying == IN_FLIGHT_MAX)
		return;
	world->n_flying++;
	memcpy(datagram->bytes, message, size);
	datagram->size = size;
	datagram->to = 1 - end->index;
	datagram->due_ns = world->now_ns + 1 + draw(end) % (world->delay_max_ns + 1);
}

static void
end_send(void *ctx, const uint8_t *message, size_t size)
{
	struct end *end = ctx;
	struct world *world = end->world;

	assert_true(size <= SYNC_MESSAGE_MAX);
	if (world->cut || draw(end) % 100 < world->loss)
		return;
	fly(end, message, size);
	if (draw(end) % 100 < world->doubled)
		fly(end, message, size);
}

static struct sync_record
flow_number(uint32_t number)
{
	struct sync_record record = {.op = SYNC_FLOW_PUT,
		.flow = {.client = addr_from_v4(be32_from(number)),
			.vip = addr_from_v4(be32_from(1)),
			.client_port = 1,
			.vip_port = 1,
			.protocol = PROTOCOL_TCP,
			.state = FLOW_TCP_ESTABLISHED}};

	return record;
}

static void
end_take(void *ctx, const struct sync_record *record)
{
	struct end *end = ctx;

	if (record->op != SYNC_FLOW_PUT)
		return;
	if (be32_to(record->flow.client.v4) != end->n_taken)
		end->n_skipped++;
	end->n_taken = be32_to(record->flow.client.v4) + 1;
}

static void
put_bulk(struct end *end)
{
	sync_session_put(end->session, &(struct sync_record){.op = SYNC_BULK_BEGIN});
	sync_session_put(end->session, &(struct sync_record){.op = SYNC_BULK_END});
}

static void
end_event(void *ctx, enum sync_session_event event)
{
	struct end *end = ctx;

	end->n_up += event == SYNC_EVENT_UP;
	end->n_down += event == SYNC_EVENT_DOWN;
	end->n_resync += event == SYNC_EVENT_RESYNC;
	if (event != SYNC_EVENT_DOWN)
		put_bulk(end);
}

static void
start(struct world *world, unsigned int index)
{
	struct end *end = &world->ends[index];
	struct sync_session_config config = {.node = index ? "lb2" : "lb1",
		.send = end_send,
		.take = end_take,
		.event = end_event,
		.draw = draw,
		.ctx = end};

	*end = (struct end){.world = world, .index = index};
	assert_int_equal(sync_session_new(&end->session, &config, world->now_ns), 0);
}

static void
restart(struct world *world, unsigned int index)
{
	sync_session_free(world->ends[index].session);
	start(world, index);
}

static void
deliver(struct world *world)
{
	for (size_t i = 0; i < world->n_flying;) {
		struct datagram datagram = world->flying[i];

		if (datagram.due_ns > world->now_ns) {
			i++;
			continue;
		}
		world->flying[i] = world->flying[--world->n_flying];
		sync_session_receive(world->ends[datagram.to].session, datagram.bytes,
			datagram.size, world->now_ns);
	}
}

static void
pass(struct world *world, uint64_t time_ns)
{
	for (uint64_t end_ns = world->now_ns + time_ns; world->now_ns < end_ns;
		world->now_ns += MS) {
		deliver(world);
		for (unsigned int i = 0; i < 2; i++)
			if (sync_session_deadline(world->ends[i].session) <= world->now_ns)
				sync_session_run(world->ends[i].session, world->now_ns);
	}
}

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->flying = calloc(IN_FLIGHT_MAX, sizeof(*world->flying));
	world->now_ns = 1000 * MS;
	world->random = 42;
	world->delay_max_ns = MS;
	start(world, 0);
	start(world, 1);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	sync_session_free(world->ends[0].session);
	sync_session_free(world->ends[1].session);
	free(world->flying);
	free(world);
	return 0;
}

static void
assert_met(struct world *world)
{
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(sync_session_is_up(world->ends[i].session));
		assert_true(sync_session_is_synced(world->ends[i].session, world->now_ns));
		assert_string_equal(sync_session_peer(world->ends[i].session), i ? "lb1" : "lb2");
	}
}

static const struct sync_session_counters *
counters(const struct world *world, unsigned int index)
{
	return sync_session_counters(world->ends[index].session);
}

static void
two_nodes_meet_and_are_synced(void **state)
{
	struct world *world = *state;

	assert_false(sync_session_is_synced(world->ends[0].session, world->now_ns));
	pass(world, 200 * MS);
	assert_met(world);
	assert_int_equal(world->ends[0].n_up, 1);
	assert_int_equal(world->ends[1].n_up, 1);
	pass(world, 10000 * MS);
	assert_int_equal(world->ends[0].n_down, 0);
	assert_int_equal(counters(world, 0)->sessions, 1);
}

static void
a_node_without_peer_is_synced_after_a_while(void **state)
{
	struct world *world = *state;

	world->cut = true;
	pass(world, SYNC_ALONE_NS - MS);
	assert_false(sync_session_is_synced(world->ends[0].session, world->now_ns));
	pass(world, 2 * MS);
	assert_true(sync_session_is_synced(world->ends[0].session, world->now_ns));
	assert_int_equal(world->ends[0].n_up, 0);
}

/* Puts flows 'from' to 'to' - 1 from end 0, as they fit. */
static void
put_flows(struct world *world, uint32_t from, uint32_t to)
{
	for (uint32_t number = from; number < to;) {
		struct sync_record record = flow_number(number);

		if (sync_session_room(world->ends[0].session) == 0) {
			pass(world, MS);
			continue;
		}
		sync_session_put(world->ends[0].session, &record);
		number++;
	}
}

static void
flows_come_in_order_whatever_the_network_does(void **state)
{
	struct world *world = *state;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint32_t from = world->ends[1].n_taken;

		world->random = seed * UINT64_C(0x9e3779b97f4a7c15);
		world->loss = (unsigned int)seed;
		world->doubled = 10;
		world->delay_max_ns = seed * MS;
		pass(world, 3000 * MS);
		put_flows(world, from, from + 20000);
		pass(world, 10000 * MS);
		assert_int_equal(world->ends[1].n_taken, from + 20000);
		assert_int_equal(world->ends[1].n_skipped, 0);
	}
	assert_true(counters(world, 0)->retransmitted > 0);
	assert_true(counters(world, 1)->duplicates + counters(world, 1)->replayed > 0);
	assert_true(counters(world, 1)->early > 0);
	assert_int_equal(counters(world, 0)->lost, 0);
	assert_int_equal(counters(world, 0)->malformed + counters(world, 1)->malformed, 0);
}

static void
a_peer_that_restarts_is_told_anew(void **state)
{
	struct world *world = *state;

	pass(world, 300 * MS);
	for (unsigned int i = 1; i <= 5; i++) {
		restart(world, 1);
		pass(world, 300 * MS);
		assert_met(world);
		assert_int_equal(world->ends[1].n_up, 1);
	}
	assert_int_equal(world->ends[0].n_up, 6);
	assert_int_equal(world->ends[0].n_down, 5);
}

static void
a_peer_that_falls_silent_is_gone_and_comes_back(void **state)
{
	struct world *world = *state;

	pass(world, 300 * MS);
	world->cut = true;
	pass(world, SYNC_DEAD_NS + 200 * MS);
	assert_false(sync_session_is_up(world->ends[0].session));
	assert_int_equal(world->ends[0].n_down, 1);
	put_flows(world, 0, 5);
	world->cut = false;
	pass(world, 300 * MS);
	assert_met(world);
	assert_int_equal(world->ends[1].n_taken, 0);
}

static void
old_datagrams_change_nothing(void **state)
{
	struct world *world = *state;
	static struct datagram old[256];
	size_t n_old = 0;

	for (uint64_t i = 0; i < 300; i++) {
		if (i == 200)
			put_flows(world, 0, 100);
		pass(world, MS);
		for (size_t f = 0; f < world->n_flying && n_old < 256; f++)
			old[n_old++] = world->flying[f];
	}
	assert_int_equal(world->ends[1].n_taken, 100);
	for (unsigned int life = 0; life < 2; life++) {
		unsigned int n_up = world->ends[0].n_up;
		uint64_t n_before = counters(world, 1)->replayed + counters(world, 1)->stale;

		for (size_t i = 0; i < n_old; i++) {
			sync_session_receive(world->ends[old[i].to].session, old[i].bytes,
				old[i].size, world->now_ns);
			pass(world, MS);
		}
		assert_met(world);
		assert_int_equal(world->ends[0].n_up, n_up);
		assert_int_equal(world->ends[1].n_skipped, 0);
		assert_int_equal(world->ends[1].n_taken, life == 0 ? 100 : 0);
		assert_true(counters(world, 1)->replayed + counters(world, 1)->stale > n_before);
		restart(world, 1);
		pass(world, 300 * MS);
	}
}

static void
old_datagrams_do_not_make_a_dead_peer_look_alive(void **state)
{
	struct world *world = *state;
	static struct datagram old[256];
	size_t n_old = 0;

	for (uint64_t i = 0; i < 600; i++) {
		pass(world, MS);
		for (size_t f = 0; f < world->n_flying && n_old < 256; f++)
			if (world->flying[f].to == 0)
				old[n_old++] = world->flying[f];
	}
	world->cut = true;
	for (uint64_t i = 0; i < SYNC_DEAD_NS / MS + 100; i++) {
		sync_session_receive(world->ends[0].session, old[i % n_old].bytes,
			old[i % n_old].size, world->now_ns);
		pass(world, MS);
	}
	assert_false(sync_session_is_up(world->ends[0].session));
}

static void
too_much_at_once_is_lost_counted_and_told_anew(void **state)
{
	struct world *world = *state;
	uint32_t n = 100000;

	pass(world, 300 * MS);
	for (uint32_t number = 0; number < n; number++) {
		struct sync_record record = flow_number(number);

		sync_session_put(world->ends[0].session, &record);
	}
	assert_true(counters(world, 0)->lost > 0);
	assert_int_equal(world->ends[0].n_resync, 0);
	pass(world, 3000 * MS);
	assert_int_equal(world->ends[0].n_resync, 1);
	assert_int_equal(world->ends[1].n_taken, n - counters(world, 0)->lost);
	assert_int_equal(world->ends[1].n_skipped, 0);
	assert_int_equal(world->ends[0].n_down, 0);
}

static void
an_acknowledgement_of_what_was_not_sent_is_refused(void **state)
{
	struct world *world = *state;

	pass(world, 300 * MS);
	put_flows(world, 0, 1);
	/* The peer's ALIVE, altered. */
	while (world->n_flying == 0 || world->flying[0].to != 0)
		pass(world, MS);
	memset(world->flying[0].bytes + 40, 0xff, 8);
	pass(world, 300 * MS);
	assert_int_equal(counters(world, 0)->malformed, 1);
	assert_int_equal(world->ends[1].n_taken, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_nodes_meet_and_are_synced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_node_without_peer_is_synced_after_a_while, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			flows_come_in_order_whatever_the_network_does, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_peer_that_restarts_is_told_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_peer_that_falls_silent_is_gone_and_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_datagrams_change_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			old_datagrams_do_not_make_a_dead_peer_look_alive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			too_much_at_once_is_lost_counted_and_told_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_acknowledgement_of_what_was_not_sent_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
