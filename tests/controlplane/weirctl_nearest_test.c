/* SPDX-License-Identifier: BSD-3-Clause */
/* What is offered to somebody who mistyped a word. */
#include "controlplane/weirctl_nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
expect(const char *word, const char *text)
{
	static const char *const words[] = {"status", "services", "backends", "flows", "stats",
		"sync", "trace", "drain", "undrain", "failover", "history", "check", "top", NULL};
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; words[i]; i++)
		nearest_add(&nearest, words[i]);
	assert_string_equal(nearest.text, text);
}

static void
letters_may_be_wrong_missing_too_many_or_exchanged(void **state)
{
	(void)state;
	expect("servises", "'services'");
	expect("bckends", "'backends'");
	expect("flowws", "'flows'");
	expect("histroy", "'history'");
	expect("ttop", "'top'");
}

static void
all_that_are_equally_near_are_offered(void **state)
{
	(void)state;
	expect("statu", "'status' or 'stats'");
	expect("st", "'status' or 'stats'");
}

static void
what_is_far_from_everything_is_not_guessed_at(void **state)
{
	(void)state;
	expect("reboot", "");
	expect("", "");
	expect("a-word-that-is-much-longer-than-any-command", "");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(letters_may_be_wrong_missing_too_many_or_exchanged),
		cmocka_unit_test(all_that_are_equally_near_are_offered),
		cmocka_unit_test(what_is_far_from_everything_is_not_guessed_at),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
