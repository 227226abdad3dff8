/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/persistence.h"
#include "frames.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POOL 3
#define N_CLIENTS 20000

static struct persistence *
table_new(uint32_t n_entries)
{
	struct persistence *table = NULL;

	assert_int_equal(persistence_new(&table, n_entries, 1234), 0);
	return table;
}

static uint64_t
client_of(const char *text, unsigned int prefix)
{
	struct addr addr = frame_addr(text);

	return persistence_client(addr.bytes, prefix);
}

static enum persistence_outcome
keep(struct persistence *table, uint64_t client, uint16_t backend, uint32_t now_s)
{
	struct persistence_seen seen = persistence_find(table, client, POOL, now_s);

	return persistence_keep(&seen, &backend, now_s);
}

static void
only_the_prefix_makes_a_client(void **state)
{
	(void)state;
	assert_int_equal(client_of("192.0.2.1", 24), client_of("192.0.2.254", 24));
	assert_int_not_equal(client_of("192.0.2.1", 24), client_of("192.0.3.1", 24));
	assert_int_equal(client_of("192.0.2.128", 25), client_of("192.0.2.255", 25));
	assert_int_not_equal(client_of("192.0.2.127", 25), client_of("192.0.2.128", 25));
	assert_int_equal(client_of("10.0.0.0", 1), client_of("127.255.255.255", 1));
	assert_int_not_equal(client_of("127.0.0.0", 1), client_of("128.0.0.0", 1));
	assert_int_equal(client_of("2001:db8::1", 64), client_of("2001:db8::ffff:1", 64));
	assert_int_not_equal(client_of("2001:db8::1", 128), client_of("2001:db8::2", 128));
	/* The whole address, however it is said. */
	assert_int_equal(client_of("192.0.2.1", 32), client_of("192.0.2.1", 128));
}

static void
the_hash_of_a_client_never_changes(void **state)
{
	(void)state;
	/* Nodes of different versions must agree on it. */
	assert_int_equal(client_of("192.0.2.1", 24), client_of("192.0.2.0", 32));
	assert_true(client_of("192.0.2.1", 24) == UINT64_C(0xef7f3e7b93dced3c));
	assert_true(client_of("2001:db8::1", 64) == UINT64_C(0xe0a0185c67844b6e));
}

static void
a_client_is_found_with_its_age_and_in_its_pool_only(void **state)
{
	struct persistence *table = table_new(1000);
	struct persistence_seen seen;

	(void)state;
	assert_int_equal(persistence_find(table, 77, POOL, 100).backend, 0);
	assert_int_equal(keep(table, 77, 5, 100), PERSISTENCE_KEPT);
	seen = persistence_find(table, 77, POOL, 160);
	assert_int_equal(seen.backend, 5);
	assert_int_equal(seen.age_s, 60);
	assert_int_equal(persistence_find(table, 77, POOL + 1, 160).backend, 0);
	persistence_renew(&seen, 160);
	assert_int_equal(persistence_find(table, 77, POOL, 160).age_s, 0);
	/* Another worker's clock is a little behind. */
	assert_int_equal(persistence_find(table, 77, POOL, 159).age_s, 0);
	persistence_free(table);
}

static void
a_full_table_forgets_who_has_been_silent_longest(void **state)
{
	struct persistence *table = table_new(1);
	uint32_t n_evicted = 0;
	uint64_t clients[8];

	(void)state;
	for (uint64_t i = 0; i < 8; i++) {
		clients[i] = client_of("192.0.2.1", 128) + i;
		assert_int_equal(keep(table, clients[i], (uint16_t)(i + 1), 100 + (uint32_t)i),
			PERSISTENCE_KEPT);
	}
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(persistence_find(table, clients[i], POOL, 200).backend, i + 1);
		n_evicted += keep(table, 1000 + i, 9, 200) == PERSISTENCE_EVICTED;
		assert_int_equal(persistence_find(table, clients[i], POOL, 200).backend, 0);
	}
	assert_int_equal(n_evicted, 8);
	persistence_free(table);
}

static void
the_first_of_two_workers_wins(void **state)
{
	struct persistence *table = table_new(1000);
	struct persistence_seen first = persistence_find(table, 77, POOL, 100);
	struct persistence_seen second = persistence_find(table, 77, POOL, 100);
	uint16_t five = 5, six = 6;

	(void)state;
	assert_int_equal(persistence_keep(&first, &five, 100), PERSISTENCE_KEPT);
	assert_int_equal(persistence_keep(&second, &six, 100), PERSISTENCE_OTHER);
	assert_int_equal(six, 5);
	/* The same when a backend is replaced. */
	first = persistence_find(table, 77, POOL, 100);
	second = first;
	five = 7;
	six = 8;
	assert_int_equal(persistence_keep(&first, &five, 101), PERSISTENCE_KEPT);
	assert_int_equal(persistence_keep(&second, &six, 101), PERSISTENCE_OTHER);
	assert_int_equal(six, 7);
	persistence_free(table);
}

struct racer {
	struct persistence *table;
	uint16_t number;
	uint16_t chosen[N_CLIENTS];
};

static void *
race(void *arg)
{
	struct racer *racer = arg;

	for (uint32_t i = 0; i < N_CLIENTS; i++) {
		uint64_t client = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
		struct persistence_seen seen = persistence_find(racer->table, client, POOL, 100);

		racer->chosen[i] = racer->number;
		if (seen.backend)
			racer->chosen[i] = seen.backend;
		else
			persistence_keep(&seen, &racer->chosen[i], 100);
	}
	return NULL;
}

static void
workers_that_race_agree(void **state)
{
	static struct racer racers[2];
	struct persistence *table = table_new(8 * N_CLIENTS);
	pthread_t threads[2];
	uint32_t n_different = 0;

	(void)state;
	for (uint16_t i = 0; i < 2; i++) {
		racers[i].table = table;
		racers[i].number = (uint16_t)(i + 1);
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < N_CLIENTS; i++)
		n_different += racers[0].chosen[i] != racers[1].chosen[i];
	assert_int_equal(n_different, 0);
	persistence_free(table);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(only_the_prefix_makes_a_client),
		cmocka_unit_test(the_hash_of_a_client_never_changes),
		cmocka_unit_test(a_client_is_found_with_its_age_and_in_its_pool_only),
		cmocka_unit_test(a_full_table_forgets_who_has_been_silent_longest),
		cmocka_unit_test(the_first_of_two_workers_wins),
		cmocka_unit_test(workers_that_race_agree),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
