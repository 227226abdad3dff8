/* SPDX-License-Identifier: BSD-3-Clause */
#include "monitor/exposition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct seen {
	char text[1024];
};

static void
note(void *ctx, const struct exposition_sample *sample)
{
	struct seen *seen = ctx;
	size_t used = strlen(seen->text);

	used += (size_t)snprintf(seen->text + used, sizeof(seen->text) - used, "%s", sample->name);
	for (size_t i = 0; i < sample->n_labels; i++)
		used += (size_t)snprintf(seen->text + used, sizeof(seen->text) - used, " %s=<%s>",
			sample->labels[i].name, sample->labels[i].value);
	snprintf(seen->text + used, sizeof(seen->text) - used, " %g;", sample->value);
}

static void
samples_with_and_without_labels_are_read(void **state)
{
	struct seen seen = {""};

	(void)state;
	assert_int_equal(exposition_read("# HELP a b\n# TYPE a counter\na 1\r\n"
					 "b{x=\"1\",y=\"2\",} 2.5 1700000000000\n\n"
					 " c { x = \"no\" } 1\n"
					 "d{ x=\"q\\\"u\\\\o\\nte\" }\t+Inf\n"
					 "e{} NaN",
				 note, &seen),
		1);
	assert_string_equal(seen.text, "a 1;b x=<1> y=<2> 2.5;d x=<q\"u\\o\nte> inf;e nan;");
}

static void
malformed_lines_are_counted_and_hide_nothing(void **state)
{
	static const char *const bad[] = {"1a 2", "a", "a{", "a{x} 1", "a{x=\"1} 1", "a{x=1} 1",
		"a{x=\"\\t\"} 1", "a x", "a 1 2 3", "a{x=\"1\" y=\"2\"} 1", "a{x=\"1\"", "{} 1",
		"a-b 1"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct seen seen = {""};

		snprintf(text, sizeof(text), "%s\nz 1\n", bad[i]);
		assert_int_equal(exposition_read(text, note, &seen), 1);
		assert_string_equal(seen.text, "z 1;");
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(samples_with_and_without_labels_are_read),
		cmocka_unit_test(malformed_lines_are_counted_and_hide_nothing),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
