/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN cookies: what they carry and how long, and that a flood of SYNs leaves nothing behind. */
#include "common/clock.h"
#include "dataplane/flow_table.h"
#include "dataplane/syn_cookie.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CLIENT "198.51.100.7"
#define PERIOD_NS (64 * NS_PER_S)

static const struct siphash_key secret = {
	{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

/* The reference implementation's vectors of 8 and 16 bytes 00 01 02 .... */
static void
the_hash_is_siphash_2_4(void **state)
{
	const uint64_t words[] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

	(void)state;
	assert_true(siphash(&secret, words, 0) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(siphash(&secret, words, 1) == UINT64_C(0x93f5f5799a932462));
	assert_true(siphash(&secret, words, 2) == UINT64_C(0x3f2acc7f57c29bdb));
}

static void
a_cookie_is_good_for_its_connection_and_for_two_periods(void **state)
{
	struct flow_key key = {.client = {198, 51, 100, 7}}, other = key;
	uint64_t now_ns = 1000 * PERIOD_NS;
	unsigned int n_wrong = 0;
	uint8_t index;

	(void)state;
	other.client_port = be16_from(1);
	for (uint32_t isn = 0; isn < 1000; isn++) {
		uint32_t cookie = syn_cookie_make(&secret, &key, isn, isn % 8, now_ns);

		for (unsigned int age = 0; age < 8; age++)
			assert_int_equal(syn_cookie_check(&secret, &key, isn, cookie,
						 now_ns + age * PERIOD_NS, &index),
				age < 2);
		assert_true(syn_cookie_check(&secret, &key, isn, cookie, now_ns, &index));
		assert_int_equal(index, isn % 8);
		n_wrong += syn_cookie_check(&secret, &other, isn, cookie, now_ns, &index);
		n_wrong += syn_cookie_check(&secret, &key, isn + 1, cookie, now_ns, &index);
		n_wrong += syn_cookie_check(&secret, &key, isn, cookie ^ 1, now_ns, &index);
		n_wrong +=
			syn_cookie_check(&secret, &key, isn, cookie ^ 0x80000000, now_ns, &index);
	}
	assert_int_equal(n_wrong, 0);
}

static void
the_mss_that_it_carries_is_never_larger(void **state)
{
	(void)state;
	for (uint32_t mss = 536; mss <= UINT16_MAX; mss++) {
		uint16_t carried = syn_cookie_mss(syn_cookie_mss_index((uint16_t)mss));

		assert_true(carried <= mss);
		assert_true(mss < 1460 || carried >= 1460);
	}
}

static void
a_timestamp_carries_scale_and_sack(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 32; i++) {
		struct syn_offer offer = {.scale = i % 16, .sack = i / 16}, read = {0};
		uint32_t stamp = syn_cookie_stamp(&secret, &offer, 5000 * NS_PER_S + i);

		syn_cookie_read_stamp(stamp, &read);
		assert_int_equal(read.scale, offer.scale);
		assert_int_equal(read.sack, offer.sack);
	}
}

static int
set_up(void **state)
{
	int rc = world_set_up(state);
	struct world *world = *state;

	if (rc < 0)
		return rc;
	for (int s = 0; s < WORLD_SERVICES; s++) {
		world->services[s].mode = MODE_NAT;
		world->services[s].syn_cookies = world->services[s].protocol == PROTOCOL_TCP;
	}
	world_apply(world);
	return 0;
}

static void
a_flood_of_syns_makes_no_flows(void **state)
{
	struct world *world = *state;
	const struct stats *stats = pipeline_stats(world->pipeline);
	struct frame frame;

	for (uint32_t i = 0; i < 100000; i++) {
		char client[ADDR_TEXT_SIZE];

		snprintf(client, sizeof(client), "203.0.%u.%u", i >> 8 & 255, i & 255);
		frame_tcp(
			&frame, client, (uint16_t)(1024 + i % 60000), WORLD_VIP4, 80, TCP_FLAG_SYN);
		world_assert_verdict(world, &frame, V_REPLY_SYN_COOKIE);
		/* Guessed acknowledgments do not, either. */
		frame_tcp(
			&frame, client, (uint16_t)(1024 + i % 60000), WORLD_VIP4, 80, TCP_FLAG_ACK);
		world_assert_verdict(world, &frame, V_DROP_SYN_COOKIE);
	}
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), 0);
	assert_int_equal(stats->flow_events[FLOW_CREATED], 0);
}

static struct wire_tcp *
tcp_of(struct frame *frame)
{
	return (struct wire_tcp *)(frame->packet.data + FRAME_L3 + 20);
}

/* Sends a SYN and then the acknowledgment of its answer. */
static enum verdict
open_flow(struct world *world, struct frame *frame, uint16_t port, uint64_t wait_ns)
{
	uint32_t cookie;

	frame_tcp(frame, CLIENT, port, WORLD_VIP4, 80, TCP_FLAG_SYN);
	tcp_of(frame)->sequence = be32_from(1000);
	frame_fix_transport(frame);
	world_assert_verdict(world, frame, V_REPLY_SYN_COOKIE);
	cookie = be32_to(tcp_of(frame)->sequence);
	assert_int_equal(be32_to(tcp_of(frame)->acknowledgment), 1001);
	world->now_ns += wait_ns;
	frame_tcp(frame, CLIENT, port, WORLD_VIP4, 80, TCP_FLAG_ACK);
	tcp_of(frame)->sequence = be32_from(1001);
	tcp_of(frame)->acknowledgment = be32_from(cookie + 1);
	frame_fix_transport(frame);
	return world_run(world, &frame->packet);
}

static void
a_good_acknowledgment_opens_the_flow_and_asks_the_backend(void **state)
{
	struct world *world = *state;
	struct frame frame;

	assert_int_equal(open_flow(world, &frame, 4000, 0), V_FORWARD);
	assert_true(world_backend_of(&frame.packet) >= 0);
	assert_int_equal(tcp_of(&frame)->flags, TCP_FLAG_SYN);
	assert_int_equal(be32_to(tcp_of(&frame)->sequence), 1000);
	assert_int_equal(flow_count(pipeline_flows(world->pipeline)), 1);
	assert_int_equal(open_flow(world, &frame, 4001, 3 * PERIOD_NS), V_DROP_SYN_COOKIE);
}

static void
limits_count_good_acknowledgments_as_new_flows(void **state)
{
	struct world *world = *state;
	struct frame frame;

	world->services[WORLD_HTTP4].limits.new_flows_per_s = 1;
	world_apply(world);
	assert_int_equal(open_flow(world, &frame, 4000, 0), V_FORWARD);
	assert_int_equal(open_flow(world, &frame, 4001, 0), V_DROP_NEW_FLOW_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_siphash_2_4),
		cmocka_unit_test(a_cookie_is_good_for_its_connection_and_for_two_periods),
		cmocka_unit_test(the_mss_that_it_carries_is_never_larger),
		cmocka_unit_test(a_timestamp_carries_scale_and_sack),
		cmocka_unit_test_setup_teardown(
			a_flood_of_syns_makes_no_flows, set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			a_good_acknowledgment_opens_the_flow_and_asks_the_backend, set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(
			limits_count_good_acknowledgments_as_new_flows, set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
