/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/range.h"

#include <setjmp.h>
#include <stdarg.h>
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
		{"bytes=0-0", 10, RANGE_PART, 0, 1},
		{"bytes=2-5", 10, RANGE_PART, 2, 4},
		{"Bytes=2-5", 10, RANGE_PART, 2, 4},
		{"bytes= 2-5 ", 10, RANGE_PART, 2, 4},
		{"bytes=9-", 10, RANGE_PART, 9, 1},
		{"bytes=0-", 10, RANGE_PART, 0, 10},
		{"bytes=0-999", 10, RANGE_PART, 0, 10},
		{"bytes=5-18446744073709551615", 10, RANGE_PART, 5, 5},
		{"bytes=5-99999999999999999999999", 10, RANGE_PART, 5, 5},
		{"bytes=-1", 10, RANGE_PART, 9, 1},
		{"bytes=-10", 10, RANGE_PART, 0, 10},
		{"bytes=-99999999999999999999999", 10, RANGE_PART, 0, 10},
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
		{"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0},
		{"items=0-1", 10, RANGE_WHOLE, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct range range = {77, 77};
		enum range_verdict verdict = range_parse(cases[i].text, cases[i].total, &range);

		if (verdict != cases[i].verdict)
			print_error("'%s'\n", cases[i].text ? cases[i].text : "(none)");
		assert_int_equal(verdict, cases[i].verdict);
		assert_int_equal(range.offset, verdict == RANGE_PART ? cases[i].offset : 77);
		assert_int_equal(range.size, verdict == RANGE_PART ? cases[i].size : 77);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(ranges_are_read_as_rfc_9110_says),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
