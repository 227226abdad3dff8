/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/link_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
times_of_any_offset_become_utc(void **state)
{
	static const struct {
		const char *text, *sql;
	} cases[] = {
		{"2030-01-31T12:00:00Z", "2030-01-31 12:00:00.000"},
		{"2030-01-31t12:00:00z", "2030-01-31 12:00:00.000"},
		{"2030-01-31 12:00:00+00:00", "2030-01-31 12:00:00.000"},
		{"2030-01-01T00:30:00+01:00", "2029-12-31 23:30:00.000"},
		{"2029-12-31T23:30:00.5-00:45", "2030-01-01 00:15:00.500"},
		{"2028-02-29T00:00:00.123456789Z", "2028-02-29 00:00:00.123"},
		{"9999-12-31T23:59:59Z", "9999-12-31 23:59:59.000"},
		{"2016-12-31T23:59:60Z", "2017-01-01 00:00:00.000"},
	};
	char sql[LINK_TIME_SIZE];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(link_time_parse(cases[i].text, sql, &err), 0);
		assert_string_equal(sql, cases[i].sql);
	}
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = {"", "tomorrow", "2030-01-31", "2030-01-31T12:00:00",
		"2030-02-30T12:00:00Z", "2030-13-01T12:00:00Z", "2030-00-01T12:00:00Z",
		"2030-01-00T12:00:00Z", "2030-01-31T24:00:00Z", "2030-01-31T12:60:00Z",
		"2030-01-31T12:00:61Z", "2030-01-31T12:00:00.Z", "2030-01-31T12:00:00+24:00",
		"2030-01-31T12:00:00+0100", "2030-01-31T12:00:00Zx", "1969-12-31T00:00:00Z",
		"9999-12-31T23:59:59-01:00", "+030-01-31T12:00:00Z"};
	char sql[LINK_TIME_SIZE] = "untouched";
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_true(link_time_parse(texts[i], sql, &err) < 0);
	assert_string_equal(sql, "untouched");
}

static void
days_are_read_and_written(void **state)
{
	char text[LINK_DAY_SIZE];
	uint32_t day;

	(void)state;
	assert_int_equal(link_day_parse("1970-01-01", &day), 0);
	assert_int_equal(day, 0);
	assert_int_equal(link_day_parse("2024-02-29", &day), 0);
	assert_int_equal(day, 19782);
	link_day_format(day, text);
	assert_string_equal(text, "2024-02-29");
	assert_true(link_day_parse("2023-02-29", &day) < 0);
	assert_true(link_day_parse("2023-02-2", &day) < 0);
	assert_true(link_day_parse("2023-02-20T", &day) < 0);
}

static void
sql_becomes_rfc_3339(void **state)
{
	char text[LINK_TIME_SIZE];

	(void)state;
	link_time_format("2030-01-31 12:00:00.000", text);
	assert_string_equal(text, "2030-01-31T12:00:00.000Z");
}

static void
now_is_a_time_that_is_read_again(void **state)
{
	char now[LINK_TIME_SIZE], text[LINK_TIME_SIZE], again[LINK_TIME_SIZE];
	struct err err;

	(void)state;
	link_time_now(now);
	link_time_format(now, text);
	assert_int_equal(link_time_parse(text, again, &err), 0);
	assert_string_equal(now, again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_any_offset_become_utc),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(days_are_read_and_written),
		cmocka_unit_test(sql_becomes_rfc_3339),
		cmocka_unit_test(now_is_a_time_that_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
