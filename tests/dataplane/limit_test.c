/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of services and backends. */
#include "common/clock.h"
#include "dataplane/limit.h"
#include "dataplane/trace.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CLIENT "198.51.100.7"

/* What a trace says of the packet. */
static enum verdict
foretell(const struct world *world, uint8_t protocol, uint16_t from_port, uint8_t flags)
{
	const struct pipeline *pipelines[] = {world->pipeline};
	struct trace_scene scene = {
		&world->ports, world->leases, world->snapshot, pipelines, 1, world->now_ns};
	struct trace_question question = {.protocol = protocol,
		.tcp_flags = flags,
		.from = {frame_addr(CLIENT), from_port},
		.to = {frame_addr(WORLD_VIP4), protocol == PROTOCOL_TCP ? 80 : 53}};
	struct trace trace;

	assert_int_equal(trace_run(&scene, &question, &trace), 0);
	return trace.verdict;
}

/* Sends a packet to the service of IPv4, which fares as foretold. 'flags' are of TCP. */
static void
expect(struct world *world, uint8_t protocol, uint16_t from_port, uint8_t flags,
	enum verdict wanted)
{
	const char *said = verdict_name(foretell(world, protocol, from_port, flags));
	struct frame frame;

	if (protocol == PROTOCOL_TCP)
		frame_tcp(&frame, CLIENT, from_port, WORLD_VIP4, 80, flags);
	else
		frame_udp(&frame, CLIENT, from_port, WORLD_VIP4, 53);
	assert_string_equal(verdict_name(world_run(world, &frame.packet)), verdict_name(wanted));
	assert_string_equal(said, verdict_name(wanted));
}

static void
expect_tcp(struct world *world, uint16_t from_port, uint8_t flags, enum verdict wanted)
{
	expect(world, PROTOCOL_TCP, from_port, flags, wanted);
}

static void
a_bucket_holds_a_seconds_worth(void **state)
{
	uint64_t interval_ns = limit_interval(10);
	uint64_t now_ns = WORLD_START_NS;
	uint64_t due_ns = 0;

	(void)state;
	for (int second = 0; second < 3; second++) {
		for (int i = 0; i < 10; i++)
			assert_true(limit_take(&due_ns, interval_ns, now_ns));
		assert_false(limit_take(&due_ns, interval_ns, now_ns));
		now_ns += 3600 * NS_PER_S;
	}
	now_ns -= 3600 * NS_PER_S;
	for (int i = 0; i < 100; i++) {
		now_ns += interval_ns - 1;
		assert_false(limit_take(&due_ns, interval_ns, now_ns));
		now_ns++;
		assert_true(limit_take(&due_ns, interval_ns, now_ns));
	}
}

static void
a_limit_of_less_than_one_in_a_second_passes_one_at_a_time(void **state)
{
	uint64_t interval_ns = 4 * NS_PER_S; /* One a second, of which four workers share. */
	uint64_t due_ns = 0;

	(void)state;
	assert_true(limit_take(&due_ns, interval_ns, WORLD_START_NS));
	assert_false(limit_take(&due_ns, interval_ns, WORLD_START_NS + interval_ns - 1));
	assert_true(limit_take(&due_ns, interval_ns, WORLD_START_NS + interval_ns));
}

static void
intervals_keep_the_rate(void **state)
{
	(void)state;
	assert_int_equal(limit_interval(0), 0);
	assert_int_equal(limit_interval(1), NS_PER_S);
	assert_int_equal(limit_interval(MODEL_RATE_MAX), 100);
	for (uint32_t rate = 1; rate <= MODEL_RATE_MAX; rate += 1 + rate / 7) {
		uint64_t passed = NS_PER_S / limit_interval(rate);

		assert_in_range(passed, rate - rate / 100 - 1, rate + rate / 100 + 1);
	}
}

static void
new_flows_are_limited_and_old_ones_go_on(void **state)
{
	struct world *world = *state;

	world->services[WORLD_HTTP4].limits.new_flows_per_s = 10;
	world_apply(world);
	for (uint16_t port = 1000; port < 1010; port++)
		expect_tcp(world, port, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, 1010, TCP_FLAG_SYN, V_DROP_NEW_FLOW_LIMIT);
	/* Flows that there are, and that there were before this node had them. */
	for (int i = 0; i < 20; i++)
		expect_tcp(world, 1003, TCP_FLAG_ACK, V_FORWARD);
	expect_tcp(world, 1004, TCP_FLAG_SYN, V_FORWARD); /* Sent again. */
	for (uint16_t port = 2000; port < 2020; port++)
		expect_tcp(world, port, TCP_FLAG_ACK, V_FORWARD);
	expect_tcp(world, 3000, TCP_FLAG_RST, V_FORWARD);
	/* Another service. */
	for (uint16_t port = 1000; port < 1020; port++)
		expect(world, PROTOCOL_UDP, port, 0, V_FORWARD);
	expect_tcp(world, 1010, TCP_FLAG_SYN, V_DROP_NEW_FLOW_LIMIT);
	world->now_ns += NS_PER_S / 10;
	expect_tcp(world, 1010, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, 1011, TCP_FLAG_SYN, V_DROP_NEW_FLOW_LIMIT);
}

static void
new_flows_of_udp_are_limited_too(void **state)
{
	struct world *world = *state;

	world->services[WORLD_DNS4].limits.new_flows_per_s = 3;
	world_apply(world);
	for (uint16_t port = 1000; port < 1003; port++)
		expect(world, PROTOCOL_UDP, port, 0, V_FORWARD);
	expect(world, PROTOCOL_UDP, 1003, 0, V_DROP_NEW_FLOW_LIMIT);
	for (uint16_t port = 1000; port < 1003; port++)
		expect(world, PROTOCOL_UDP, port, 0, V_FORWARD);
}

static void
packets_are_limited_whatever_they_are(void **state)
{
	struct world *world = *state;

	world->services[WORLD_HTTP4].limits.packets_per_s = 5;
	world_apply(world);
	for (int i = 0; i < 5; i++)
		expect_tcp(world, 1000, i ? TCP_FLAG_ACK : TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, 1000, TCP_FLAG_ACK, V_DROP_PACKET_LIMIT);
	expect_tcp(world, 1001, TCP_FLAG_SYN, V_DROP_PACKET_LIMIT);
	expect_tcp(world, 1001, TCP_FLAG_RST, V_DROP_PACKET_LIMIT);
	expect(world, PROTOCOL_UDP, 1000, 0, V_FORWARD);
	world->now_ns += NS_PER_S;
	for (int i = 0; i < 5; i++)
		expect_tcp(world, 1000, TCP_FLAG_ACK, V_FORWARD);
	expect_tcp(world, 1000, TCP_FLAG_ACK, V_DROP_PACKET_LIMIT);
}

static void
a_limit_can_be_taken_away(void **state)
{
	struct world *world = *state;

	world->services[WORLD_HTTP4].limits.new_flows_per_s = 1;
	world_apply(world);
	expect_tcp(world, 1000, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, 1001, TCP_FLAG_SYN, V_DROP_NEW_FLOW_LIMIT);
	world->services[WORLD_HTTP4].limits.new_flows_per_s = 0;
	world_apply(world);
	for (uint16_t port = 1001; port < 1100; port++)
		expect_tcp(world, port, TCP_FLAG_SYN, V_FORWARD);
}

static void
a_full_backends_flows_go_to_others(void **state)
{
	struct world *world = *state;
	int n_of[WORLD_BACKENDS] = {0};

	world->backends[WORLD_POOL4][0].max_flows = 3;
	world->backends[WORLD_POOL4][1].max_flows = 5;
	world_apply(world);
	for (uint16_t port = 1000; port < 1200; port++) {
		struct frame frame;

		frame_tcp(&frame, CLIENT, port, WORLD_VIP4, 80, TCP_FLAG_SYN);
		assert_int_equal(foretell(world, PROTOCOL_TCP, port, TCP_FLAG_SYN), V_FORWARD);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
		n_of[world_backend_of(&frame.packet)]++;
	}
	assert_int_equal(n_of[0], 3);
	assert_int_equal(n_of[1], 5);
	assert_in_range(n_of[2], 60, 132);
	assert_in_range(n_of[3], 60, 132);
}

static void
when_all_are_full_new_flows_are_refused_and_old_ones_go_on(void **state)
{
	struct world *world = *state;

	for (int b = 0; b < WORLD_BACKENDS; b++)
		world->backends[WORLD_POOL4][b].max_flows = 10;
	world_apply(world);
	for (uint16_t port = 1000; port < 1040; port++)
		expect_tcp(world, port, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, 1040, TCP_FLAG_SYN, V_DROP_BACKENDS_FULL);
	/* The pool's other service has the same backends. */
	expect(world, PROTOCOL_UDP, 1000, 0, V_DROP_BACKENDS_FULL);
	for (uint16_t port = 1000; port < 1040; port++)
		expect_tcp(world, port, TCP_FLAG_ACK, V_FORWARD);
	expect_tcp(world, 2000, TCP_FLAG_ACK, V_FORWARD);
	/* Flows that are over make room. */
	for (uint16_t port = 1000; port < 1040; port++)
		expect_tcp(world, port, TCP_FLAG_RST, V_FORWARD);
	world->now_ns += 60 * NS_PER_S;
	pipeline_sweep(world->pipeline, world->now_ns, 1000);
	expect_tcp(world, 1040, TCP_FLAG_SYN, V_FORWARD);
}

static void
workers_share_a_backends_limit(void **state)
{
	static struct backend_stats backends[2];
	static const uint32_t max_flows[2] = {0, 10};
	const struct limits limits = {.n_workers = 4};
	const struct flow_key key = {.protocol = PROTOCOL_TCP};

	(void)state;
	backends[1].n_active = 2;
	assert_int_equal(limit_backend(&limits, max_flows, backends, NULL, &key, 1), 1);
	backends[1].n_active = 3;
	assert_int_equal(limit_backend(&limits, max_flows, backends, NULL, &key, 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
		cmocka_unit_test(a_bucket_holds_a_seconds_worth),
		cmocka_unit_test(a_limit_of_less_than_one_in_a_second_passes_one_at_a_time),
		cmocka_unit_test(intervals_keep_the_rate),
		CASE(new_flows_are_limited_and_old_ones_go_on),
		CASE(new_flows_of_udp_are_limited_too),
		CASE(packets_are_limited_whatever_they_are),
		CASE(a_limit_can_be_taken_away),
		CASE(a_full_backends_flows_go_to_others),
		CASE(when_all_are_full_new_flows_are_refused_and_old_ones_go_on),
		cmocka_unit_test(workers_share_a_backends_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
