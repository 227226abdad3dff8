/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that wait: their order, and whose their memory is. */
#include "webtier/byte_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 5000

static void
test_keeps_order_while_it_grows(void **state)
{
	struct byte_queue queue;
	unsigned int next = 0;

	(void)state;
	byte_queue_init(&queue);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_true(byte_queue_append(&queue, &i, sizeof(i)));
		if (i % 3 == 0) {
			assert_memory_equal(byte_queue_data(&queue), &next, sizeof(next));
			byte_queue_consume(&queue, sizeof(next));
			next++;
		}
	}
	assert_int_equal(byte_queue_size(&queue), (MANY - next) * sizeof(next));
	for (; next < MANY; next++) {
		assert_memory_equal(byte_queue_data(&queue), &next, sizeof(next));
		byte_queue_consume(&queue, sizeof(next));
	}
	byte_queue_fini(&queue);
}

static void
test_extends_by_bytes_to_fill_in(void **state)
{
	struct byte_queue queue;
	char *added;

	(void)state;
	byte_queue_init(&queue);
	assert_true(byte_queue_append_text(&queue, "one"));
	added = byte_queue_extend(&queue, 3);
	assert_non_null(added);
	memcpy(added, "two", 3);
	assert_int_equal(byte_queue_size(&queue), 6);
	assert_memory_equal(byte_queue_data(&queue), "onetwo", 6);
	byte_queue_fini(&queue);
}

static void
test_has_room_for_what_it_expects(void **state)
{
	struct byte_queue queue;
	const char *before;

	(void)state;
	byte_queue_init(&queue);
	assert_true(byte_queue_append_text(&queue, "head"));
	byte_queue_expect(&queue, MANY);
	before = byte_queue_data(&queue);
	for (int i = 0; i < MANY; i++)
		assert_true(byte_queue_append(&queue, "x", 1));
	assert_ptr_equal(byte_queue_data(&queue), before);
	assert_int_equal(byte_queue_size(&queue), MANY + 4);
	byte_queue_fini(&queue);
}

static void
test_gives_its_memory_away(void **state)
{
	struct byte_queue queue;
	char *taken;

	(void)state;
	byte_queue_init(&queue);
	assert_true(byte_queue_append_text(&queue, "all of it"));
	taken = byte_queue_take(&queue);
	assert_non_null(taken);
	assert_memory_equal(taken, "all of it", 9);
	assert_int_equal(byte_queue_size(&queue), 0);
	assert_true(byte_queue_append_text(&queue, "more"));
	assert_memory_equal(taken, "all of it", 9);
	free(taken);

	byte_queue_consume(&queue, 1);
	assert_null(byte_queue_take(&queue));
	assert_memory_equal(byte_queue_data(&queue), "ore", 3);
	byte_queue_fini(&queue);
}

static void
test_keeps_only_little_memory(void **state)
{
	struct byte_queue queue;

	(void)state;
	byte_queue_init(&queue);
	assert_true(byte_queue_append_text(&queue, "little"));
	byte_queue_reset(&queue, MANY);
	assert_int_equal(byte_queue_size(&queue), 0);
	assert_true(queue.capacity > 0);
	byte_queue_expect(&queue, MANY + 1);
	byte_queue_reset(&queue, MANY);
	assert_int_equal(queue.capacity, 0);
	assert_true(byte_queue_append_text(&queue, "again"));
	assert_memory_equal(byte_queue_data(&queue), "again", 5);
	byte_queue_fini(&queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_order_while_it_grows),
		cmocka_unit_test(test_extends_by_bytes_to_fill_in),
		cmocka_unit_test(test_has_room_for_what_it_expects),
		cmocka_unit_test(test_gives_its_memory_away),
		cmocka_unit_test(test_keeps_only_little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
