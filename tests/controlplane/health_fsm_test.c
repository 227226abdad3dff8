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

static void
a_sign_of_trouble_has_it_look_at_once_and_quickly_until_it_is_sure(void **state)
{
	struct health_fsm_config slow = config;
	struct health_fsm fsm;
	uint64_t now_ns;

	(void)state;
	slow.fall = 3;
	health_fsm_init(&fsm, &slow, START_NS, 0);
	play(&fsm, "sU");
	now_ns = fsm.started_ns + 50 * NS_PER_MS;
	assert_true(health_fsm_hurry(&fsm, now_ns));
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(fsm.deadline_ns, now_ns);
		play(&fsm, "fU");
		now_ns += slow.interval_ns / 10;
	}
	assert_int_equal(fsm.deadline_ns, now_ns);
	play(&fsm, "fD");
	assert_int_equal(fsm.deadline_ns, now_ns + slow.interval_ns);
}

static void
a_false_alarm_costs_one_probe_in_an_interval(void **state)
{
	struct health_fsm fsm;
	uint64_t sign_ns;

	(void)state;
	health_fsm_init(&fsm, &config, START_NS, 0);
	play(&fsm, "sU");
	sign_ns = START_NS + 50 * NS_PER_MS;
	assert_true(health_fsm_hurry(&fsm, sign_ns));
	play(&fsm, "sU");
	assert_int_equal(fsm.deadline_ns, sign_ns + config.interval_ns);
	assert_false(health_fsm_hurry(&fsm, sign_ns + config.interval_ns - 1));
	assert_int_equal(fsm.deadline_ns, sign_ns + config.interval_ns);
	assert_true(health_fsm_hurry(&fsm, sign_ns + config.interval_ns));
}

static void
a_probe_that_began_before_the_sign_is_followed_by_another(void **state)
{
	struct health_fsm fsm;

	(void)state;
	health_fsm_init(&fsm, &config, START_NS, 0);
	play(&fsm, "sU");
	assert_int_equal(health_fsm_run(&fsm, START_NS + 200 * NS_PER_MS), HEALTH_PROBE);
	assert_true(health_fsm_hurry(&fsm, START_NS + 210 * NS_PER_MS));
	assert_int_equal(fsm.deadline_ns, START_NS + 600 * NS_PER_MS); /* Its timeout. */
	health_fsm_result(&fsm, true, START_NS + 220 * NS_PER_MS, MIDDLE);
	assert_int_equal(fsm.deadline_ns, START_NS + 220 * NS_PER_MS);
	play(&fsm, "sU");
	assert_int_equal(fsm.deadline_ns, START_NS + 420 * NS_PER_MS);
}

static void
what_is_not_up_is_not_hurried(void **state)
{
	struct health_fsm fsm;

	(void)state;
	health_fsm_init(&fsm, &config, START_NS, 0);
	assert_false(health_fsm_hurry(&fsm, START_NS));
	play(&fsm, "fD");
	assert_false(health_fsm_hurry(&fsm, START_NS));
	assert_int_equal(fsm.deadline_ns, START_NS + config.interval_ns);
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
		cmocka_unit_test(
			a_sign_of_trouble_has_it_look_at_once_and_quickly_until_it_is_sure),
		cmocka_unit_test(a_false_alarm_costs_one_probe_in_an_interval),
		cmocka_unit_test(a_probe_that_began_before_the_sign_is_followed_by_another),
		cmocka_unit_test(what_is_not_up_is_not_hurried),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
