/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of libmicrohttpd's connections: two stacks, and what may be given back. */
#include "common/http/mhd_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 8192u
#define HALF (SIZE / 2)

static struct MemoryPool *
make(void)
{
	struct MemoryPool *pool = mhd_pool_create(SIZE);

	assert_non_null(pool);
	assert_int_equal(mhd_pool_get_free(pool), SIZE);
	return pool;
}

static void
test_blocks_come_from_both_ends(void **state)
{
	struct MemoryPool *pool = make();
	char *front = mhd_pool_allocate(pool, 10, false);
	char *next = mhd_pool_allocate(pool, 1, false);
	char *end = mhd_pool_allocate(pool, 10, true);

	(void)state;
	assert_ptr_equal(next, front + 16);
	assert_ptr_equal(end, front + SIZE - 16);
	assert_int_equal(mhd_pool_get_free(pool), SIZE - 48);
	assert_null(mhd_pool_allocate(pool, SIZE - 47, false));
	assert_null(mhd_pool_allocate(pool, SIZE_MAX, true));
	assert_non_null(mhd_pool_allocate(pool, SIZE - 48, true));
	assert_int_equal(mhd_pool_get_free(pool), 0);
	mhd_pool_destroy(pool);
}

static void
test_a_failed_try_says_what_is_missing(void **state)
{
	struct MemoryPool *pool = make();
	size_t missing = 1;

	(void)state;
	assert_non_null(mhd_pool_allocate(pool, HALF, false));
	assert_non_null(mhd_pool_try_alloc(pool, 32, &missing));
	assert_int_equal(missing, 0);
	assert_null(mhd_pool_try_alloc(pool, HALF, &missing));
	assert_int_equal(missing, 32);
	assert_null(mhd_pool_try_alloc(pool, SIZE, &missing));
	assert_true(missing == SIZE_MAX); /* There is less than that behind the front. */
	assert_null(mhd_pool_try_alloc(pool, SIZE_MAX, &missing));
	assert_true(missing == SIZE_MAX);
	mhd_pool_destroy(pool);
}

static void
test_only_the_newest_block_grows_where_it_is(void **state)
{
	struct MemoryPool *pool = make();
	char *first = mhd_pool_allocate(pool, 64, false);
	char *second = mhd_pool_reallocate(pool, NULL, 0, 64);
	char *moved;

	(void)state;
	memcpy(first, "kept", 5);
	assert_ptr_equal(mhd_pool_reallocate(pool, second, 64, 128), second);
	assert_int_equal(mhd_pool_get_free(pool), SIZE - 192);
	assert_ptr_equal(mhd_pool_reallocate(pool, second, 128, 16), second);
	assert_int_equal(mhd_pool_get_free(pool), SIZE - 80);
	assert_null(mhd_pool_reallocate(pool, second, 16, SIZE));
	assert_null(mhd_pool_reallocate(pool, second, 16, SIZE_MAX));
	assert_int_equal(mhd_pool_get_free(pool), SIZE - 80);

	moved = mhd_pool_reallocate(pool, first, 64, 128);
	assert_ptr_equal(moved, second + 16);
	assert_string_equal(moved, "kept");
	assert_ptr_equal(mhd_pool_reallocate(pool, first, 64, 8), first);
	assert_null(mhd_pool_reallocate(pool, first, 64, SIZE));
	mhd_pool_destroy(pool);
}

static void
test_a_reset_keeps_what_was_read_ahead(void **state)
{
	struct MemoryPool *pool = make();
	char *front = mhd_pool_allocate(pool, HALF, false);
	char *kept;

	(void)state;
	assert_non_null(mhd_pool_allocate(pool, 100, true));
	memcpy(front + 100, "next", 5);
	kept = mhd_pool_reset(pool, front + 100, 5, HALF);
	assert_ptr_equal(kept, front);
	assert_string_equal(kept, "next");
	assert_int_equal(mhd_pool_get_free(pool), SIZE - HALF);
	mhd_pool_destroy(pool);
}

static void
test_only_memory_that_does_not_count_is_given_back(void **state)
{
	struct MemoryPool *pool = make();
	char *front = mhd_pool_allocate(pool, HALF, false);
	unsigned char resident[SIZE / 4096];

	(void)state;
	assert_int_equal(sysconf(_SC_PAGESIZE), 4096);
	assert_false(mhd_pool_rest(NULL));
	memset(front, 'x', HALF);
	assert_false(mhd_pool_rest(pool));
	mhd_pool_reset(pool, front, 1, HALF);
	assert_false(mhd_pool_rest(pool));
	mhd_pool_reset(pool, NULL, 0, HALF);
	mhd_pool_fill(pool);
	assert_false(mhd_pool_rest(pool));
	assert_int_equal(*front, 'x');

	mhd_pool_reset(pool, NULL, 0, HALF);
	assert_int_equal(mincore(front, SIZE, resident), 0);
	assert_true(resident[0] & 1);
	assert_true(mhd_pool_rest(pool));
	assert_int_equal(mincore(front, SIZE, resident), 0);
	assert_false(resident[0] & 1);
	memset(front, 'y', HALF); /* It is there again. */
	assert_non_null(mhd_pool_allocate(pool, 16, true));
	assert_false(mhd_pool_rest(pool));
	mhd_pool_destroy(pool);
}

static void
test_whoever_goes_first_is_forgotten(void **state)
{
	struct MemoryPool *owned;
	struct MemoryPool *pool = make();

	(void)state;
	mhd_pool_claim(&owned);
	assert_ptr_equal(owned, pool);
	mhd_pool_destroy(pool);
	assert_null(owned);

	mhd_pool_destroy(make());
	mhd_pool_claim(&owned);
	assert_null(owned);

	pool = make();
	mhd_pool_claim(&owned);
	mhd_pool_disown(pool);
	mhd_pool_destroy(pool);
	assert_ptr_equal(owned, pool); /* Not written to any more. */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_come_from_both_ends),
		cmocka_unit_test(test_a_failed_try_says_what_is_missing),
		cmocka_unit_test(test_only_the_newest_block_grows_where_it_is),
		cmocka_unit_test(test_a_reset_keeps_what_was_read_ahead),
		cmocka_unit_test(test_only_memory_that_does_not_count_is_given_back),
		cmocka_unit_test(test_whoever_goes_first_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
