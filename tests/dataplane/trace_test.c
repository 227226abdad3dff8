/* SPDX-License-Identifier: BSD-3-Clause */
/* What a trace says, and that the packet then fares so. */
#include "common/clock.h"
#include "dataplane/trace.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

static struct trace
trace_question(const struct world *world, const struct trace_question *question)
{
	const struct pipeline *pipelines[] = {world->pipeline};
	struct trace_scene scene = {
		.ports = &world->ports,
		.leases = world->leases,
		.snapshot = world->snapshot,
		.pipelines = pipelines,
		.n_pipelines = 1,
		.now_ns = world->now_ns,
	};
	struct trace out;

	assert_int_equal(trace_run(&scene, question, &out), 0);
	return out;
}

static struct trace
trace(const struct world *world, uint8_t protocol, uint16_t from_port, const char *to,
	uint16_t to_port, uint8_t flags)
{
	struct trace_question question = {
		.protocol = protocol,
		.tcp_flags = flags,
		.to = {frame_addr(to), to_port},
	};

	question.from.addr = frame_addr(clients[question.to.addr.family == ADDR_V6]);
	question.from.port = from_port;
	return trace_question(world, &question);
}

static struct trace
trace_tcp(const struct world *world, uint16_t from_port, uint8_t flags)
{
	return trace(world, PROTOCOL_TCP, from_port, WORLD_VIP4, 80, flags);
}

static struct packet
send_tcp(struct world *world, struct frame *frame, uint16_t from_port, uint8_t flags)
{
	frame_tcp(frame, clients[0], from_port, WORLD_VIP4, 80, flags);
	world_run(world, &frame->packet);
	return frame->packet;
}

static void
assert_verdict(const struct trace *trace, enum verdict verdict)
{
	assert_string_equal(verdict_name(trace->verdict), verdict_name(verdict));
}

static void
a_new_flow_is_traced_to_where_it_then_goes(void **state)
{
	struct world *world = *state;

	for (uint16_t port = 2000; port < 2100; port++) {
		struct trace before = trace_tcp(world, port, TCP_FLAG_SYN);
		struct frame frame;
		struct packet packet = send_tcp(world, &frame, port, TCP_FLAG_SYN);
		struct trace after = trace_tcp(world, port, TCP_FLAG_ACK);

		assert_verdict(&before, V_FORWARD);
		assert_string_equal(before.service->name, "http4");
		assert_int_equal(before.choice, TRACE_SCHEDULER);
		assert_false(before.has_flow);
		assert_true(before.held);
		assert_int_equal(before.backend->id, packet.backend);
		assert_memory_equal(before.mac, packet.data, 6);
		assert_int_equal(before.out_port, packet.out_port);
		assert_int_equal(after.choice, TRACE_FLOW);
		assert_true(after.has_flow);
		assert_int_equal(after.flow.state, FLOW_TCP_EMBRYONIC);
		assert_int_equal(after.backend->id, packet.backend);
	}
}

/* Puts the service of HTTP over IPv4 into a mode that translates, with one local address. */
static void
translate(struct world *world, uint8_t mode, struct control_local *local, struct addr *address)
{
	*address = frame_addr("192.0.2.5");
	*local = (struct control_local){.port = "back", .addresses = address, .n_addresses = 1};
	world->services[WORLD_HTTP4].mode = mode;
	world->state.locals = local;
	world->state.n_locals = 1;
	world_apply(world);
	world->state.locals = NULL;
	world->state.n_locals = 0;
}

/* Of a flow with two entries, from both ends. */
static void
translated_flows_are_traced_as_they_fare(void **state)
{
	static const uint8_t modes[] = {MODE_NAT, MODE_FULLNAT};
	struct world *world = *state;
	struct control_local local;
	struct addr address;

	for (size_t m = 0; m < 2; m++) {
		translate(world, modes[m], &local, &address);
		for (uint16_t port = 2000; port < 2100; port++) {
			struct frame frame;
			struct packet packet = send_tcp(world, &frame, port, TCP_FLAG_SYN);
			struct trace there, back;
			struct trace_question question = {
				.protocol = PROTOCOL_TCP, .tcp_flags = TCP_FLAG_ACK};
			struct parsed sent;

			assert_int_equal(packet.verdict, V_FORWARD);
			parse(&packet, &sent);
			there = trace_tcp(world, port, TCP_FLAG_ACK);
			assert_verdict(&there, V_FORWARD);
			assert_int_equal(there.choice, TRACE_FLOW);
			assert_int_equal(there.backend->id, packet.backend);
			assert_memory_equal(&there.sent.key, &sent.key, sizeof(sent.key));
			assert_memory_equal(&there.sent.target, &sent.target, sizeof(sent.target));

			question.from =
				(struct endpoint){{.family = ADDR_V4}, be16_to(sent.target.port)};
			memcpy(question.from.addr.bytes, sent.target.address, 4);
			question.to = (struct endpoint){
				{.family = ADDR_V4}, be16_to(sent.key.client_port)};
			memcpy(question.to.addr.bytes, sent.key.client, 4);
			back = trace_question(world, &question);
			assert_verdict(&back, V_RETURN);
			assert_true(back.leaves);
			assert_true(back.has_flow);
			assert_string_equal(back.service->name, "http4");
			assert_int_equal(be16_to(back.sent.target.port), port);
			assert_int_equal(be16_to(back.sent.key.client_port), 80);
			/* Without a flow. */
			question.to.port = 999;
			back = trace_question(world, &question);
			assert_false(back.has_flow);
			assert_false(back.leaves);
		}
	}
}

static void
a_trace_changes_nothing(void **state)
{
	struct world *world = *state;
	const struct stats *stats = pipeline_stats(world->pipeline);
	uint64_t n_flows = flow_count(pipeline_flows(world->pipeline));
	struct frame frame;

	for (uint16_t port = 2000; port < 2100; port++)
		trace_tcp(world, port, TCP_FLAG_SYN);
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), n_flows);
	assert_int_equal(stats->n_packets, 0);
	assert_int_equal(stats->flow_events[FLOW_CREATED], 0);
	assert_int_equal(stats->verdicts[V_FORWARD], 0);
	/* Not even the state of the flow. */
	send_tcp(world, &frame, 2000, TCP_FLAG_SYN);
	trace_tcp(world, 2000, TCP_FLAG_ACK);
	assert_int_equal(trace_tcp(world, 2000, TCP_FLAG_RST).flow.state, FLOW_TCP_EMBRYONIC);
}

static void
all_services_are_traced(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 4; i++) {
		bool tcp = i < 2;
		struct trace found = trace(world, tcp ? PROTOCOL_TCP : PROTOCOL_UDP, 4711,
			vips[i % 2], tcp ? 80 : 53, tcp ? TCP_FLAG_SYN : 0);

		assert_verdict(&found, V_FORWARD);
		assert_non_null(found.service);
		assert_int_equal(found.service->protocol, tcp ? PROTOCOL_TCP : PROTOCOL_UDP);
		assert_int_equal(found.sent.target.family, i % 2 == 0 ? ADDR_V4 : ADDR_V6);
		assert_string_equal(found.router->name, i % 2 == 0 ? "front4" : "front6");
	}
}

static void
a_flow_that_loses_its_backend_is_traced_to_the_next(void **state)
{
	struct world *world = *state;
	struct frame frame;
	uint16_t port = 2000;
	struct trace found;
	int backend;

	send_tcp(world, &frame, port, TCP_FLAG_SYN);
	backend = world_backend_of(&frame.packet);
	world->backends[WORLD_POOL4][backend].up = false;
	world_apply(world);
	found = trace_tcp(world, port, TCP_FLAG_ACK);
	assert_true(found.has_flow);
	assert_int_equal(found.choice, TRACE_MOVED);
	send_tcp(world, &frame, port, TCP_FLAG_ACK);
	assert_int_equal(found.backend->id, frame.packet.backend);
}

static void
a_drained_backend_keeps_what_it_has(void **state)
{
	struct world *world = *state;
	struct frame frame;
	struct trace found;

	send_tcp(world, &frame, 2000, TCP_FLAG_SYN);
	world->backends[WORLD_POOL4][world_backend_of(&frame.packet)].weight = 0;
	world_apply(world);
	found = trace_tcp(world, 2000, TCP_FLAG_ACK);
	assert_int_equal(found.choice, TRACE_FLOW);
	assert_int_equal(found.backend->id, frame.packet.backend);
	assert_int_equal(found.backend->weight, 0);
	for (uint16_t port = 3000; port < 3100; port++)
		assert_int_not_equal(
			trace_tcp(world, port, TCP_FLAG_SYN).backend->id, frame.packet.backend);
}

static void
a_flow_that_has_timed_out_is_none(void **state)
{
	struct world *world = *state;
	struct frame frame;
	struct trace found;

	send_tcp(world, &frame, 2000, TCP_FLAG_SYN);
	world->now_ns += 60 * NS_PER_S;
	found = trace_tcp(world, 2000, TCP_FLAG_ACK);
	assert_false(found.has_flow);
	assert_int_equal(found.choice, TRACE_SCHEDULER);
}

static void
drops_are_named(void **state)
{
	struct world *world = *state;
	struct nexthop unknown = {.state = NEXTHOP_UNKNOWN};
	struct trace found = trace(world, PROTOCOL_TCP, 4711, WORLD_VIP4, 81, TCP_FLAG_SYN);

	assert_verdict(&found, V_DROP_NO_SERVICE);
	assert_null(found.service);
	assert_non_null(found.vip);
	found = trace(world, PROTOCOL_TCP, 4711, "192.0.2.99", 80, TCP_FLAG_SYN);
	assert_verdict(&found, V_HOST);
	assert_null(found.vip);
	found = trace_tcp(world, 4711, TCP_FLAG_RST);
	nexthop_set(world->nexthops, found.backend->nexthop, &unknown);
	found = trace_tcp(world, 4711, TCP_FLAG_RST);
	assert_verdict(&found, V_DROP_NO_NEIGHBOUR);
	assert_non_null(found.backend);
	assert_false(found.leaves);
	for (int b = 0; b < WORLD_BACKENDS; b++)
		world->backends[WORLD_POOL4][b].up = false;
	world_apply(world);
	found = trace_tcp(world, 4711, TCP_FLAG_SYN);
	assert_verdict(&found, V_DROP_NO_BACKEND);
	assert_null(found.backend);
	assert_int_equal(found.choice, TRACE_NOBODY);
}

static void
echo_is_answered_only_while_the_address_is_held(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 2; i++) {
		struct trace found = trace(world, IPPROTO_ICMP, 0, vips[i], 0, 0);

		assert_verdict(&found, V_REPLY);
		assert_true(found.leaves);
		lease_set(world->leases, found.router->lease, 0);
		found = trace(world, IPPROTO_ICMP, 0, vips[i], 0, 0);
		assert_verdict(&found, V_DROP_NOT_HELD);
		assert_false(found.held);
		/* What still arrives is forwarded all the same. */
		found = trace(world, PROTOCOL_UDP, 4711, vips[i], 53, 0);
		assert_verdict(&found, V_FORWARD);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
		CASE(a_new_flow_is_traced_to_where_it_then_goes),
		CASE(a_trace_changes_nothing),
		CASE(translated_flows_are_traced_as_they_fare),
		CASE(all_services_are_traced),
		CASE(a_flow_that_loses_its_backend_is_traced_to_the_next),
		CASE(a_drained_backend_keeps_what_it_has),
		CASE(a_flow_that_has_timed_out_is_none),
		CASE(drops_are_named),
		CASE(echo_is_answered_only_while_the_address_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
