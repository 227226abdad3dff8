/* SPDX-License-Identifier: BSD-3-Clause */
/* A station's questions are answered by another station, and its answers learned. */
#include "dataplane/pktgen/resolve_fsm.h"
#include "dataplane/pktgen/station.h"
#include "dataplane/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BUFFER_SIZE 256
#define HEADROOM 64

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 0xb};

struct frame {
	uint8_t buffer[BUFFER_SIZE];
	struct packet packet;
};

static struct station
station_of(const char *first, const char *second)
{
	struct station station = {.n_ranges = 2};

	assert_int_equal(range_parse(first, &station.ranges[0], NULL), 0);
	assert_int_equal(range_parse(second, &station.ranges[1], NULL), 0);
	return station;
}

static struct addr
addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr, NULL), 0);
	return addr;
}

static void
ask(const struct station *station, const char *target, struct frame *frame)
{
	struct addr addr = addr_of(target);

	frame->packet = (struct packet){.data = frame->buffer + HEADROOM, .headroom = HEADROOM};
	frame->packet.size = (uint32_t)station_ask(station, &addr, mac_a, frame->buffer + HEADROOM);
	assert_in_range(frame->packet.size, 42, STATION_QUESTION_SIZE);
	frame->packet.tailroom = (uint16_t)(BUFFER_SIZE - HEADROOM - frame->packet.size);
}

static void
questions_are_answered_and_answers_learned(void **state)
{
	struct station asker = station_of("10.9.0.10", "fd09::10");
	struct station other = station_of("10.9.1.1-10.9.1.100", "fd09::1:0-fd09::1:ffff");
	static const char *const targets[] = {
		"10.9.1.1", "10.9.1.100", "fd09::1:1", "fd09::1:ffff"};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct addr target = addr_of(targets[i]);
		uint8_t mac[6] = {0};
		struct frame frame;

		ask(&asker, targets[i], &frame);
		assert_false(station_learn(&frame.packet, &target, mac));
		assert_true(station_answer(&other, &frame.packet, mac_b));
		assert_memory_equal(frame.packet.data, mac_a, 6);
		assert_true(station_learn(&frame.packet, &target, mac));
		assert_memory_equal(mac, mac_b, 6);
	}
}

static void
what_others_have_is_not_answered_for(void **state)
{
	struct station asker = station_of("10.9.0.10", "fd09::10");
	struct station other = station_of("10.9.1.1-10.9.1.100", "fd09::1:0-fd09::1:ffff");
	static const char *const targets[] = {"10.9.1.0", "10.9.1.101", "fd09::2:0", "fd08::1:1"};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct frame frame;

		ask(&asker, targets[i], &frame);
		assert_false(station_answer(&other, &frame.packet, mac_b));
	}
}

static void
an_answer_about_another_is_not_learned(void **state)
{
	struct station asker = station_of("10.9.0.10", "fd09::10");
	struct station other = station_of("10.9.1.1-10.9.1.100", "fd09::1:0-fd09::1:ffff");
	struct addr wanted4 = addr_of("10.9.1.2"), wanted6 = addr_of("fd09::1:2");
	struct frame frame;
	uint8_t mac[6];

	(void)state;
	ask(&asker, "10.9.1.1", &frame);
	assert_true(station_answer(&other, &frame.packet, mac_b));
	assert_false(station_learn(&frame.packet, &wanted4, mac));
	ask(&asker, "fd09::1:1", &frame);
	assert_true(station_answer(&other, &frame.packet, mac_b));
	assert_false(station_learn(&frame.packet, &wanted6, mac));
}

static void
an_announcement_is_learned_and_not_answered(void **state)
{
	struct station asker = station_of("10.9.0.10", "fd09::10");
	struct addr own = addr_of("10.9.0.10");
	struct frame frame;
	uint8_t mac[6];

	(void)state;
	ask(&asker, "10.9.0.10", &frame);
	assert_false(station_answer(&asker, &frame.packet, mac_b));
	assert_true(station_learn(&frame.packet, &own, mac));
	assert_memory_equal(mac, mac_a, 6);
}

static void
ranges_are_read_and_refused(void **state)
{
	static const struct {
		const char *text;
		uint32_t n;
	} good[] = {{"10.0.0.1", 1}, {"10.0.0.1-10.0.0.10", 10}, {"10.0.0.77/24", 256},
		{"fd00::/64", UINT32_C(1) << 31}, {"fd00::1-fd00::2", 2}, {"10.0.0.1/32", 1}};
	static const char *const bad[] = {"", "10.0.0", "10.0.0.2-10.0.0.1", "10.0.0.0/33",
		"10.0.0.0/0", "10.0.0.0/", "10.0.0.1-fd00::1", "fd00::1-fd01::1",
		"0.0.0.0-255.0.0.0"};
	struct range range;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(range_parse(good[i].text, &range, &err), 0);
		assert_int_equal(range.n, good[i].n);
		assert_true(range_has(&range, &range.first));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(range_parse(bad[i], &range, &err) < 0);
	assert_int_equal(range_parse("10.0.0.77/24", &range, &err), 0);
	assert_int_equal(range_base(&range), 0x0a000000);
}

static void
the_question_is_repeated_and_given_up(void **state)
{
	struct resolve resolve;

	(void)state;
	resolve_init(&resolve, 2, 100);
	assert_int_equal(resolve_tick(&resolve, 100), RESOLVE_ASK);
	assert_int_equal(resolve_tick(&resolve, 101), RESOLVE_WAIT);
	assert_int_equal(resolve_tick(&resolve, 100 + RESOLVE_INTERVAL_NS), RESOLVE_ASK);
	assert_int_equal(resolve_tick(&resolve, 99 + 2 * RESOLVE_INTERVAL_NS), RESOLVE_WAIT);
	assert_int_equal(resolve_tick(&resolve, 100 + 2 * RESOLVE_INTERVAL_NS), RESOLVE_FAIL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_answered_and_answers_learned),
		cmocka_unit_test(what_others_have_is_not_answered_for),
		cmocka_unit_test(an_answer_about_another_is_not_learned),
		cmocka_unit_test(an_announcement_is_learned_and_not_answered),
		cmocka_unit_test(ranges_are_read_and_refused),
		cmocka_unit_test(the_question_is_repeated_and_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
