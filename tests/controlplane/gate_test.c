/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/gate.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* One moment: what is known, and what must follow from it. */
struct step {
	uint64_t at_ms;
	struct gate_inputs inputs; /* connected, health_known, accepted, ready, behind */
	bool settled;
	bool open;
};

static void
follow(const struct step *steps, size_t n)
{
	struct gate gate;

	gate_init(&gate);
	for (size_t i = 0; i < n; i++) {
		gate_update(&gate, &steps[i].inputs, steps[i].at_ms * NS_PER_MS);
		assert_int_equal(gate.settled, steps[i].settled);
		assert_int_equal(gate.open, steps[i].open);
		assert_int_equal(gate.open, gate.why[0] == '\0');
	}
}

#define FOLLOW(...)                                              \
	do {                                                     \
		const struct step steps[] = {__VA_ARGS__};       \
		follow(steps, sizeof(steps) / sizeof(steps[0])); \
	} while (0)

static void
it_opens_when_all_is_known_and_ready(void **state)
{
	(void)state;
	FOLLOW({0, {false, false, false, false, false}, false, false},
		{10, {true, false, false, false, false}, false, false},
		{20, {true, true, false, false, false}, true, false},
		{30, {true, true, true, false, false}, true, false},
		{40, {true, true, true, true, false}, true, true});
}

static void
flows_of_other_nodes_are_waited_for_half_a_minute(void **state)
{
	(void)state;
	FOLLOW({0, {true, true, true, true, true}, true, false},
		{29999, {true, true, true, true, true}, true, false},
		{30000, {true, true, true, true, true}, true, true});
	FOLLOW({0, {true, true, true, true, true}, true, false},
		{500, {true, true, true, true, false}, true, true},
		{600, {true, true, true, true, true}, true, true});
}

static void
checks_and_next_hops_are_waited_for_three_seconds_each(void **state)
{
	(void)state;
	FOLLOW({0, {false, false, false, false, false}, false, false},
		{9000, {true, false, false, false, false}, false, false},
		{11999, {true, false, false, false, false}, false, false},
		{12000, {true, false, false, false, false}, true, false},
		{12010, {true, false, true, false, false}, true, false},
		{15009, {true, false, true, false, false}, true, false},
		{15010, {true, false, true, false, false}, true, true});
}

static void
it_closes_with_the_connection_and_asks_again_after_the_next(void **state)
{
	(void)state;
	FOLLOW({0, {true, true, true, true, false}, true, true},
		{10, {false, false, false, false, false}, false, false},
		{5000, {true, false, false, false, false}, false, false},
		{5010, {true, true, false, false, false}, true, false},
		{5020, {true, true, true, false, false}, true, false},
		{5030, {true, true, true, true, false}, true, true});
}

static void
without_any_check_the_connection_is_enough(void **state)
{
	(void)state;
	FOLLOW({0, {false, true, false, false, false}, false, false},
		{10, {true, true, false, false, false}, true, false});
}

static void
once_open_it_does_not_mind_what_is_lost_but_the_connection(void **state)
{
	(void)state;
	FOLLOW({0, {true, true, true, true, false}, true, true},
		{10, {true, false, true, false, false}, true, true});
}

static void
the_deadline_is_when_patience_ends(void **state)
{
	struct gate_inputs inputs = {.connected = true};
	struct gate gate;

	(void)state;
	gate_init(&gate);
	assert_true(gate.deadline_ns == UINT64_MAX);
	gate_update(&gate, &inputs, 10 * NS_PER_MS);
	assert_int_equal(gate.deadline_ns, 3010 * NS_PER_MS);
	inputs = (struct gate_inputs){true, true, true, false, false};
	assert_true(gate_update(&gate, &inputs, 20 * NS_PER_MS));
	assert_int_equal(gate.deadline_ns, 3020 * NS_PER_MS);
	assert_false(gate_update(&gate, &inputs, 30 * NS_PER_MS));
	inputs.ready = true;
	assert_true(gate_update(&gate, &inputs, 40 * NS_PER_MS));
	assert_true(gate.deadline_ns == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(it_opens_when_all_is_known_and_ready),
		cmocka_unit_test(flows_of_other_nodes_are_waited_for_half_a_minute),
		cmocka_unit_test(checks_and_next_hops_are_waited_for_three_seconds_each),
		cmocka_unit_test(it_closes_with_the_connection_and_asks_again_after_the_next),
		cmocka_unit_test(without_any_check_the_connection_is_enough),
		cmocka_unit_test(once_open_it_does_not_mind_what_is_lost_but_the_connection),
		cmocka_unit_test(the_deadline_is_when_patience_ends),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
