/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/gtid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool
parse(const char *text, struct gtid *out)
{
	return gtid_parse(text, strlen(text), out);
}

static void
a_gtid_survives_being_written_and_read(void **state)
{
	const struct gtid gtid = {UINT32_MAX, 7, UINT64_MAX};
	char text[GTID_TEXT_SIZE];
	struct gtid read = {0};

	(void)state;
	assert_string_equal(
		gtid_format(&gtid, text, sizeof(text)), "4294967295-7-18446744073709551615");
	assert_true(parse(text, &read));
	assert_int_equal(read.domain, gtid.domain);
	assert_int_equal(read.server, gtid.server);
	assert_true(read.sequence == gtid.sequence);
}

static void
anything_else_is_refused_and_leaves_the_result(void **state)
{
	static const char *const wrong[] = {"", "-", "1", "1-2", "1-2-", "1-2-x", "1-2-3-",
		"1-2-3,4", " 1-2-3", "1-2-3 ", "+1-2-3", "1--2-3", "1-2-0", "4294967296-1-1",
		"1-4294967296-1", "1-1-18446744073709551616", "99999999999999999999999-1-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct gtid gtid = {9, 9, 9};

		assert_false(parse(wrong[i], &gtid));
		assert_int_equal(gtid.sequence, 9);
	}
}

static void
reading_stops_at_the_given_size(void **state)
{
	struct gtid gtid;

	(void)state;
	assert_true(gtid_parse("1-2-345", 5, &gtid));
	assert_int_equal(gtid.sequence, 3);
}

static void
a_server_covers_what_came_before_in_its_domain(void **state)
{
	const struct gtid none = {0}, five = {0, 1, 5}, six = {0, 2, 6}, other = {1, 1, 1};

	(void)state;
	assert_true(gtid_covers(&six, &five));
	assert_true(gtid_covers(&five, &five));
	assert_false(gtid_covers(&five, &six));
	assert_false(gtid_covers(&six, &other));
	assert_true(gtid_covers(&none, &none));
	assert_true(gtid_covers(&five, &none));
	assert_false(gtid_covers(&none, &five));
}

static void
the_latest_of_two_observations_never_goes_back(void **state)
{
	const struct gtid none = {0}, five = {0, 1, 5}, six = {0, 1, 6}, other = {1, 1, 1};

	(void)state;
	assert_int_equal(gtid_latest(&six, &five).sequence, 6);
	assert_int_equal(gtid_latest(&five, &six).sequence, 6);
	assert_int_equal(gtid_latest(&six, &none).sequence, 6);
	assert_int_equal(gtid_latest(&none, &five).sequence, 5);
	assert_int_equal(gtid_latest(&six, &other).domain, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gtid_survives_being_written_and_read),
		cmocka_unit_test(anything_else_is_refused_and_leaves_the_result),
		cmocka_unit_test(reading_stops_at_the_given_size),
		cmocka_unit_test(a_server_covers_what_came_before_in_its_domain),
		cmocka_unit_test(the_latest_of_two_observations_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
