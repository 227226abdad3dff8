/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pktgen/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_NS UINT64_C(5000000000)

/* Asks every 'step_ns' for 'length_ns'; returns how much was taken. */
static uint64_t
take_for(struct pace *pace, uint64_t *now_ns, uint64_t length_ns, uint64_t step_ns, uint64_t cost)
{
	uint64_t end_ns = *now_ns + length_ns, n = 0;

	while (*now_ns < end_ns) {
		*now_ns += step_ns;
		pace_advance(pace, pace->rate, *now_ns);
		while (pace_take(pace, cost))
			n += cost;
	}
	return n;
}

static void
the_rate_is_kept_to_the_packet(void **state)
{
	static const uint64_t rates[] = {1, 7, 1000, 1000000, 14880952};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t now_ns = START_NS;
		struct pace pace;

		pace_init(&pace, rates[i], 1, NS_PER_MS, now_ns);
		assert_int_equal(take_for(&pace, &now_ns, NS_PER_S, 10000, 1), rates[i]);
	}
}

static void
bits_are_kept_with_frames_of_any_size(void **state)
{
	uint64_t now_ns = START_NS, taken;
	struct pace pace;

	(void)state;
	pace_init(&pace, 10000000000, 12304, NS_PER_MS, now_ns);
	taken = take_for(&pace, &now_ns, NS_PER_S / 2, 5000, 12304);
	taken += take_for(&pace, &now_ns, NS_PER_S / 2, 5000, 672);
	assert_in_range(taken, 10000000000 - 12304, 10000000000);
}

static void
nothing_leaves_before_it_was_earned(void **state)
{
	struct pace pace;

	(void)state;
	pace_init(&pace, 1000, 1, NS_PER_MS, START_NS);
	assert_false(pace_take(&pace, 1));
	pace_advance(&pace, 1000, START_NS + NS_PER_MS - 1);
	assert_false(pace_take(&pace, 1));
	pace_advance(&pace, 1000, START_NS + NS_PER_MS);
	assert_true(pace_take(&pace, 1));
	assert_false(pace_take(&pace, 1));
}

static void
a_long_stall_is_made_up_for_in_part(void **state)
{
	unsigned int n = 0;
	struct pace pace;

	(void)state;
	pace_init(&pace, 1000000, 1, 2 * NS_PER_MS, START_NS);
	pace_advance(&pace, 1000000, START_NS + 3600 * NS_PER_S);
	while (pace_take(&pace, 1))
		n++;
	assert_int_equal(n, 2000 + 1);
}

static void
at_a_slow_rate_a_packet_can_still_be_saved_up_for(void **state)
{
	uint64_t now_ns = START_NS;
	struct pace pace;

	(void)state;
	pace_init(&pace, 10, 1, NS_PER_MS, now_ns);
	assert_int_equal(take_for(&pace, &now_ns, 2 * NS_PER_S, NS_PER_MS, 1), 20);
}

static void
the_highest_rate_does_not_overflow(void **state)
{
	uint64_t n = 0;
	struct pace pace;

	(void)state;
	pace_init(&pace, PACE_RATE_MAX, 672, PACE_CATCH_UP_MAX_NS, START_NS);
	pace_advance(&pace, PACE_RATE_MAX, START_NS + PACE_CATCH_UP_MAX_NS / 2);
	pace_advance(&pace, PACE_RATE_MAX, UINT64_MAX);
	while (pace_take(&pace, 1000000))
		n++;
	assert_int_equal(n, PACE_RATE_MAX / 1000000 / (NS_PER_S / PACE_CATCH_UP_MAX_NS));
}

static void
without_a_rate_everything_leaves(void **state)
{
	struct pace pace;

	(void)state;
	pace_init(&pace, 0, 1, NS_PER_MS, START_NS);
	for (int i = 0; i < 1000; i++)
		assert_true(pace_take(&pace, 1));
	pace_advance(&pace, 0, START_NS + NS_PER_S);
	assert_true(pace_take(&pace, 1));
}

static void
a_new_rate_holds_from_then_on(void **state)
{
	uint64_t now_ns = START_NS;
	struct pace pace;

	(void)state;
	pace_init(&pace, 1000, 1, NS_PER_MS, now_ns);
	assert_int_equal(take_for(&pace, &now_ns, NS_PER_S, NS_PER_MS / 4, 1), 1000);
	pace_advance(&pace, 2000, now_ns);
	assert_int_equal(take_for(&pace, &now_ns, NS_PER_S, NS_PER_MS / 4, 1), 2000);
}

static void
a_ramp_climbs_and_stays(void **state)
{
	(void)state;
	assert_int_equal(pace_ramp(0, 1000, NS_PER_S, 0), 0);
	assert_int_equal(pace_ramp(0, 1000, NS_PER_S, NS_PER_S / 4), 250);
	assert_int_equal(pace_ramp(0, 1000, NS_PER_S, NS_PER_S), 1000);
	assert_int_equal(pace_ramp(0, 1000, NS_PER_S, UINT64_MAX), 1000);
	assert_int_equal(pace_ramp(1000, 0, NS_PER_S, NS_PER_S / 4), 750);
	assert_int_equal(pace_ramp(0, 1000, 0, 0), 1000);
	assert_in_range(pace_ramp(1, PACE_RATE_MAX, 86400 * NS_PER_S, 43200 * NS_PER_S),
		PACE_RATE_MAX / 2 - PACE_RATE_MAX / 1000, PACE_RATE_MAX / 2 + PACE_RATE_MAX / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_kept_to_the_packet),
		cmocka_unit_test(bits_are_kept_with_frames_of_any_size),
		cmocka_unit_test(nothing_leaves_before_it_was_earned),
		cmocka_unit_test(a_long_stall_is_made_up_for_in_part),
		cmocka_unit_test(at_a_slow_rate_a_packet_can_still_be_saved_up_for),
		cmocka_unit_test(the_highest_rate_does_not_overflow),
		cmocka_unit_test(without_a_rate_everything_leaves),
		cmocka_unit_test(a_new_rate_holds_from_then_on),
		cmocka_unit_test(a_ramp_climbs_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
