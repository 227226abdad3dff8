/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/db_lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define START (100 * 1000 * MS)
#define LIMIT (5000 * MS)

static struct gtid_set
at(uint64_t sequence)
{
	return (struct gtid_set){.last = {{0, 1, sequence}}, .n = 1};
}

static void
primary_at(struct db_lag_history *history, uint64_t ms, uint64_t sequence)
{
	const struct gtid_set position = at(sequence);

	db_lag_primary(history, START + ms * MS, &position);
}

static void
replica_at(const struct db_lag_history *history, struct db_lag_replica *replica, uint64_t sequence)
{
	replica->position = at(sequence);
	replica->told = true;
	db_lag_judge(history, replica, true);
}

static uint64_t
lag_ms(const struct db_lag_history *history, const struct db_lag_replica *replica, uint64_t ms)
{
	return db_lag_ns(history, replica, true, START + ms * MS) / MS;
}

static void
a_replica_is_as_old_as_the_last_time_at_which_it_had_everything(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	for (uint64_t ms = 0; ms <= 3000; ms += 250)
		primary_at(&history, ms, 100 + ms);
	replica_at(&history, &replica, 100 + 2000);
	assert_int_equal(lag_ms(&history, &replica, 3000), 1000);
	replica_at(&history, &replica, 100 + 2240); /* Not yet all of 2250 ms. */
	assert_int_equal(lag_ms(&history, &replica, 3000), 1000);
	replica_at(&history, &replica, 100 + 3000);
	assert_int_equal(lag_ms(&history, &replica, 3000), 0);
	assert_int_equal(lag_ms(&history, &replica, 3100), 100);
}

static void
a_stopped_replica_ages_only_when_something_is_written(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	for (uint64_t ms = 0; ms <= 60000; ms += 250) {
		primary_at(&history, ms, 7);
		replica_at(&history, &replica, 7);
		assert_int_equal(lag_ms(&history, &replica, ms), 0);
	}
	for (uint64_t ms = 60250; ms <= 90000; ms += 250) {
		primary_at(&history, ms, 8);
		replica_at(&history, &replica, 7);
		assert_int_equal(lag_ms(&history, &replica, ms), ms - 60000);
	}
}

static void
the_history_reaches_back_beyond_the_limit_however_often_one_looks(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	for (uint64_t ms = 0; ms <= 20000; ms += 10)
		primary_at(&history, ms, 1 + ms);
	replica_at(&history, &replica, 1 + 20000);
	assert_int_equal(lag_ms(&history, &replica, 20000), 0);
	replica = (struct db_lag_replica){.known = false};
	replica_at(&history, &replica, 1 + 14000);
	/* By the distance of two points at most it is thought older than it is. */
	assert_in_range(lag_ms(&history, &replica, 20000), 6000, 6000 + 200);
}

static void
what_is_older_than_all_that_is_known_is_too_old(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	primary_at(&history, 0, 100);
	replica_at(&history, &replica, 99);
	assert_true(lag_ms(&history, &replica, 0) > LIMIT / MS);
	replica_at(&history, &replica, 100);
	assert_int_equal(lag_ms(&history, &replica, 10), 10);
}

static void
a_replica_that_is_ahead_is_believed_when_the_primary_has_come_there(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false}, other = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	primary_at(&history, 0, 100);
	replica_at(&history, &replica, 100);
	replica_at(&history, &replica, 110); /* It was asked later than the primary. */
	replica_at(&history, &other, 200);   /* It has what the primary never had. */
	assert_int_equal(lag_ms(&history, &replica, 200), 200);
	primary_at(&history, 250, 120);
	db_lag_judge(&history, &replica, true);
	db_lag_judge(&history, &other, true);
	assert_int_equal(lag_ms(&history, &replica, 250), 250);
	replica_at(&history, &replica, 120);
	assert_int_equal(lag_ms(&history, &replica, 250), 0);
	assert_true(lag_ms(&history, &other, 250) > LIMIT / MS);
}

static void
nothing_grows_old_while_the_primary_is_down(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false}, old = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	for (uint64_t ms = 0; ms <= 10000; ms += 250)
		primary_at(&history, ms, 100 + ms);
	replica_at(&history, &old, 100);
	replica_at(&history, &replica, 100 + 9990);
	/* It gets the rest, more of it than was seen of the primary. */
	replica.position = at(100 + 10200);
	db_lag_judge(&history, &replica, false);
	db_lag_judge(&history, &old, false);
	assert_int_equal(db_lag_ns(&history, &replica, false, START + 90000 * MS), 0);
	assert_true(db_lag_ns(&history, &old, false, START + 90000 * MS) > LIMIT);
}

static void
a_primary_that_went_back_proves_nothing_by_what_it_had(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	primary_at(&history, 0, 100);
	primary_at(&history, 250, 50);
	assert_int_equal(history.n, 1);
	replica_at(&history, &replica, 100); /* It has what is lost now. */
	assert_true(lag_ms(&history, &replica, 250) > LIMIT / MS);
}

static void
nothing_known_is_not_old(void **state)
{
	struct db_lag_history history;
	struct db_lag_replica replica = {.known = false};

	(void)state;
	db_lag_init(&history, LIMIT);
	replica_at(&history, &replica, 100);
	assert_int_equal(lag_ms(&history, &replica, 1000), 0);
	primary_at(&history, 0, 100);
	assert_int_equal(lag_ms(&history, &replica, 1000), 0);
	db_lag_judge(&history, &replica, true);
	assert_int_equal(lag_ms(&history, &replica, 1000), 1000);
	db_lag_reset(&history);
	assert_int_equal(lag_ms(&history, &replica, 1000), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replica_is_as_old_as_the_last_time_at_which_it_had_everything),
		cmocka_unit_test(a_stopped_replica_ages_only_when_something_is_written),
		cmocka_unit_test(the_history_reaches_back_beyond_the_limit_however_often_one_looks),
		cmocka_unit_test(what_is_older_than_all_that_is_known_is_too_old),
		cmocka_unit_test(
			a_replica_that_is_ahead_is_believed_when_the_primary_has_come_there),
		cmocka_unit_test(nothing_grows_old_while_the_primary_is_down),
		cmocka_unit_test(a_primary_that_went_back_proves_nothing_by_what_it_had),
		cmocka_unit_test(nothing_known_is_not_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
