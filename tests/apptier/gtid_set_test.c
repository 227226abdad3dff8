/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/gtid_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct gtid_set
set_of(const char *text)
{
	struct gtid_set set = {.n = 0};

	assert_true(gtid_set_add(&set, text, strlen(text)));
	return set;
}

static void
the_later_transaction_of_each_domain_is_kept(void **state)
{
	struct gtid_set set = set_of("0-1-100,1-3-7");

	(void)state;
	assert_true(gtid_set_add(&set, "1-4-6,0-2-101,5-1-1", strlen("1-4-6,0-2-101,5-1-1")));
	assert_int_equal(set.n, 3);
	assert_int_equal(set.last[0].sequence, 101);
	assert_int_equal(set.last[0].server, 2);
	assert_int_equal(set.last[1].sequence, 7);
	assert_int_equal(set.last[2].domain, 5);
	assert_true(gtid_set_add(&set, "", 0));
	assert_int_equal(set.n, 3);
}

static void
what_is_no_list_is_refused(void **state)
{
	static const char *const wrong[] = {
		"0-1", "0-1-1,", ",0-1-1", "0-1-1,,1-1-1", "0-1-1 ", "0-1-x", "0-1-0"};
	char many[GTID_DOMAINS_MAX * 8 + 8] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct gtid_set set = {.n = 0};

		assert_false(gtid_set_add(&set, wrong[i], strlen(wrong[i])));
	}
	for (size_t i = 0; i <= GTID_DOMAINS_MAX; i++) {
		struct gtid_set set = {.n = 0};
		size_t length = strlen(many);

		snprintf(many + length, sizeof(many) - length, "%s%zu-1-1", i ? "," : "", i);
		assert_int_equal(gtid_set_add(&set, many, strlen(many)), i < GTID_DOMAINS_MAX);
	}
}

static void
a_set_covers_what_is_not_later_in_any_domain(void **state)
{
	const struct gtid_set none = {.n = 0}, one = set_of("0-1-5"), two = set_of("0-2-5,1-1-1"),
			      later = set_of("0-1-6");

	(void)state;
	assert_true(gtid_set_covers(&one, &none));
	assert_true(gtid_set_covers(&none, &none));
	assert_false(gtid_set_covers(&none, &one));
	assert_true(gtid_set_covers(&two, &one)); /* Whoever wrote it: sequences only rise. */
	assert_false(gtid_set_covers(&one, &two));
	assert_false(gtid_set_covers(&two, &later));
	assert_true(gtid_set_covers(&later, &one));
}

static void
a_set_is_ahead_in_domains_that_both_know(void **state)
{
	const struct gtid_set none = {.n = 0}, one = set_of("0-1-5"), other = set_of("0-1-4,7-1-9"),
			      more = set_of("0-1-5,7-1-1");

	(void)state;
	assert_true(gtid_set_is_ahead(&one, &other));
	assert_false(gtid_set_is_ahead(&other, &one));
	assert_false(gtid_set_is_ahead(&more, &one));
	assert_true(gtid_set_is_ahead(&other, &more));
	assert_false(gtid_set_is_ahead(&one, &none));
	assert_false(gtid_set_is_ahead(&none, &one));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_later_transaction_of_each_domain_is_kept),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(a_set_covers_what_is_not_later_in_any_domain),
		cmocka_unit_test(a_set_is_ahead_in_domains_that_both_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
