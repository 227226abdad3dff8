/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of bytes: every byte at every place of a text that is longer than one step. */
#include "common/http/octets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SIZE 19

static bool
is_plain(unsigned char c)
{
	return c >= ' ' && c != 0x7f;
}

static void
test_a_run_ends_at_the_first_control_character(void **state)
{
	char text[SIZE];

	(void)state;
	for (unsigned int c = 0; c < 256; c++) {
		for (size_t at = 0; at < SIZE; at++) {
			/* What surrounds it is as near to being one as it can be. */
			memset(text, c % 2 ? ' ' : '~', sizeof(text));
			text[at] = (char)c;
			assert_int_equal(
				octets_plain(text, SIZE), is_plain((unsigned char)c) ? SIZE : at);
		}
	}
}

static void
test_nothing_behind_the_end_counts(void **state)
{
	const char text[] = "12345678\n";

	(void)state;
	for (size_t size = 0; size <= 8; size++)
		assert_int_equal(octets_plain(text, size), size);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_ends_at_the_first_control_character),
		cmocka_unit_test(test_nothing_behind_the_end_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
