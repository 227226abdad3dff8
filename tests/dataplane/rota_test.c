/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/rota.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define N_MAX 1000

static struct maglev_member members[N_MAX];

/* Members with ids 1, 2, ... */
static struct rota *
rota_of(const uint16_t *weights, uint32_t n)
{
	struct rota *rota = NULL;

	for (uint32_t i = 0; i < n; i++)
		members[i] = (struct maglev_member){.id = (uint16_t)(i + 1), .weight = weights[i]};
	assert_int_equal(rota_new(&rota, members, n), 0);
	return rota;
}

static void
a_round_is_as_smooth_as_can_be(void **state)
{
	static const uint16_t weights[] = {500, 100, 100};
	static const uint16_t expected[] = {1, 2, 1, 1, 3, 1, 1};
	struct rota *rota = rota_of(weights, 3);

	(void)state;
	assert_int_equal(rota->size, 7);
	assert_memory_equal(rota->entries, expected, sizeof(expected));
	rota_unref(rota);
}

static void
everybody_has_its_share_after_any_number_of_turns(void **state)
{
	uint16_t weights[40];
	uint32_t taken[40] = {0};
	struct rota *rota;
	uint32_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		weights[i] = (uint16_t)(1 + i * i * 37 % 1000);
		sum += weights[i];
	}
	rota = rota_of(weights, 40);
	assert_int_equal(rota->size, sum);
	for (uint32_t turn = 0; turn < sum; turn++) {
		taken[rota->entries[turn] - 1]++;
		for (uint32_t i = 0; i < 40; i++) {
			/* In parts of a turn, so that nothing is rounded. */
			int64_t ahead = (int64_t)taken[i] * sum - (int64_t)(turn + 1) * weights[i];

			assert_true(ahead < (int64_t)sum && ahead > -(int64_t)sum);
		}
	}
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(taken[i], weights[i]);
	rota_unref(rota);
}

static void
large_pools_are_scaled_and_nobody_is_left_out(void **state)
{
	static uint16_t weights[N_MAX];
	static uint32_t taken[N_MAX];
	struct rota *rota;

	(void)state;
	for (uint32_t i = 0; i < N_MAX; i++)
		weights[i] = i == 0 ? 1 : (uint16_t)(1000 - i % 7);
	rota = rota_of(weights, N_MAX);
	assert_true(rota->size <= ROTA_SIZE_MAX + N_MAX);
	for (uint32_t turn = 0; turn < rota->size; turn++)
		taken[rota->entries[turn] - 1]++;
	assert_int_equal(taken[0], 1);
	for (uint32_t i = 1; i < N_MAX; i++)
		assert_true(taken[i] >= 64 && taken[i] <= 66);
	rota_unref(rota);
}

static void
one_member_has_every_turn_and_none_is_refused(void **state)
{
	static const uint16_t weight = 1000;
	struct rota *rota = rota_of(&weight, 1);

	(void)state;
	assert_int_equal(rota->size, 1);
	assert_int_equal(rota->entries[0], 1);
	assert_ptr_equal(rota_ref(rota), rota);
	rota_unref(rota);
	rota_unref(rota);
	rota_unref(NULL);
	assert_int_equal(rota_new(&rota, members, 0), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_round_is_as_smooth_as_can_be),
		cmocka_unit_test(everybody_has_its_share_after_any_number_of_turns),
		cmocka_unit_test(large_pools_are_scaled_and_nobody_is_left_out),
		cmocka_unit_test(one_member_has_every_turn_and_none_is_refused),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
