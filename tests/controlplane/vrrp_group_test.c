/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/vrrp_group.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What a group of three in these states is told. A letter each: 'i'nit, 'b'ackup, 'w'aiting
 * backup, 'm'aster. */
static enum vrrp_event_kind
step(const char *states, size_t *culprit)
{
	struct vrrp_fsm fsms[3] = {0};
	const struct vrrp_fsm *group[3];

	for (size_t i = 0; i < 3; i++) {
		fsms[i].state = states[i] == 'm'   ? VRRP_MASTER
				: states[i] == 'i' ? VRRP_INIT
						   : VRRP_BACKUP;
		fsms[i].waits = states[i] == 'w';
		group[i] = &fsms[i];
	}
	return vrrp_group_step(group, 3, culprit);
}

static void
a_group_takes_over_when_all_of_it_would(void **state)
{
	size_t culprit;

	(void)state;
	assert_int_equal(step("www", &culprit), VRRP_EVENT_TAKE);
	assert_int_equal(step("wwb", &culprit), N_VRRP_EVENTS);
	assert_int_equal(step("bww", &culprit), N_VRRP_EVENTS);
	assert_int_equal(step("bbb", &culprit), N_VRRP_EVENTS);
	assert_int_equal(step("iii", &culprit), N_VRRP_EVENTS);
}

static void
one_that_lets_go_takes_the_others_with_it(void **state)
{
	size_t culprit;

	(void)state;
	assert_int_equal(step("mmm", &culprit), N_VRRP_EVENTS);
	assert_int_equal(step("mbm", &culprit), VRRP_EVENT_YIELD);
	assert_int_equal(culprit, 1);
	assert_int_equal(step("mmi", &culprit), VRRP_EVENT_YIELD);
	assert_int_equal(culprit, 2);
	assert_int_equal(step("mww", &culprit), VRRP_EVENT_YIELD);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_group_takes_over_when_all_of_it_would),
		cmocka_unit_test(one_that_lets_go_takes_the_others_with_it),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
