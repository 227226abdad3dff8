/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/db_router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 3

/* Shorthands: a server as the tests see it. */
#define DOWN                \
	{                   \
		.up = false \
	}
#define OPEN                                 \
	{                                    \
		.up = true, .writable = true \
	}
#define CONFIGURED                                               \
	{                                                        \
		.up = true, .writable = true, .configured = true \
	}
#define REPLICA            \
	{                  \
		.up = true \
	}
#define LAGGING                          \
	{                                \
		.up = true, .lags = true \
	}
#define STALE                             \
	{                                 \
		.up = true, .stale = true \
	}

static void
writes_go_to_the_server_that_is_writable(void **state)
{
	const struct db_view normal[N] = {CONFIGURED, REPLICA, REPLICA};
	const struct db_view promoted[N] = {{.up = true, .configured = true}, REPLICA, OPEN};
	const struct db_view none[N] = {DOWN, REPLICA, REPLICA};

	(void)state;
	assert_int_equal(db_router_primary(normal, N, DB_ROUTER_NONE), 0);
	assert_int_equal(db_router_primary(promoted, N, 0), 2);
	assert_int_equal(db_router_primary(none, N, 0), DB_ROUTER_NONE);
}

static void
a_server_that_is_down_is_not_writable_whatever_it_said(void **state)
{
	const struct db_view views[N] = {{.writable = true, .configured = true}, REPLICA, REPLICA};

	(void)state;
	assert_int_equal(db_router_primary(views, N, 0), DB_ROUTER_NONE);
}

static void
of_two_writable_servers_the_one_in_use_is_kept(void **state)
{
	const struct db_view views[N] = {CONFIGURED, OPEN, REPLICA};

	(void)state;
	assert_true(db_router_is_split(views, N));
	assert_int_equal(db_router_primary(views, N, 1), 1);
	assert_int_equal(db_router_primary(views, N, DB_ROUTER_NONE), 0);
	assert_false(db_router_is_split(views + 1, N - 1));
}

static void
reads_take_turns_over_the_replicas(void **state)
{
	const struct db_view views[N] = {CONFIGURED, REPLICA, REPLICA};

	(void)state;
	for (uint32_t turn = 0; turn < 6; turn++) {
		struct db_route route = db_router_read(views, N, 0, false, 0, turn);

		assert_int_equal(route.server, 1 + turn % 2);
		assert_false(route.wait);
	}
}

static void
reads_go_to_the_primary_when_no_replica_is_up(void **state)
{
	const struct db_view views[N] = {CONFIGURED, DOWN, DOWN};

	(void)state;
	assert_int_equal(db_router_read(views, N, 0, false, 0, 7).server, 0);
	assert_int_equal(db_router_read(views, N, 0, true, 0, 7).server, 0);
	assert_false(db_router_read(views, N, 0, true, 0, 7).wait);
}

static void
reads_go_on_without_a_primary(void **state)
{
	const struct db_view views[N] = {DOWN, REPLICA, DOWN};

	(void)state;
	assert_int_equal(db_router_read(views, N, DB_ROUTER_NONE, false, 0, 0).server, 1);
}

static void
a_fresh_read_waits_at_a_replica_and_passes_over_one_that_lags(void **state)
{
	const struct db_view one_lags[N] = {CONFIGURED, LAGGING, REPLICA};
	const struct db_view all_lag[N] = {CONFIGURED, LAGGING, LAGGING};
	const struct db_view left_alone[N] = {DOWN, LAGGING, DOWN};

	(void)state;
	for (uint32_t turn = 0; turn < 4; turn++) {
		assert_int_equal(db_router_read(one_lags, N, 0, true, 0, turn).server, 2);
		assert_true(db_router_read(one_lags, N, 0, true, 0, turn).wait);
		assert_int_equal(db_router_read(all_lag, N, 0, true, 0, turn).server, 0);
	}
	/* An old answer is better than none. */
	assert_int_equal(db_router_read(left_alone, N, DB_ROUTER_NONE, true, 0, 0).server, 1);
	assert_false(db_router_read(left_alone, N, DB_ROUTER_NONE, true, 0, 0).wait);
	/* A read that may be old does not care. */
	assert_int_equal(db_router_read(all_lag, N, 0, false, 0, 0).server, 1);
}

static void
a_stale_replica_is_not_read_whatever_else_is_left(void **state)
{
	const struct db_view one[N] = {CONFIGURED, STALE, REPLICA};
	const struct db_view all[N] = {CONFIGURED, STALE, STALE};
	const struct db_view alone[N] = {DOWN, STALE, DOWN};

	(void)state;
	for (uint32_t turn = 0; turn < 4; turn++) {
		for (int fresh = 0; fresh < 2; fresh++) {
			assert_int_equal(db_router_read(one, N, 0, fresh, 0, turn).server, 2);
			assert_int_equal(db_router_read(all, N, 0, fresh, 0, turn).server, 0);
			assert_int_equal(
				db_router_read(alone, N, DB_ROUTER_NONE, fresh, 0, turn).server,
				DB_ROUTER_NONE);
		}
	}
}

static void
servers_that_failed_are_not_tried_again(void **state)
{
	const struct db_view views[N] = {CONFIGURED, REPLICA, REPLICA};

	(void)state;
	assert_int_equal(db_router_read(views, N, 0, false, 1u << 1, 0).server, 2);
	assert_int_equal(db_router_read(views, N, 0, true, 1u << 1 | 1u << 2, 0).server, 0);
	assert_int_equal(db_router_read(views, N, 0, true, 7, 0).server, DB_ROUTER_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_go_to_the_server_that_is_writable),
		cmocka_unit_test(a_server_that_is_down_is_not_writable_whatever_it_said),
		cmocka_unit_test(of_two_writable_servers_the_one_in_use_is_kept),
		cmocka_unit_test(reads_take_turns_over_the_replicas),
		cmocka_unit_test(reads_go_to_the_primary_when_no_replica_is_up),
		cmocka_unit_test(reads_go_on_without_a_primary),
		cmocka_unit_test(a_fresh_read_waits_at_a_replica_and_passes_over_one_that_lags),
		cmocka_unit_test(a_stale_replica_is_not_read_whatever_else_is_left),
		cmocka_unit_test(servers_that_failed_are_not_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
