/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/cache_rules.h"

#include "webtier/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1000000000

static struct cache_control
parse(const char *value)
{
	struct cache_control control;

	cache_control_init(&control);
	cache_control_add(&control, value);
	return control;
}

static void
directives_are_read_as_they_are_written(void **state)
{
	struct cache_control control =
		parse("a, Max-Age=10 ,s-maxage=\"20\", public,,no-cache=\"a, "
		      "max-age=5\\\", no-store\", stale-if-error=7");

	(void)state;
	assert_int_equal(control.max_age_s, 10);
	assert_int_equal(control.s_maxage_s, 20);
	assert_int_equal(control.if_error_s, 7);
	assert_int_equal(control.while_revalidate_s, -1);
	assert_true(control.is_public && control.no_cache);
	assert_false(control.no_store || control.is_private || control.must_revalidate);
}

static void
what_is_odd_is_taken_carefully(void **state)
{
	(void)state;
	assert_int_equal(parse("max-age=5, max-age=3").max_age_s, 3);
	assert_int_equal(parse("max-age=3, max-age=5").max_age_s, 3);
	assert_int_equal(parse("max-age=-1").max_age_s, 0);
	assert_int_equal(parse("max-age=1.5").max_age_s, 0);
	assert_int_equal(parse("max-age").max_age_s, 0);
	assert_int_equal(parse("max-age=").max_age_s, 0);
	assert_int_equal(parse("max-age=\"").max_age_s, 0);
	assert_int_equal(parse("max-age=99999999999999999999").max_age_s, CACHE_AGE_MAX_S);
	assert_int_equal(parse("=5, =, max-agee=1").max_age_s, -1);
	assert_true(parse("no-cache=\"unfinished").no_cache);
	assert_true(parse("\t private=\"x\"").is_private);
	assert_int_equal(parse("").max_age_s, -1);
}

struct case_ {
	unsigned int status;
	struct response_field fields[4];
	bool may; /* Be kept. */
	uint32_t age_s;
	uint32_t fresh_s;
};

static void
lifetimes_are_the_origins(void **state)
{
	static const struct case_ cases[] = {
		{200, {{"Cache-Control", "max-age=10"}}, true, 2, 10},
		{200, {{"cache-control", "max-age=10"}, {"Cache-Control", "s-maxage=20"}}, true, 2,
			20},
		{200, {{"Cache-Control", "max-age=10"}, {"Age", "5"}}, true, 7, 10},
		{200, {{"Cache-Control", "max-age=10"}, {"Age", "8"}}, false, 0, 0},
		{200, {{"Cache-Control", "max-age=10"}, {"Age", "x"}}, true, 2, 10},
		{200, {{"Cache-Control", "max-age=100"}, {"Date", "Sun, 09 Sep 2001 01:46:00 GMT"}},
			true, 40, 100},
		{200, {{"Expires", "Sun, 09 Sep 2001 01:47:40 GMT"}}, true, 2, 60},
		{200,
			{{"Expires", "Sun, 09 Sep 2001 01:47:40 GMT"},
				{"Date", "Sun, 09 Sep 2001 01:46:30 GMT"}},
			true, 10, 70},
		{200,
			{{"Expires", "Sun, 09 Sep 2001 01:47:40 GMT"},
				{"Cache-Control", "max-age=0"}},
			false, 0, 0},
		{200, {{"Expires", "0"}}, false, 0, 0},
		{200, {{"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"}}, false, 0, 0},
		{206, {{"Cache-Control", "max-age=10"}}, false, 0, 0},
		{500, {{"Cache-Control", "max-age=10"}}, false, 0, 0},
		{404, {{"Cache-Control", "max-age=10"}}, true, 2, 10},
		{200, {{"Cache-Control", "max-age=10"}, {"set-cookie", "a"}}, false, 0, 0},
		{200, {{"Cache-Control", "max-age=10"}, {"Vary", "a, *"}}, false, 0, 0},
		{200, {{"Cache-Control", "max-age=10"}, {"Vary", "a"}, {"Vary", "b"}}, false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct response_head head = {.status = cases[i].status, .fields = cases[i].fields};
		struct cache_lifetime lifetime;
		bool may;

		while (head.n_fields < 4 && cases[i].fields[head.n_fields].name)
			head.n_fields++;
		may = cache_may_store(&head, false, NOW, 2, &lifetime);
		if (may != cases[i].may)
			fail_msg("case %zu", i);
		if (!may)
			continue;
		assert_int_equal(lifetime.age_s, cases[i].age_s);
		assert_int_equal(lifetime.fresh_s, cases[i].fresh_s);
	}
}

static void
grace_is_the_origins_too(void **state)
{
	static const struct response_field fields[] = {
		{"Cache-Control", "max-age=10, stale-while-revalidate=20, stale-if-error=30"},
		{"Cache-Control", "must-revalidate"},
	};
	struct response_head head = {.status = 200, .fields = fields, .n_fields = 1};
	struct cache_lifetime lifetime;

	(void)state;
	assert_true(cache_may_store(&head, false, NOW, 0, &lifetime));
	assert_int_equal(lifetime.while_revalidate_s, 20);
	assert_int_equal(lifetime.if_error_s, 30);
	assert_false(lifetime.is_for_authorized);
	assert_false(cache_may_store(&head, true, NOW, 0, &lifetime));
	head.n_fields = 2;
	assert_true(cache_may_store(&head, true, NOW, 0, &lifetime));
	assert_int_equal(lifetime.while_revalidate_s, 0);
	assert_int_equal(lifetime.if_error_s, 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(directives_are_read_as_they_are_written),
		cmocka_unit_test(what_is_odd_is_taken_carefully),
		cmocka_unit_test(lifetimes_are_the_origins),
		cmocka_unit_test(grace_is_the_origins_too),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
