/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
a_family_has_help_type_and_samples(void **state)
{
	struct metrics metrics;

	(void)state;
	metrics_init(&metrics);
	metrics_family(&metrics, "weir_flows", METRIC_GAUGE, "Flows in the table.");
	metrics_value(&metrics, 3, "service", "web", NULL);
	metrics_value(&metrics, 0.1, NULL);
	metrics_value(&metrics, 9007199254740993.0, NULL);
	metrics_value(&metrics, INFINITY, NULL);
	assert_string_equal(metrics.text, "# HELP weir_flows Flows in the table.\n"
					  "# TYPE weir_flows gauge\n"
					  "weir_flows{service=\"web\"} 3\n"
					  "weir_flows 0.1\n"
					  "weir_flows 9007199254740992\n"
					  "weir_flows +Inf\n");
	metrics_fini(&metrics);
}

static void
label_values_are_escaped(void **state)
{
	struct metrics metrics;

	(void)state;
	metrics_init(&metrics);
	metrics_family(&metrics, "m", METRIC_COUNTER, "h");
	metrics_value(&metrics, 1, "l", "a\"b\\c\nd", NULL);
	assert_non_null(strstr(metrics.text, "m{l=\"a\\\"b\\\\c\\nd\"} 1\n"));
	metrics_fini(&metrics);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_family_has_help_type_and_samples),
		cmocka_unit_test(label_values_are_escaped),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
