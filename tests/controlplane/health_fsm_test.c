/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/health_fsm.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START_NS (5 * NS_PER_S)
#define MIDDLE UINT32_C(0x80000000) /* A random number that asks for no jitter. */

static const struct health_fsm_config config = {
	.interval_ns = 200 * NS_PER_MS,
	.timeout_ns = 400 * NS_PER_MS,
	.jitter_ns = 20 * NS_PER_MS,
	.rise = 3,
	.fall = 2,
};

/* Plays a script: 's' a success, 'f' a failure, each in a probe of its own; 'U', 'D' and '?' say
 * what the state must be now. */
static void
play(struct health_fsm *fsm, const char *script)
{
	static const enum health_state states[128] = {
		['U'] = HEALTH_UP, ['D'] = HEALTH_DOWN, ['?'] = HEALTH_UNKNOWN};

	for (const char *step = script; *step; step++) {
		enum health_state before = fsm->state;
		uint64_t now_ns = fsm->deadline_ns;

		if (*step == 's' || *step == 'f') {
			assert_int_equal(health_fsm_run(fsm, now_ns), HEALTH_PROBE);
			assert_true(health_fsm_result(fsm, *step == 's', now_ns, MIDDLE) ==
				    (fsm->state != before));
		} else if (fsm->state != states[(unsigned char)*step]) {
			fail_msg("%s: after %d steps the state is %s", script, (int)(step - script),
				health_state_name(fsm->state));
		}
	}
}

static void
one_result_decides_at_first_and_streaks_later(void **state)
{
	static const char *const scripts[] = {
		"?sU",
		"?fD",
		"sUfUfD",
		"sUfUsUfUsUfUfD",
		"fDsDsDsU",
		"fDsDsDfDsDsDsU",
		"sUffDfDsDsDsUfUsU",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct health_fsm fsm;

		health_fsm_init(&fsm, &config, START_NS, 0);
		play(&fsm, scripts[i]);
	}
}

static void
a_rise_and_fall_of_one_follow_every_result(void **state)
{
	struct health_fsm_config quick = config;
	struct health_fsm fsm;

	(void)state;
	quick.rise = 1;
	quick.fall = 1;
	health_fsm_init(&fsm, &quick, START_NS, 0);
	play(&fsm, "sUfDsUfDfDsUsU");
}

static void
probes_start_an_interval_apart(void **state)
{
	struct health_fsm fsm;

	(void)state;
	health_fsm_init(&fsm, &config, START_NS, 0);
	assert_int_equal(health_fsm_run(&fsm, START_NS - 1), HEALTH_WAIT);
	assert_int_equal(health_fsm_run(&fsm, START_NS), HEALTH_PROBE);
	assert_int_equal(health_fsm_run(&fsm, START_NS + 50 * NS_PER_MS), HEALTH_WAIT);
	health_fsm_result(&fsm, true, START_NS + 50 * NS_PER_MS, MIDDLE);
	assert_int_equal(fsm.deadline_ns, START_NS + 200 * NS_PER_MS);
	assert_int_equal(health_fsm_run(&fsm, START_NS + 199 * NS_PER_MS), HEALTH_WAIT);
	assert_int_equal(health_fsm_run(&fsm, START_NS + 200 * NS_PER_MS), HEALTH_PROBE);
}

static void
a_probe_that_takes_too_long_is_given_up_and_the_next_follows(void **state)
{
	struct health_fsm fsm;

	(void)state;
	health_fsm_init(&fsm, &config, START_NS, 0);
	assert_int_equal(health_fsm_run(&fsm, START_NS), HEALTH_PROBE);
	assert_int_equal(health_fsm_run(&fsm, START_NS + 399 * NS_PER_MS), HEALTH_WAIT);
	assert_int_equal(health_fsm_run(&fsm, START_NS + 400 * NS_PER_MS), HEALTH_GIVE_UP);
	assert_true(health_fsm_result(&fsm, false, START_NS + 400 * NS_PER_MS, MIDDLE));
	assert_int_equal(fsm.deadline_ns, START_NS + 400 * NS_PER_MS);
	assert_int_equal(health_fsm_run(&fsm, START_NS + 400 * NS_PER_MS), HEALTH_PROBE);
}

static void
starts_are_spread_over_an_interval_but_not_over_more_than_a_second(void **state)
{
	struct health_fsm_config slow = config;
	struct health_fsm fsm;

	(void)state;
	health_fsm_init(&fsm, &config, START_NS, UINT32_MAX);
	assert_in_range(fsm.deadline_ns, START_NS + 199 * NS_PER_MS, START_NS + 200 * NS_PER_MS);
	slow.interval_ns = 3600 * NS_PER_S;
	health_fsm_init(&fsm, &slow, START_NS, UINT32_MAX);
	assert_in_range(fsm.deadline_ns, START_NS + 999 * NS_PER_MS, START_NS + NS_PER_S);
	health_fsm_init(&fsm, &slow, START_NS, MIDDLE);
	assert_int_equal(fsm.deadline_ns, START_NS + NS_PER_S / 2);
}

static void
the_next_probe_is_moved_by_at_most_a_twentieth_either_way(void **state)
{
	static const struct {
		uint32_t random;
		uint64_t low_ms, high_ms;
	} cases[] = {{0, 190, 190}, {MIDDLE, 200, 200}, {UINT32_MAX, 209, 210}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct health_fsm fsm;

		health_fsm_init(&fsm, &config, START_NS, 0);
		assert_int_equal(health_fsm_run(&fsm, START_NS), HEALTH_PROBE);
		health_fsm_result(&fsm, true, START_NS, cases[i].random);
		assert_in_range(fsm.deadline_ns, START_NS + cases[i].low_ms * NS_PER_MS,
			START_NS + cases[i].high_ms * NS_PER_MS);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(one_result_decides_at_first_and_streaks_later),
		cmocka_unit_test(a_rise_and_fall_of_one_follow_every_result),
		cmocka_unit_test(probes_start_an_interval_apart),
		cmocka_unit_test(a_probe_that_takes_too_long_is_given_up_and_the_next_follows),
		cmocka_unit_test(
			starts_are_spread_over_an_interval_but_not_over_more_than_a_second),
		cmocka_unit_test(the_next_probe_is_moved_by_at_most_a_twentieth_either_way),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
