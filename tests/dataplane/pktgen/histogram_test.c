/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pktgen/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
an_empty_one_has_no_quantile(void **state)
{
	struct histogram histogram;

	(void)state;
	histogram_init(&histogram);
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
	assert_int_equal(histogram.n, 0);
}

static void
small_values_are_exact(void **state)
{
	struct histogram histogram;

	(void)state;
	histogram_init(&histogram);
	for (uint64_t value = 1; value <= 100; value++)
		histogram_record(&histogram, value);
	assert_int_equal(histogram.least, 1);
	assert_int_equal(histogram.most, 100);
	assert_int_equal(histogram_quantile(&histogram, 10), 1);
	assert_int_equal(histogram_quantile(&histogram, 500), 50);
	assert_int_equal(histogram_quantile(&histogram, 990), 99);
	assert_int_equal(histogram_quantile(&histogram, 1000), 100);
}

/* Whatever the size of a value: what comes out is not below it and at most a 64th above. */
static void
every_value_is_known_to_a_64th(void **state)
{
	struct histogram histogram;

	(void)state;
	for (uint64_t value = 1; value < UINT64_C(1) << HISTOGRAM_BITS; value += value / 7 + 1) {
		uint64_t seen;

		histogram_init(&histogram);
		histogram_record(&histogram, value);
		histogram_record(&histogram, (UINT64_C(1) << HISTOGRAM_BITS) - 1);
		seen = histogram_quantile(&histogram, 500);
		assert_true(seen >= value);
		assert_true(seen - value <= value / 64);
	}
}

static void
quantiles_do_not_exceed_the_largest_value(void **state)
{
	struct histogram histogram;

	(void)state;
	histogram_init(&histogram);
	histogram_record(&histogram, 1000001);
	assert_int_equal(histogram_quantile(&histogram, 500), 1000001);
	assert_int_equal(histogram_quantile(&histogram, 999), 1000001);
}

static void
a_rare_outlier_shows_in_the_tail_only(void **state)
{
	struct histogram histogram;

	(void)state;
	histogram_init(&histogram);
	for (int i = 0; i < 998; i++)
		histogram_record(&histogram, 10);
	histogram_record(&histogram, 5000000);
	histogram_record(&histogram, 5000000);
	assert_int_equal(histogram_quantile(&histogram, 990), 10);
	assert_int_equal(histogram_quantile(&histogram, 999), 5000000);
}

static void
what_is_too_large_counts_as_the_largest(void **state)
{
	struct histogram histogram;

	(void)state;
	histogram_init(&histogram);
	histogram_record(&histogram, UINT64_MAX);
	assert_int_equal(histogram.most, (UINT64_C(1) << HISTOGRAM_BITS) - 1);
	assert_int_equal(histogram_quantile(&histogram, 500), histogram.most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_quantile),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(every_value_is_known_to_a_64th),
		cmocka_unit_test(quantiles_do_not_exceed_the_largest_value),
		cmocka_unit_test(a_rare_outlier_shows_in_the_tail_only),
		cmocka_unit_test(what_is_too_large_counts_as_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
