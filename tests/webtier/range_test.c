/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
ranges_are_read_as_rfc_9110_says(void **state)
{
	static const struct {
		const char *text;
		uint64_t total;
		enum range_verdict verdict;
		uint64_t offset;
		uint64_t size;
	} cases[] = {
		{NULL, 10, RANGE_WHOLE, 0, 0},
		{"bytes=0-0", 10, RANGE_PARTS, 0, 1},
		{"bytes=2-5", 10, RANGE_PARTS, 2, 4},
		{"Bytes=2-5", 10, RANGE_PARTS, 2, 4},
		{"bytes= 2-5 ", 10, RANGE_PARTS, 2, 4},
		{"bytes=9-", 10, RANGE_PARTS, 9, 1},
		{"bytes=0-", 10, RANGE_PARTS, 0, 10},
		{"bytes=0-999", 10, RANGE_PARTS, 0, 10},
		{"bytes=5-18446744073709551615", 10, RANGE_PARTS, 5, 5},
		{"bytes=5-99999999999999999999999", 10, RANGE_PARTS, 5, 5},
		{"bytes=-1", 10, RANGE_PARTS, 9, 1},
		{"bytes=-10", 10, RANGE_PARTS, 0, 10},
		{"bytes=-99999999999999999999999", 10, RANGE_PARTS, 0, 10},
		{"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=18446744073709551616-", 10, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-5", 0, RANGE_UNSATISFIABLE, 0, 0},
		{"", 10, RANGE_WHOLE, 0, 0},
		{"bytes", 10, RANGE_WHOLE, 0, 0},
		{"bytes=", 10, RANGE_WHOLE, 0, 0},
		{"bytes=-", 10, RANGE_WHOLE, 0, 0},
		{"bytes=5", 10, RANGE_WHOLE, 0, 0},
		{"bytes=5-2", 10, RANGE_WHOLE, 0, 0},
		{"bytes=a-b", 10, RANGE_WHOLE, 0, 0},
		{"bytes=+1-2", 10, RANGE_WHOLE, 0, 0},
		{"bytes=1-2x", 10, RANGE_WHOLE, 0, 0},
		{"bytes=--5", 10, RANGE_WHOLE, 0, 0},
		{"bytes=-5-", 10, RANGE_WHOLE, 0, 0},
		{"items=0-1", 10, RANGE_WHOLE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ranges ranges = {77, {{77, 77}}};
		enum range_verdict verdict = range_parse(cases[i].text, cases[i].total, &ranges);
		bool is_set = verdict == RANGE_PARTS;

		if (verdict != cases[i].verdict)
			print_error("'%s'\n", cases[i].text ? cases[i].text : "(none)");
		assert_int_equal(verdict, cases[i].verdict);
		assert_int_equal(ranges.n, is_set ? 1 : 77);
		assert_int_equal(ranges.parts[0].offset, is_set ? cases[i].offset : 77);
		assert_int_equal(ranges.parts[0].size, is_set ? cases[i].size : 77);
	}
}

static void
several_ranges_keep_their_order(void **state)
{
	struct ranges ranges;

	(void)state;
	assert_int_equal(range_parse("bytes=7-8, 0-1 ,,-1", 10, &ranges), RANGE_PARTS);
	assert_int_equal(ranges.n, 3);
	assert_int_equal(ranges.parts[0].offset, 7);
	assert_int_equal(ranges.parts[0].size, 2);
	assert_int_equal(ranges.parts[1].offset, 0);
	assert_int_equal(ranges.parts[2].offset, 9);
	/* Those that lie behind the end do not count. */
	assert_int_equal(range_parse("bytes=10-,3-4,-0", 10, &ranges), RANGE_PARTS);
	assert_int_equal(ranges.n, 1);
	assert_int_equal(ranges.parts[0].offset, 3);
	assert_int_equal(range_parse("bytes=10-,-0", 10, &ranges), RANGE_UNSATISFIABLE);
}

static void
what_asks_for_too_much_gets_the_whole(void **state)
{
	static const char *const texts[] = {"bytes=0-,0-0", "bytes=0-5,4-9", "bytes=0-1,x",
		"bytes=0-1 3-4", "bytes=0-1;3-4", "bytes=,", "bytes=3-4,2-1",
		"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,"
		"28-28,30-30,32-32"};
	struct ranges ranges;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint64_t total = i + 1 < sizeof(texts) / sizeof(texts[0]) ? 10 : 100;

		if (range_parse(texts[i], total, &ranges) != RANGE_WHOLE)
			fail_msg("'%s'", texts[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(ranges_are_read_as_rfc_9110_says),
		cmocka_unit_test(several_ranges_keep_their_order),
		cmocka_unit_test(what_asks_for_too_much_gets_the_whole),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
