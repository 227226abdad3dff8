/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/circuit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW 1000u
#define OPEN 100u

static const struct circuit_settings settings = {.n_failures = 3, .open_ns = OPEN};

/* Fails until it opens; returns how often that was. */
static unsigned int
open_circuit(struct circuit *circuit)
{
	unsigned int n = 1;

	while (!circuit_fail(circuit, CIRCUIT_PASS, &settings, NOW))
		n++;
	return n;
}

static void
only_failures_in_a_row_open_it(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(circuit_enter(&circuit, NOW), CIRCUIT_PASS);
		assert_false(circuit_fail(&circuit, CIRCUIT_PASS, &settings, NOW));
		assert_false(circuit_fail(&circuit, CIRCUIT_PASS, &settings, NOW));
		assert_false(circuit_succeed(&circuit));
	}
	assert_int_equal(open_circuit(&circuit), 3);
	assert_int_equal(circuit.n_opened, 1);
	assert_int_equal(circuit_enter(&circuit, NOW), CIRCUIT_REFUSED);
	assert_int_equal(circuit_enter(&circuit, NOW + OPEN - 1), CIRCUIT_REFUSED);
	assert_int_equal(circuit_closed_for_ns(&circuit, NOW), OPEN);
	/* Those that were on their way change nothing. */
	assert_false(circuit_fail(&circuit, CIRCUIT_PASS, &settings, NOW + 50));
	assert_int_equal(circuit_closed_for_ns(&circuit, NOW), OPEN);
}

static void
one_request_tries_and_decides(void **state)
{
	struct circuit circuit = {0};
	uint64_t now = NOW + OPEN;

	(void)state;
	open_circuit(&circuit);
	assert_int_equal(circuit_closed_for_ns(&circuit, now), 0);
	assert_int_equal(circuit_enter(&circuit, now), CIRCUIT_TRIAL);
	assert_int_equal(circuit_enter(&circuit, now), CIRCUIT_REFUSED);
	assert_true(circuit_closed_for_ns(&circuit, now) > 0);
	assert_true(circuit_fail(&circuit, CIRCUIT_TRIAL, &settings, now));
	assert_int_equal(circuit_closed_for_ns(&circuit, now), OPEN);
	assert_int_equal(circuit.n_opened, 2);

	now += OPEN;
	assert_int_equal(circuit_enter(&circuit, now), CIRCUIT_TRIAL);
	assert_true(circuit_succeed(&circuit));
	assert_int_equal(circuit_enter(&circuit, now), CIRCUIT_PASS);
	assert_int_equal(circuit_enter(&circuit, now), CIRCUIT_PASS);
	assert_int_equal(open_circuit(&circuit), 3); /* It counts from the start again. */
}

static void
a_trial_whose_client_leaves_is_made_again(void **state)
{
	struct circuit circuit = {0};

	(void)state;
	open_circuit(&circuit);
	assert_int_equal(circuit_enter(&circuit, NOW + OPEN), CIRCUIT_TRIAL);
	circuit_forget(&circuit, CIRCUIT_PASS); /* An older request. */
	assert_int_equal(circuit_enter(&circuit, NOW + OPEN), CIRCUIT_REFUSED);
	circuit_forget(&circuit, CIRCUIT_TRIAL);
	assert_int_equal(circuit_enter(&circuit, NOW + OPEN), CIRCUIT_TRIAL);
}

static void
without_a_limit_it_never_opens(void **state)
{
	static const struct circuit_settings none;
	struct circuit circuit = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_false(circuit_fail(&circuit, CIRCUIT_PASS, &none, NOW));
	assert_int_equal(circuit_enter(&circuit, NOW), CIRCUIT_PASS);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(only_failures_in_a_row_open_it),
		cmocka_unit_test(one_request_tries_and_decides),
		cmocka_unit_test(a_trial_whose_client_leaves_is_made_again),
		cmocka_unit_test(without_a_limit_it_never_opens),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
