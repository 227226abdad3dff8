/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
the_oldest_is_forgotten_and_the_rest_is_in_order(void **state)
{
	struct history *history = calloc(1, sizeof(*history));

	(void)state;
	assert_non_null(history);
	assert_int_equal(history_n(history), 0);
	for (uint64_t i = 0; i < 3 * HISTORY_MAX + 5; i++) {
		size_t n = i + 1 < HISTORY_MAX ? (size_t)i + 1 : HISTORY_MAX;

		*history_add(history) = (struct transition){.at_ns = i};
		assert_int_equal(history_n(history), n);
		assert_int_equal(history_at(history, 0)->at_ns, i + 1 - n);
		assert_int_equal(history_at(history, n - 1)->at_ns, i);
	}
	free(history);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_oldest_is_forgotten_and_the_rest_is_in_order),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
