/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/announce.h"
#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static void
golden_bytes_of_gratuitous_arp(void **state)
{
	/* 02:..:01 > broadcast, ARP, request: who has 192.0.2.100, says 192.0.2.100. */
	static const uint8_t request[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1,
		0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01, 2, 0, 0, 0, 0, 1, 192, 0, 2,
		100, 0, 0, 0, 0, 0, 0, 192, 0, 2, 100};
	/* The same as a reply: 192.0.2.100 is at 02:..:01, told to itself. */
	static const uint8_t reply[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1,
		0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x02, 2, 0, 0, 0, 0, 1, 192, 0, 2,
		100, 2, 0, 0, 0, 0, 1, 192, 0, 2, 100};
	struct addr vip = frame_addr("192.0.2.100");
	uint8_t buf[ANNOUNCE_FRAME_MAX];

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(announce_build(buf, sizeof(buf), 0, &vip, frame_port_mac), 60);
	assert_memory_equal(buf, request, 60);
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(announce_build(buf, sizeof(buf), 1, &vip, frame_port_mac), 60);
	assert_memory_equal(buf, reply, 60);
	assert_int_equal(announce_build(buf, sizeof(buf), 2, &vip, frame_port_mac), 0);
	assert_int_equal(announce_build(buf, 59, 0, &vip, frame_port_mac), 0);
}

static void
golden_bytes_of_an_unsolicited_advertisement(void **state)
{
	/* 02:..:01 > 33:33:00:00:00:01, 2001:db8::100 > ff02::1, hop limit 255, ICMPv6 136,
	 * flags: override alone, target 2001:db8::100, its address option 02:..:01. */
	static const uint8_t golden[86] = {0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0x01, 0x00, 0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x88, 0,
		0xf7, 0x2c, 0x20, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x01, 0x00, 0x02, 0x01, 2, 0, 0, 0, 0, 1};
	struct addr vip = frame_addr("2001:db8::100");
	uint8_t buf[ANNOUNCE_FRAME_MAX];

	(void)state;
	assert_int_equal(announce_build(buf, sizeof(buf), 0, &vip, frame_port_mac), 86);
	assert_memory_equal(buf, golden, 86);
	assert_int_equal(announce_build(buf, sizeof(buf), 1, &vip, frame_port_mac), 0);
	assert_int_equal(announce_build(buf, 85, 0, &vip, frame_port_mac), 0);
}

static void
a_burst_is_followed_by_repeats_and_a_slow_refresh(void **state)
{
	struct announce_schedule schedule;
	uint64_t now_ns = 5000 * MS;

	(void)state;
	announce_init(&schedule);
	assert_false(announce_due(&schedule, now_ns));
	announce_start(&schedule, now_ns);
	for (int i = 0; i < ANNOUNCE_BURST_ROUNDS; i++) {
		assert_true(announce_due(&schedule, now_ns));
		assert_false(announce_due(&schedule, now_ns));
		assert_false(announce_due(&schedule, now_ns + 99 * MS));
		if (i + 1 < ANNOUNCE_BURST_ROUNDS)
			now_ns += 100 * MS;
	}
	for (uint64_t s = 1; s <= 32; s *= 2) {
		assert_false(announce_due(&schedule, now_ns + s * 1000 * MS - 1));
		now_ns += s * 1000 * MS;
		assert_true(announce_due(&schedule, now_ns));
	}
	assert_false(announce_due(&schedule, now_ns + 59999 * MS));
	assert_true(announce_due(&schedule, now_ns + 60000 * MS));
	assert_int_equal(schedule.next_ns, now_ns + 120000 * MS);
}

static void
a_round_out_of_turn_is_soon_and_seldom(void **state)
{
	struct announce_schedule schedule;
	uint64_t now_ns = 5000 * MS;

	(void)state;
	announce_init(&schedule);
	announce_again(&schedule, now_ns);
	assert_false(announce_due(&schedule, now_ns));
	announce_start(&schedule, now_ns);
	while (schedule.next_ns < 200000 * MS)
		assert_true(announce_due(&schedule, schedule.next_ns));
	/* Long after the last round it is due at once, ... */
	now_ns = schedule.last_ns + 10000 * MS;
	announce_again(&schedule, now_ns);
	assert_true(announce_due(&schedule, now_ns));
	/* ... and then no more than once in a second, however often it is asked for. */
	for (int i = 0; i < 999; i++) {
		announce_again(&schedule, now_ns + (uint64_t)i * MS);
		assert_false(announce_due(&schedule, now_ns + (uint64_t)i * MS));
	}
	assert_true(announce_due(&schedule, now_ns + 1000 * MS));
	/* And it is followed by others, as after a burst. */
	assert_int_equal(schedule.next_ns, now_ns + 3000 * MS);
	assert_true(announce_due(&schedule, now_ns + 3000 * MS));
	assert_int_equal(schedule.next_ns, now_ns + 7000 * MS);
	/* A burst that goes on is not disturbed. */
	announce_start(&schedule, now_ns);
	assert_true(announce_due(&schedule, now_ns));
	announce_again(&schedule, now_ns);
	assert_int_equal(schedule.next_ns, now_ns + 100 * MS);
}

static void
stopping_ends_it_and_starting_again_bursts_again(void **state)
{
	struct announce_schedule schedule;

	(void)state;
	announce_init(&schedule);
	announce_start(&schedule, 1000 * MS);
	assert_true(announce_due(&schedule, 1000 * MS));
	announce_stop(&schedule);
	assert_false(announce_due(&schedule, UINT64_MAX - 1));
	announce_start(&schedule, 2000 * MS);
	assert_true(announce_due(&schedule, 2000 * MS));
	assert_int_equal(schedule.next_ns, 2100 * MS);
	/* A long pause is followed by one round, not by all that were missed. */
	assert_true(announce_due(&schedule, 9000 * MS));
	assert_false(announce_due(&schedule, 9000 * MS));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(golden_bytes_of_gratuitous_arp),
		cmocka_unit_test(golden_bytes_of_an_unsolicited_advertisement),
		cmocka_unit_test(a_burst_is_followed_by_repeats_and_a_slow_refresh),
		cmocka_unit_test(a_round_out_of_turn_is_soon_and_seldom),
		cmocka_unit_test(stopping_ends_it_and_starting_again_bursts_again),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
