/* SPDX-License-Identifier: BSD-3-Clause */
/* Services that block or allow clients by lists, and timeouts of flows that come with a state. */
#include "common/clock.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/trace.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define INSIDE "198.51.100.7"
#define OUTSIDE "203.0.113.7"
#define INSIDE6 "2001:db8:c::7"
#define OUTSIDE6 "2001:db8:d::7"

enum {
	BAD,
	GOOD,
	SINGLE,
	LISTS
};

/* Prefixes of both families; SINGLE is one address inside of the others. */
static struct prefix prefixes[LISTS][2];
static struct control_list lists[LISTS] = {
	[BAD] = {.name = "bad", .content = {prefixes[BAD], 2}},
	[GOOD] = {.name = "good", .content = {prefixes[GOOD], 2}},
	[SINGLE] = {.name = "single", .content = {prefixes[SINGLE], 1}},
};

static int
set_up(void **state)
{
	static const char *const texts[LISTS][2] = {
		[BAD] = {"198.51.100.0/24", "2001:db8:c::/48"},
		[GOOD] = {"198.51.100.0/24", "2001:db8:c::/48"},
		[SINGLE] = {INSIDE},
	};
	struct world *world;
	struct err err;

	for (int i = 0; i < LISTS; i++)
		for (size_t j = 0; j < lists[i].content.n; j++)
			if (prefix_parse(texts[i][j], &prefixes[i][j], &err) < 0)
				return -1;
	if (world_set_up(state) < 0)
		return -1;
	world = *state;
	world->state.lists = lists;
	world->state.n_lists = LISTS;
	return 0;
}

static void
use(struct control_lists *names, uint8_t list)
{
	names->lists[names->n++] = list;
}

/* What a trace says of the packet. */
static enum verdict
foretell(const struct world *world, const char *client, const char *vip, uint8_t protocol,
	uint8_t flags)
{
	const struct pipeline *pipelines[] = {world->pipeline};
	struct trace_scene scene = {
		&world->ports, world->leases, world->snapshot, pipelines, 1, world->now_ns};
	struct trace_question question = {.protocol = protocol,
		.tcp_flags = flags,
		.from = {frame_addr(client), 4711},
		.to = {frame_addr(vip), protocol == PROTOCOL_TCP ? 80 : 53}};
	struct trace trace;

	assert_int_equal(trace_run(&scene, &question, &trace), 0);
	return trace.verdict;
}

static const char *
vip_for(const char *client)
{
	return strchr(client, ':') ? WORLD_VIP6 : WORLD_VIP4;
}

static void
expect_tcp(struct world *world, const char *client, uint8_t flags, enum verdict wanted)
{
	enum verdict said = foretell(world, client, vip_for(client), PROTOCOL_TCP, flags);
	struct frame frame;

	frame_tcp(&frame, client, 4711, vip_for(client), 80, flags);
	world_assert_verdict(world, &frame, wanted);
	assert_string_equal(verdict_name(said), verdict_name(wanted));
}

static void
expect_udp(struct world *world, const char *client, enum verdict wanted)
{
	enum verdict said = foretell(world, client, vip_for(client), PROTOCOL_UDP, 0);
	struct frame frame;

	frame_udp(&frame, client, 4711, vip_for(client), 53);
	world_assert_verdict(world, &frame, wanted);
	assert_string_equal(verdict_name(said), verdict_name(wanted));
}

static void
clients_in_a_block_list_get_nothing(void **state)
{
	struct world *world = *state;
	uint16_t id;

	use(&world->services[WORLD_HTTP4].block, BAD);
	use(&world->services[WORLD_HTTP6].block, BAD);
	world_apply(world);
	expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_DROP_SOURCE_BLOCKED);
	expect_tcp(world, OUTSIDE, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, INSIDE6, TCP_FLAG_SYN, V_DROP_SOURCE_BLOCKED);
	expect_tcp(world, OUTSIDE6, TCP_FLAG_SYN, V_FORWARD);
	/* Other services have lists of their own, or none. */
	expect_udp(world, INSIDE, V_FORWARD);
	expect_udp(world, INSIDE6, V_FORWARD);
	id = world->snapshot->path_services[WORLD_HTTP4].id;
	assert_int_equal(pipeline_stats(world->pipeline)->services[id].n_drops, 1);
	assert_int_equal(pipeline_stats(world->pipeline)->services[id].n_packets, 1);
}

static void
only_clients_in_an_allow_list_are_served(void **state)
{
	struct world *world = *state;

	use(&world->services[WORLD_HTTP4].allow, GOOD);
	use(&world->services[WORLD_DNS6].allow, SINGLE);
	use(&world->services[WORLD_DNS6].allow, GOOD);
	world_apply(world);
	expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, OUTSIDE, TCP_FLAG_SYN, V_DROP_SOURCE_NOT_ALLOWED);
	expect_udp(world, INSIDE6, V_FORWARD);
	expect_udp(world, OUTSIDE6, V_DROP_SOURCE_NOT_ALLOWED);
	expect_udp(world, OUTSIDE, V_FORWARD);
}

static void
who_is_blocked_is_not_allowed(void **state)
{
	struct world *world = *state;

	use(&world->services[WORLD_HTTP4].block, SINGLE);
	use(&world->services[WORLD_HTTP4].allow, GOOD);
	world_apply(world);
	expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_DROP_SOURCE_BLOCKED);
	expect_tcp(world, "198.51.100.8", TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, OUTSIDE, TCP_FLAG_SYN, V_DROP_SOURCE_NOT_ALLOWED);
}

static void
lists_hold_for_flows_that_there_are(void **state)
{
	struct world *world = *state;

	expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, INSIDE, TCP_FLAG_ACK, V_FORWARD);
	use(&world->services[WORLD_HTTP4].block, BAD);
	world_apply(world);
	expect_tcp(world, INSIDE, TCP_FLAG_ACK, V_DROP_SOURCE_BLOCKED);
	world->services[WORLD_HTTP4].block.n = 0;
	world_apply(world);
	expect_tcp(world, INSIDE, TCP_FLAG_ACK, V_FORWARD);
}

static void
who_is_blocked_uses_up_no_limit(void **state)
{
	struct world *world = *state;

	use(&world->services[WORLD_HTTP4].block, BAD);
	world->services[WORLD_HTTP4].limits.packets_per_s = 1;
	world_apply(world);
	for (int i = 0; i < 10; i++)
		expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_DROP_SOURCE_BLOCKED);
	expect_tcp(world, OUTSIDE, TCP_FLAG_SYN, V_FORWARD);
	expect_tcp(world, OUTSIDE, TCP_FLAG_ACK, V_DROP_PACKET_LIMIT);
}

static void
files_are_kept_until_their_stamp_changes(void **state)
{
	struct world *world = *state;
	const struct prefix_set *first;
	struct control_list *list = &lists[BAD];

	list->file = strdup("/bad.txt");
	snprintf(list->stamp, sizeof(list->stamp), "one");
	use(&world->services[WORLD_HTTP4].block, BAD);
	world_apply(world);
	first = world->snapshot->lists->lists[BAD].set;
	assert_non_null(snapshot_lists_find(world->snapshot->lists, "/bad.txt", "one"));
	assert_null(snapshot_lists_find(world->snapshot->lists, "/bad.txt", "two"));
	assert_null(snapshot_lists_find(world->snapshot->lists, "/other.txt", "one"));
	/* Nobody has read it again: what there is goes on. */
	list->content.n = 0;
	world_apply(world);
	assert_ptr_equal(world->snapshot->lists->lists[BAD].set, first);
	expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_DROP_SOURCE_BLOCKED);
	snprintf(list->stamp, sizeof(list->stamp), "two");
	world_apply(world);
	expect_tcp(world, INSIDE, TCP_FLAG_SYN, V_FORWARD);
	list->content.n = 2;
	free(list->file);
	list->file = NULL;
	list->stamp[0] = '\0';
}

static void
timeouts_are_those_of_the_state(void **state)
{
	struct world *world = *state;
	struct flow_copy copy;
	struct frame frame;
	struct flow_key key;

	expect_udp(world, OUTSIDE, V_FORWARD);
	expect_udp(world, OUTSIDE, V_FORWARD);
	frame_udp(&frame, OUTSIDE, 4711, WORLD_VIP4, 53);
	assert_non_null(pipeline_locate(world->pipeline, world->snapshot, &frame.packet, &key));
	world->now_ns += 30 * NS_PER_S;
	assert_true(flow_peek(pipeline_flows(world->pipeline), &key, world->now_ns, &copy));
	/* For the flows that there are, too, and again longer if it is made longer. */
	world->state.flow_timeouts.udp_ms = 20000;
	world_apply(world);
	assert_false(flow_peek(pipeline_flows(world->pipeline), &key, world->now_ns, &copy));
	world->state.flow_timeouts.udp_ms = 40000;
	world_apply(world);
	assert_true(flow_peek(pipeline_flows(world->pipeline), &key, world->now_ns, &copy));
	/* A flow of one packet is not yet a stream. */
	world->state.flow_timeouts.udp_new_ms = 1000;
	world_apply(world);
	assert_true(flow_peek(pipeline_flows(world->pipeline), &key, world->now_ns, &copy));
	frame_udp(&frame, OUTSIDE, 4712, WORLD_VIP4, 53);
	assert_non_null(pipeline_locate(world->pipeline, world->snapshot, &frame.packet, &key));
	world_assert_verdict(world, &frame, V_FORWARD);
	assert_true(flow_peek(pipeline_flows(world->pipeline), &key, world->now_ns, &copy));
	world->now_ns += 2 * NS_PER_S;
	assert_false(flow_peek(pipeline_flows(world->pipeline), &key, world->now_ns, &copy));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(clients_in_a_block_list_get_nothing),
		CASE(only_clients_in_an_allow_list_are_served),
		CASE(who_is_blocked_is_not_allowed),
		CASE(lists_hold_for_flows_that_there_are),
		CASE(who_is_blocked_uses_up_no_limit),
		CASE(files_are_kept_until_their_stamp_changes),
		CASE(timeouts_are_those_of_the_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
