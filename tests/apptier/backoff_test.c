/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
waits_double_up_to_the_maximum_and_start_again_after_a_success(void **state)
{
	static const uint32_t expected[] = {50, 100, 200, 400, 800, 1000, 1000};
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, 50, 1000);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
			assert_int_equal(backoff_fail(&backoff, 0), expected[i]);
		backoff_reset(&backoff);
	}
}

static void
jitter_takes_away_up_to_half(void **state)
{
	struct backoff backoff;

	(void)state;
	for (uint32_t random = 0; random < 1000; random++) {
		backoff_init(&backoff, 100, 100);
		assert_in_range(backoff_fail(&backoff, random * 7919), 50, 100);
	}
	backoff_init(&backoff, 1, 1);
	assert_int_equal(backoff_fail(&backoff, UINT32_MAX), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_maximum_and_start_again_after_a_success),
		cmocka_unit_test(jitter_takes_away_up_to_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
