/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/link_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
a_generated_code_is_valid_and_another_each_time(void **state)
{
	char one[LINK_CODE_SIZE], other[LINK_CODE_SIZE];

	(void)state;
	assert_int_equal(link_code_generate(one), 0);
	assert_int_equal(link_code_generate(other), 0);
	assert_int_equal(strlen(one), LINK_CODE_LENGTH);
	assert_true(link_code_is_valid(one));
	assert_string_not_equal(one, other);
}

static void
every_letter_is_equally_likely(void **state)
{
	int n_by_letter[256] = {0};
	char code[LINK_CODE_SIZE];

	(void)state;
	for (int value = 0; value < 256; value++) {
		unsigned char bytes[LINK_CODE_LENGTH];

		memset(bytes, value, sizeof(bytes));
		if (link_code_from_bytes(bytes, sizeof(bytes), code) > 0)
			n_by_letter[(unsigned char)code[0]]++;
	}
	for (int letter = 0; letter < 256; letter++) {
		char text[2] = {(char)letter, '\0'};

		assert_int_equal(n_by_letter[letter], link_code_is_valid(text) ? 4 : 0);
	}
}

static void
bytes_that_do_not_suffice_give_no_code(void **state)
{
	unsigned char unfair[32];
	const unsigned char few[LINK_CODE_LENGTH - 1] = {0};
	char code[LINK_CODE_SIZE];

	(void)state;
	memset(unfair, 255, sizeof(unfair));
	assert_int_equal(link_code_from_bytes(unfair, sizeof(unfair), code), 0);
	assert_int_equal(link_code_from_bytes(few, sizeof(few), code), 0);
}

static void
what_cannot_be_a_code_is_refused(void **state)
{
	(void)state;
	assert_true(link_code_is_valid("a"));
	assert_true(link_code_is_valid("01234567890123456789012345678901"));
	assert_false(link_code_is_valid("012345678901234567890123456789012"));
	assert_false(link_code_is_valid(""));
	assert_true(link_code_is_valid("a-b_c"));
	assert_false(link_code_is_valid("-a"));
	assert_false(link_code_is_valid("a_"));
	assert_false(link_code_is_valid("a/b"));
	assert_false(link_code_is_valid("a'b"));
	assert_false(link_code_is_valid("\xc3\xa9"));
}

static void
a_chosen_code_has_three_characters_or_more(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(link_code_check_custom("abc", &err), 0);
	assert_true(link_code_check_custom("ab", &err) < 0);
	assert_non_null(strstr(err.text, "3 to 32"));
	assert_true(link_code_check_custom("a b", &err) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_generated_code_is_valid_and_another_each_time),
		cmocka_unit_test(every_letter_is_equally_likely),
		cmocka_unit_test(bytes_that_do_not_suffice_give_no_code),
		cmocka_unit_test(a_chosen_code_has_three_characters_or_more),
		cmocka_unit_test(what_cannot_be_a_code_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
