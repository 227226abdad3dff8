/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pktgen/search_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A device that loses what is above 'limit', tried by a generator that cannot send above 'able'. */
static unsigned int
search_device(struct search *search, uint64_t limit, uint64_t able)
{
	unsigned int n = 0;

	while (search->end == SEARCH_GOES_ON) {
		uint64_t rate = search->next < able ? search->next : able;
		struct search_trial trial = {rate, rate < limit ? rate : limit, rate};

		assert_in_range(search->next, search->config.least, search->config.most);
		assert_true(n++ < 64);
		search_take(search, &trial);
	}
	return n;
}

static void
the_limit_is_found_to_the_resolution(void **state)
{
	static const uint64_t limits[] = {1000, 1001, 4711, 500000, 999998};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct search_config config = {1000, 1000000, 100, 0};
		struct search search;

		search_init(&search, &config);
		search_device(&search, limits[i], UINT64_MAX);
		assert_int_equal(search.end, SEARCH_FOUND);
		assert_true(search.passed <= limits[i]);
		assert_true(limits[i] - search.passed <= 100);
		assert_true(search.failed > limits[i]);
	}
}

static void
a_highest_rate_that_passes_is_the_only_trial(void **state)
{
	struct search_config config = {1, 1000000, 1000, 0};
	struct search search;

	(void)state;
	search_init(&search, &config);
	assert_int_equal(search_device(&search, 1000000, UINT64_MAX), 1);
	assert_int_equal(search.end, SEARCH_AT_MOST);
	assert_int_equal(search.passed, 1000000);
}

static void
a_device_that_loses_always_has_no_throughput(void **state)
{
	struct search_config config = {1000, 1000000, 10, 0};
	struct search search;

	(void)state;
	search_init(&search, &config);
	search_device(&search, 0, UINT64_MAX);
	assert_int_equal(search.end, SEARCH_NONE);
	assert_int_equal(search.passed, 0);
	assert_int_equal(search.failed, 1000);
}

static void
a_generator_that_is_too_slow_is_said_to_be(void **state)
{
	struct search_config config = {1000, 1000000, 10, 0};
	struct search search;

	(void)state;
	search_init(&search, &config);
	assert_int_equal(search_device(&search, UINT64_MAX, 600000), 1);
	assert_int_equal(search.end, SEARCH_GENERATOR);
	assert_int_equal(search.passed, 600000);
}

static void
what_a_slow_generator_lost_it_lost_at_its_own_rate(void **state)
{
	struct search_config config = {1000, 1000000, 10, 0};
	struct search search;

	(void)state;
	search_init(&search, &config);
	search_device(&search, 300000, 600000);
	assert_int_equal(search.end, SEARCH_FOUND);
	assert_in_range(search.passed, 300000 - 10, 300000);
	assert_true(search.failed <= 600000);
}

static void
tolerated_loss_passes(void **state)
{
	struct search_config config = {1, 100, 1, SEARCH_WHOLE / 1000};
	struct search search;
	struct search_trial trial = {1000000, 999000, 100};

	(void)state;
	search_init(&search, &config);
	assert_true(search_take(&search, &trial));
	search_init(&search, &config);
	trial.received = 998999;
	assert_false(search_take(&search, &trial));
}

static void
a_trial_that_sent_nothing_proves_nothing(void **state)
{
	struct search_config config = {1, 100, 1, 0};
	struct search search;
	struct search_trial trial = {0, 0, 0};

	(void)state;
	search_init(&search, &config);
	assert_false(search_take(&search, &trial));
}

static void
every_end_has_a_text(void **state)
{
	(void)state;
	for (int end = SEARCH_GOES_ON; end <= SEARCH_NONE; end++)
		assert_non_null(search_end_text((enum search_end)end));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_is_found_to_the_resolution),
		cmocka_unit_test(a_highest_rate_that_passes_is_the_only_trial),
		cmocka_unit_test(a_device_that_loses_always_has_no_throughput),
		cmocka_unit_test(a_generator_that_is_too_slow_is_said_to_be),
		cmocka_unit_test(what_a_slow_generator_lost_it_lost_at_its_own_rate),
		cmocka_unit_test(tolerated_loss_passes),
		cmocka_unit_test(a_trial_that_sent_nothing_proves_nothing),
		cmocka_unit_test(every_end_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
