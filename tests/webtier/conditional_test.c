/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOV_1994 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT, the RFC's example. */

static const struct validators ours = {.etag = "\"abc\"", .last_modified = NOV_1994};

static void
all_three_forms_of_a_date_are_read(void **state)
{
	static const char *const texts[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
	char text[HTTP_DATE_SIZE];
	time_t time;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		time = 0;
		assert_true(http_date_parse(texts[i], &time));
		assert_int_equal(time, NOV_1994);
	}
	http_date_format(NOV_1994, text);
	assert_string_equal(text, texts[0]);
}

static void
what_is_no_date_is_refused(void **state)
{
	static const char *const texts[] = {"", "yesterday", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT+1", ",",
		"Sun Nov  6 08:49:37 199", "Sun Nov 6 08:49:37 1994", "784111777"};
	time_t time = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(http_date_parse(texts[i], &time));
	assert_int_equal(time, 1);
}

static void
dates_survive_formatting_and_parsing(void **state)
{
	char text[HTTP_DATE_SIZE];
	time_t back;

	(void)state;
	for (time_t time = 0; time < (time_t)4000000000; time += 86399 * 37) {
		http_date_format(time, text);
		assert_true(http_date_parse(text, &back));
		assert_int_equal(back, time);
	}
}

static void
conditions_are_judged_in_the_rfcs_order(void **state)
{
	static const char before[] = "Sun, 06 Nov 1994 08:49:36 GMT";
	static const char same[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	static const struct {
		struct conditions conditions;
		enum conditional_verdict verdict;
	} cases[] = {
		{{0}, CONDITIONAL_GO_ON},
		{{.if_none_match = "\"abc\""}, CONDITIONAL_NOT_MODIFIED},
		{{.if_none_match = "W/\"abc\""}, CONDITIONAL_NOT_MODIFIED},
		{{.if_none_match = "*"}, CONDITIONAL_NOT_MODIFIED},
		{{.if_none_match = "\"x\", \"abc\""}, CONDITIONAL_NOT_MODIFIED},
		{{.if_none_match = "\"x\",W/\"y\" ,\t\"abc\""}, CONDITIONAL_NOT_MODIFIED},
		{{.if_none_match = "\"abcd\""}, CONDITIONAL_GO_ON},
		{{.if_none_match = "abc"}, CONDITIONAL_GO_ON},
		{{.if_none_match = "\"abc"}, CONDITIONAL_GO_ON},
		{{.if_none_match = ""}, CONDITIONAL_GO_ON},
		{{.if_modified_since = same}, CONDITIONAL_NOT_MODIFIED},
		{{.if_modified_since = before}, CONDITIONAL_GO_ON},
		{{.if_modified_since = "rubbish"}, CONDITIONAL_GO_ON},
		/* If-None-Match overrules the date. */
		{{.if_none_match = "\"x\"", .if_modified_since = same}, CONDITIONAL_GO_ON},
		{{.if_match = "\"abc\""}, CONDITIONAL_GO_ON},
		{{.if_match = "*"}, CONDITIONAL_GO_ON},
		{{.if_match = "\"x\""}, CONDITIONAL_FAILED},
		{{.if_match = "W/\"abc\""}, CONDITIONAL_FAILED}, /* Strong comparison. */
		{{.if_unmodified_since = same}, CONDITIONAL_GO_ON},
		{{.if_unmodified_since = before}, CONDITIONAL_FAILED},
		{{.if_match = "\"abc\"", .if_unmodified_since = before}, CONDITIONAL_GO_ON},
		{{.if_match = "\"abc\"", .if_none_match = "\"abc\""}, CONDITIONAL_NOT_MODIFIED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			conditional_evaluate(&cases[i].conditions, &ours), cases[i].verdict);
}

static void
if_range_needs_the_very_same_representation(void **state)
{
	static const struct {
		const char *if_range;
		bool applies;
	} cases[] = {
		{NULL, true},
		{"\"abc\"", true},
		{"\"abd\"", false},
		{"W/\"abc\"", false},
		{"Sun, 06 Nov 1994 08:49:37 GMT", true},
		{"Sun, 06 Nov 1994 08:49:38 GMT", false},
		{"rubbish", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct conditions conditions = {.if_range = cases[i].if_range};

		assert_int_equal(conditional_range_applies(&conditions, &ours), cases[i].applies);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(all_three_forms_of_a_date_are_read),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(dates_survive_formatting_and_parsing),
		cmocka_unit_test(conditions_are_judged_in_the_rfcs_order),
		cmocka_unit_test(if_range_needs_the_very_same_representation),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
