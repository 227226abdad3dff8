/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/link_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
a_title_may_have_all_letters_and_emoji(void **state)
{
	static const char *const titles[] = {"", "Plain",
		"Gr\xc3\xb6\xc3\x9f"
		"e",
		"\xe6\x97\xa5\xe6\x9c\xac",
		"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", /* Joined by U+200D. */
		"\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7", "<b>&\"'"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		assert_int_equal(link_title_check(titles[i], strlen(titles[i]), &err), 0);
}

static void
a_title_has_no_controls(void **state)
{
	static const char *const titles[] = {"a\nb", "\x1b[31m", "\x7f", "\xc2\x85", "\xe2\x80\xae",
		"\xe2\x81\xa6", "\xe2\x80\xa8"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		assert_true(link_title_check(titles[i], strlen(titles[i]), &err) < 0);
		assert_non_null(strstr(err.text, "control"));
	}
	assert_true(link_title_check("a\0b", 3, &err) < 0);
	assert_true(link_title_check("\xff", 1, &err) < 0);
	assert_non_null(strstr(err.text, "UTF-8"));
}

static void
the_length_of_a_title_is_of_characters(void **state)
{
	char title[4 * (LINK_TITLE_MAX + 1)];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(title); i += 4)
		memcpy(title + i, "\xf0\x9f\x8c\x8a", 4);
	assert_int_equal(link_title_check(title, sizeof(title) - 4, &err), 0);
	assert_true(link_title_check(title, sizeof(title), &err) < 0);
	assert_non_null(strstr(err.text, "201 characters; at most 200"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_title_may_have_all_letters_and_emoji),
		cmocka_unit_test(a_title_has_no_controls),
		cmocka_unit_test(the_length_of_a_title_is_of_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
