/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pktgen/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int
set_up(void **state)
{
	struct flight *flight;

	if (flight_new(&flight) < 0)
		return -1;
	*state = flight;
	return 0;
}

static int
tear_down(void **state)
{
	flight_free(*state);
	return 0;
}

static void
send(struct flight *flight, uint32_t n, uint64_t now_ns)
{
	while (n-- > 0)
		flight_depart(flight, flight->next++, now_ns);
}

static void
what_comes_in_order_is_received(void **state)
{
	struct flight *flight = *state;

	send(flight, 100, 1000);
	for (uint32_t i = 0; i < 100; i++)
		flight_arrive(flight, i, 1000 + i);
	assert_int_equal(flight->counts.received, 100);
	assert_int_equal(flight->counts.reordered + flight->counts.duplicates, 0);
	assert_int_equal(flight->latency_ns.n, 100);
	assert_int_equal(flight->latency_ns.least, 0);
	assert_int_equal(flight->latency_ns.most, 99);
}

static void
a_late_packet_is_reordered_and_a_gap_is_not(void **state)
{
	struct flight *flight = *state;

	send(flight, 10, 0);
	flight_arrive(flight, 0, 1);
	flight_arrive(flight, 3, 1);
	flight_arrive(flight, 4, 1);
	assert_int_equal(flight->counts.reordered, 0);
	flight_arrive(flight, 1, 1);
	flight_arrive(flight, 2, 1);
	assert_int_equal(flight->counts.reordered, 2);
	assert_int_equal(flight->counts.received, 5);
}

static void
a_repetition_is_no_reception(void **state)
{
	struct flight *flight = *state;

	send(flight, 10, 0);
	flight_arrive(flight, 5, 1);
	flight_arrive(flight, 5, 1);
	flight_arrive(flight, 2, 1);
	flight_arrive(flight, 2, 1);
	assert_int_equal(flight->counts.received, 2);
	assert_int_equal(flight->counts.duplicates, 2);
	assert_int_equal(flight->counts.reordered, 1);
	assert_int_equal(flight->latency_ns.n, 2);
}

static void
packets_of_the_trial_before_are_stale(void **state)
{
	struct flight *flight = *state;

	send(flight, 10, 0);
	flight_begin(flight);
	send(flight, 10, 0);
	flight_arrive(flight, 9, 1);
	flight_arrive(flight, 10, 1);
	flight_arrive(flight, 0, 1);
	assert_int_equal(flight->counts.stale, 2);
	assert_int_equal(flight->counts.received, 1);
}

static void
numbers_may_wrap(void **state)
{
	struct flight *flight = *state;

	flight->next = UINT32_MAX - 5;
	flight_begin(flight);
	send(flight, 12, 7);
	for (uint32_t i = 0; i < 12; i++)
		flight_arrive(flight, UINT32_MAX - 5 + i, 8);
	assert_int_equal(flight->counts.received, 12);
	assert_int_equal(flight->counts.reordered + flight->counts.stale, 0);
	assert_int_equal(flight->latency_ns.most, 1);
}

static void
the_window_forgets_what_is_far_behind(void **state)
{
	struct flight *flight = *state;
	uint32_t far = 3 * FLIGHT_WINDOW + 17;

	send(flight, far + 1, 0);
	flight_arrive(flight, 1, 1);
	flight_arrive(flight, far, 1);
	flight_arrive(flight, 2, 1);
	assert_int_equal(flight->counts.stale, 1);
	/* The same place of the window, but another packet. */
	flight_arrive(flight, far - FLIGHT_WINDOW + 1, 1);
	assert_int_equal(flight->counts.received, 3);
	assert_int_equal(flight->counts.duplicates, 0);
	assert_int_equal(flight->latency_ns.n, 2);
}

/* Against a plain list of what was seen. */
static void
any_order_is_counted_right(void **state)
{
	enum {
		N = 5000
	};
	static uint8_t times[N];
	struct flight *flight = *state;
	uint64_t received = 0, duplicates = 0, reordered = 0;
	uint32_t seed = 1, highest = 0;

	send(flight, N, 0);
	for (uint32_t i = 0; i < 3 * N; i++) {
		uint32_t at;

		seed = seed * 1664525 + 1013904223;
		at = (i / 3 + seed % 64) % N;
		flight_arrive(flight, at, 1);
		if (times[at]++ > 0)
			duplicates++;
		else if (received++ > 0 && at < highest)
			reordered++;
		highest = at > highest ? at : highest;
	}
	assert_int_equal(flight->counts.received, received);
	assert_int_equal(flight->counts.duplicates, duplicates);
	assert_int_equal(flight->counts.reordered, reordered);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_comes_in_order_is_received, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_late_packet_is_reordered_and_a_gap_is_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_repetition_is_no_reception, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			packets_of_the_trial_before_are_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers_may_wrap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_window_forgets_what_is_far_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_order_is_counted_right, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
