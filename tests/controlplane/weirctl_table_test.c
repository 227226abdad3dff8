/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/weirctl_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct table_column columns[] = {
	{"NAME", false},
	{"PACKETS", true},
	{"REASON", false},
	{NULL, false},
};

/* Prints the table and compares with 'expected'. */
static void
expect(const struct table *table, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	table_print(table, "There is nothing.", file);
	fclose(file);
	assert_string_equal(text, expected);
	free(text);
}

static void
columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, columns);
	table_cell(&table, "a");
	table_cell(&table, "%d", 5);
	table_cell(&table, "fine");
	table_cell(&table, "a-long-name");
	table_cell(&table, "%d", 123456789);
	table_cell(&table, "%s", "");
	expect(&table, "NAME           PACKETS  REASON\n"
		       "a                    5  fine\n"
		       "a-long-name  123456789  -\n");
	table_fini(&table);
}

static void
a_table_without_rows_says_so(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, columns);
	expect(&table, "There is nothing.\n");
	table_fini(&table);
}

static void
control_characters_cannot_reach_the_terminal(void **state)
{
	struct table table;

	(void)state;
	table_init(&table, columns);
	table_cell(&table, "\x1b[2J");
	table_cell(&table, "1\n2");
	table_cell(&table, "tab\there");
	expect(&table, "NAME  PACKETS  REASON\n"
		       "?[2J      1?2  tab?here\n");
	table_fini(&table);
}

static void
counts_have_three_digits_and_a_unit(void **state)
{
	static const struct {
		uint64_t count;
		const char *text;
	} cases[] = {{0, "0"}, {999, "999"}, {1000, "1.00k"}, {1234, "1.23k"}, {9994, "9.99k"},
		{9996, "10.0k"}, {99940, "99.9k"}, {99960, "100k"}, {999499, "999k"},
		{999500, "1.00M"}, {4560000, "4.56M"}, {UINT64_MAX, "18.4E"}};
	char buf[UNIT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(format_count(cases[i].count, buf), cases[i].text);
}

static void
bytes_have_binary_units(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 B"}, {1000, "1000 B"}, {1023, "1023 B"}, {1024, "1.00 KiB"},
		{1536, "1.50 KiB"}, {1048576, "1.00 MiB"}, {1048000, "1.00 MiB"},
		{3221225472, "3.00 GiB"}, {UINT64_MAX, "16.0 EiB"}};
	char buf[UNIT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(format_bytes(cases[i].bytes, buf), cases[i].text);
}

static void
times_have_their_two_greatest_units(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {{-1, "0.00s"}, {0.25, "0.25s"}, {9.99, "9.99s"}, {10, "10s"}, {59.9, "59s"},
		{60, "1m00s"}, {185, "3m05s"}, {3600, "1h00m"}, {14825, "4h07m"}, {86400, "1d00h"},
		{1047600, "12d03h"}};
	char buf[UNIT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(format_seconds(cases[i].seconds, buf), cases[i].text);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(a_table_without_rows_says_so),
		cmocka_unit_test(control_characters_cannot_reach_the_terminal),
		cmocka_unit_test(counts_have_three_digits_and_a_unit),
		cmocka_unit_test(bytes_have_binary_units),
		cmocka_unit_test(times_have_their_two_greatest_units),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
