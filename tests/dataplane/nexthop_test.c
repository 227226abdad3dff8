/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/nexthop.h"
#include "frames.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
an_address_has_one_slot_while_somebody_uses_it(void **state)
{
	const struct nexthop ready = {{2, 0, 0, 0, 0, 9}, 3, NEXTHOP_READY};
	struct addr a = frame_addr("192.0.2.1");
	struct addr b = frame_addr("2001:db8::1");
	struct nexthop_table *table = NULL;
	struct nexthop hop;
	int i, j;

	(void)state;
	assert_int_equal(nexthop_table_new(&table), 0);
	i = nexthop_acquire(table, &a);
	j = nexthop_acquire(table, &b);
	assert_true(i > 0 && j > 0 && i != j);
	assert_int_equal(nexthop_acquire(table, &a), i);
	assert_int_equal(nexthop_get(table, (uint16_t)i).state, NEXTHOP_UNKNOWN);
	nexthop_set(table, (uint16_t)i, &ready);
	hop = nexthop_get(table, (uint16_t)i);
	assert_memory_equal(&hop, &ready, sizeof(hop));
	assert_int_equal(nexthop_get(table, (uint16_t)j).state, NEXTHOP_UNKNOWN);

	nexthop_release(table, (uint16_t)i);
	assert_int_equal(nexthop_get(table, (uint16_t)i).state, NEXTHOP_READY);
	nexthop_release(table, (uint16_t)i);
	assert_int_equal(nexthop_get(table, (uint16_t)i).state, NEXTHOP_UNKNOWN);
	nexthop_release(table, NEXTHOP_NONE);
	nexthop_table_free(table);
}

static void
the_walk_shows_slots_in_use(void **state)
{
	struct nexthop_table *table = NULL;
	struct addr addr, expected;
	uint32_t cursor = 0, n = 0;
	uint16_t index;

	(void)state;
	assert_int_equal(nexthop_table_new(&table), 0);
	assert_int_equal(nexthop_next(table, &cursor, &addr), NEXTHOP_NONE);
	for (int i = 1; i <= 10; i++) {
		char text[32];

		snprintf(text, sizeof(text), "192.0.2.%d", i);
		addr = frame_addr(text);
		assert_int_equal(nexthop_acquire(table, &addr), i);
	}
	nexthop_release(table, 4);
	cursor = 0;
	while ((index = nexthop_next(table, &cursor, &addr)) != NEXTHOP_NONE) {
		assert_int_not_equal(index, 4);
		assert_int_equal(addr.bytes[3], index);
		n++;
	}
	assert_int_equal(n, 9);
	expected = frame_addr("2001:db8::4");
	assert_int_equal(nexthop_acquire(table, &expected), 4); /* The freed one is used again. */
	nexthop_table_free(table);
}

static void
a_full_table_says_so_and_recovers(void **state)
{
	struct nexthop_table *table = NULL;
	struct addr addr = frame_addr("2001:db8::");

	(void)state;
	assert_int_equal(nexthop_table_new(&table), 0);
	for (uint32_t i = 1; i < NEXTHOPS_MAX; i++) {
		addr.bytes[14] = (uint8_t)(i >> 8);
		addr.bytes[15] = (uint8_t)i;
		assert_int_equal(nexthop_acquire(table, &addr), i);
	}
	addr.bytes[0] ^= 1;
	assert_int_equal(nexthop_acquire(table, &addr), -ENOSPC);
	nexthop_release(table, 1234);
	assert_int_equal(nexthop_acquire(table, &addr), 1234);
	nexthop_table_free(table);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(an_address_has_one_slot_while_somebody_uses_it),
		cmocka_unit_test(the_walk_shows_slots_in_use),
		cmocka_unit_test(a_full_table_says_so_and_recovers),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
