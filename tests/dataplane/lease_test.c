/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/lease.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
a_lease_is_held_until_its_time(void **state)
{
	struct lease_table *table = NULL;
	uint16_t a, b;

	(void)state;
	assert_int_equal(lease_table_new(&table), 0);
	a = (uint16_t)lease_acquire(table, "front4");
	b = (uint16_t)lease_acquire(table, "front6");
	assert_true(a != LEASE_NONE && b != LEASE_NONE && a != b);
	assert_false(lease_held(table, a, 0));
	lease_set(table, a, 100);
	assert_true(lease_held(table, a, 99));
	assert_false(lease_held(table, a, 100));
	assert_false(lease_held(table, b, 0));
	assert_false(lease_held(table, LEASE_NONE, 0));
	lease_set(table, a, 0);
	assert_false(lease_held(table, a, 0));
	lease_table_free(table);
}

static void
the_last_user_lets_go_of_it(void **state)
{
	struct lease_table *table = NULL;
	uint16_t a;

	(void)state;
	assert_int_equal(lease_table_new(&table), 0);
	a = (uint16_t)lease_acquire(table, "front4");
	assert_int_equal(lease_acquire(table, "front4"), a);
	assert_int_equal(lease_find(table, "front4"), a);
	lease_set(table, a, UINT64_MAX);
	lease_release(table, a);
	assert_true(lease_held(table, a, 1));
	lease_release(table, a);
	assert_false(lease_held(table, a, 1));
	assert_int_equal(lease_find(table, "front4"), LEASE_NONE);
	lease_release(table, LEASE_NONE);
	lease_table_free(table);
}

static void
there_is_room_for_two_whole_states(void **state)
{
	struct lease_table *table = NULL;
	char name[16];

	(void)state;
	assert_int_equal(lease_table_new(&table), 0);
	for (int i = 0; i < 2 * MODEL_ROUTERS_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_true(lease_acquire(table, name) > 0);
	}
	assert_int_equal(lease_acquire(table, "one-too-many"), -ENOSPC);
	lease_table_free(table);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_lease_is_held_until_its_time),
		cmocka_unit_test(the_last_user_lets_go_of_it),
		cmocka_unit_test(there_is_room_for_two_whole_states),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
