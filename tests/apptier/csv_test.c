/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
fields_are_quoted_only_where_they_must_be(void **state)
{
	static const char expected[] = "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n";
	struct csv csv = {0};

	(void)state;
	csv_field(&csv, "plain");
	csv_field(&csv, "a,b");
	csv_field(&csv, "say \"hi\"");
	csv_field(&csv, "two\nlines");
	csv_field(&csv, "");
	csv_end(&csv);
	assert_int_equal(csv.rc, 0);
	assert_int_equal(csv.size, strlen(expected));
	assert_memory_equal(csv.text, expected, csv.size);
	csv_fini(&csv);
}

static void
what_a_spreadsheet_would_run_is_text(void **state)
{
	static const char *const formulas[] = {
		"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=\"a\""};
	static const char *const expected[] = {"\"'=1+1\"", "\"'+1\"", "\"'-1\"", "\"'@SUM(A1)\"",
		"\"'\t=1\"", "\"'\r=1\"", "\"'=\"\"a\"\"\""};
	struct csv csv = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
		csv_reset(&csv);
		csv_field(&csv, formulas[i]);
		assert_int_equal(csv.size, strlen(expected[i]));
		assert_memory_equal(csv.text, expected[i], csv.size);
	}
	csv_fini(&csv);
}

static void
a_record_of_one_empty_field_is_no_empty_line(void **state)
{
	struct csv csv = {0};

	(void)state;
	csv_field(&csv, "");
	csv_end(&csv);
	csv_field(&csv, "a");
	csv_end(&csv);
	assert_int_equal(csv.size, 7);
	assert_memory_equal(csv.text, "\"\"\r\na\r\n", 7);
	csv_fini(&csv);
}

static void
the_buffer_grows(void **state)
{
	struct csv csv = {0};
	char field[1000];

	(void)state;
	memset(field, 'x', sizeof(field) - 1);
	field[sizeof(field) - 1] = '\0';
	for (unsigned int i = 0; i < 100; i++)
		csv_field(&csv, field);
	csv_end(&csv);
	assert_int_equal(csv.rc, 0);
	assert_int_equal(csv.size, 100 * sizeof(field) + 1);
	csv_fini(&csv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_quoted_only_where_they_must_be),
		cmocka_unit_test(what_a_spreadsheet_would_run_is_text),
		cmocka_unit_test(a_record_of_one_empty_field_is_no_empty_line),
		cmocka_unit_test(the_buffer_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
