/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ids *
ids_of(const char *const *keys, size_t n, uint16_t id_max, const struct ids *previous,
	uint16_t *ids)
{
	struct ids *set = NULL;
	bool is_new;

	assert_int_equal(ids_new(&set, (uint32_t)n, id_max, previous), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ids_assign(set, keys[i], strlen(keys[i]), &ids[i], &is_new), 0);
		assert_int_equal(
			is_new, !previous || !ids_find(previous, keys[i], strlen(keys[i])));
	}
	ids_seal(set);
	return set;
}

static void
known_keys_keep_their_ids_and_new_ones_avoid_them(void **state)
{
	static const char *const before[] = {"a", "b", "c"};
	static const char *const after[] = {"d", "c", "a", "e"};
	uint16_t old[3], new[4];
	struct ids *first = ids_of(before, 3, 100, NULL, old);
	struct ids *second = ids_of(after, 4, 100, first, new);

	(void)state;
	assert_int_equal(old[0], 1);
	assert_int_equal(new[1], old[2]);
	assert_int_equal(new[2], old[0]);
	assert_int_equal(new[0], 4); /* Not 2, b's: flows may still name it. */
	assert_int_equal(new[3], 5);
	assert_int_equal(ids_find(second, "b", 1), 0);
	ids_free(first);
	ids_free(second);
}

static void
freed_ids_return_last(void **state)
{
	static const char *const keys[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
	struct ids *previous = NULL;
	uint16_t id;

	(void)state;
	/* One key at a time out of 5 ids: the id of the one before is never taken. */
	for (int i = 0; i < 8; i++) {
		struct ids *next = ids_of(&keys[i], 1, 5, previous, &id);

		assert_int_equal(id, i % 5 + 1);
		ids_free(previous);
		previous = next;
	}
	ids_free(previous);
}

static void
doubles_and_exhaustion_are_told(void **state)
{
	struct ids *first = NULL, *second = NULL;
	uint16_t id = 99;
	bool is_new;

	(void)state;
	assert_int_equal(ids_new(&first, 10, 2, NULL), 0);
	assert_int_equal(ids_assign(first, "a", 1, &id, &is_new), 0);
	assert_int_equal(ids_assign(first, "a", 1, &id, &is_new), -EEXIST);
	assert_int_equal(ids_assign(first, "b", 1, &id, &is_new), 0);
	assert_int_equal(ids_assign(first, "c", 1, &id, &is_new), -ENOSPC);
	/* Ids of the previous set are not free either. */
	assert_int_equal(ids_new(&second, 10, 2, first), 0);
	assert_int_equal(ids_assign(second, "c", 1, &id, &is_new), -ENOSPC);
	assert_int_equal(ids_assign(second, "b", 1, &id, &is_new), 0);
	assert_int_equal(id, 2);
	assert_int_equal(ids_find(second, "c", 1), 0);
	ids_free(first);
	ids_free(second);
	ids_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(known_keys_keep_their_ids_and_new_ones_avoid_them),
		cmocka_unit_test(freed_ids_return_last),
		cmocka_unit_test(doubles_and_exhaustion_are_told),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
