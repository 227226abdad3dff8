/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/count_buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TODAY 20000

static struct count_buffer *
buffer_new(size_t n_entries)
{
	struct count_buffer *buffer;

	assert_int_equal(count_buffer_new(&buffer, n_entries), 0);
	return buffer;
}

static void
hits_of_one_code_become_one_entry(void **state)
{
	struct count_buffer *buffer = buffer_new(8);
	const struct count_entry *batch;

	(void)state;
	assert_int_equal(count_buffer_add(buffer, "b", TODAY), 1);
	assert_int_equal(count_buffer_add(buffer, "a", TODAY), 2);
	assert_int_equal(count_buffer_add(buffer, "b", TODAY), 1);
	assert_int_equal(count_buffer_pending(buffer), 3);
	assert_int_equal(count_buffer_take(buffer, &batch), 2);
	/* By code, and numbered in that order. */
	assert_string_equal(batch[0].code, "a");
	assert_int_equal(batch[0].n_hits, 1);
	assert_int_equal(batch[0].sequence, 1);
	assert_string_equal(batch[1].code, "b");
	assert_int_equal(batch[1].n_hits, 2);
	assert_int_equal(batch[1].sequence, 2);
	count_buffer_free(buffer);
}

static void
hits_of_two_days_are_two_entries(void **state)
{
	struct count_buffer *buffer = buffer_new(8);
	const struct count_entry *batch;

	(void)state;
	assert_int_equal(count_buffer_add(buffer, "a", TODAY + 1), 1);
	assert_int_equal(count_buffer_add(buffer, "a", TODAY), 2);
	assert_int_equal(count_buffer_add(buffer, "a", TODAY + 1), 1);
	assert_int_equal(count_buffer_take(buffer, &batch), 2);
	assert_int_equal(batch[0].day, TODAY);
	assert_int_equal(batch[0].n_hits, 1);
	assert_int_equal(batch[1].day, TODAY + 1);
	assert_int_equal(batch[1].n_hits, 2);
	assert_int_equal(batch[1].sequence, 2);
	count_buffer_free(buffer);
}

static void
a_batch_stays_as_it_is_until_it_is_stored(void **state)
{
	struct count_buffer *buffer = buffer_new(8);
	const struct count_entry *batch;

	(void)state;
	count_buffer_add(buffer, "a", TODAY);
	assert_int_equal(count_buffer_take(buffer, &batch), 1);
	/* A hit that comes meanwhile belongs to the next one. */
	assert_int_equal(count_buffer_add(buffer, "a", TODAY), 2);
	assert_int_equal(count_buffer_take(buffer, &batch), 1);
	assert_int_equal(batch[0].n_hits, 1);
	assert_int_equal(batch[0].sequence, 1);
	assert_int_equal(count_buffer_pending(buffer), 2);
	assert_int_equal(count_buffer_done(buffer), 1);
	assert_int_equal(count_buffer_pending(buffer), 1);
	assert_int_equal(count_buffer_take(buffer, &batch), 1);
	assert_int_equal(batch[0].sequence, 2);
	assert_int_equal(count_buffer_done(buffer), 2);
	assert_int_equal(count_buffer_take(buffer, &batch), 0);
	count_buffer_free(buffer);
}

static void
a_full_buffer_refuses_new_codes_but_counts_known_ones(void **state)
{
	struct count_buffer *buffer = buffer_new(2);
	const struct count_entry *batch;

	(void)state;
	assert_int_equal(count_buffer_add(buffer, "a", TODAY), 1);
	assert_int_equal(count_buffer_add(buffer, "b", TODAY), 2);
	assert_int_equal(count_buffer_add(buffer, "c", TODAY), 0);
	assert_int_equal(count_buffer_add(buffer, "a", TODAY), 1);
	assert_int_equal(count_buffer_pending(buffer), 3);
	count_buffer_take(buffer, &batch);
	assert_int_equal(count_buffer_add(buffer, "c", TODAY), 3);
	count_buffer_free(buffer);
}

static void
the_oldest_entries_leave_first_in_batches(void **state)
{
	struct count_buffer *buffer = buffer_new(1024);
	const struct count_entry *batch;
	char code[LINK_CODE_SIZE];

	(void)state;
	for (unsigned int i = 0; i < COUNT_BATCH_MAX + 1; i++) {
		snprintf(code, sizeof(code), "c%u", i);
		count_buffer_add(buffer, code, TODAY);
	}
	assert_int_equal(count_buffer_take(buffer, &batch), COUNT_BATCH_MAX);
	assert_int_equal(count_buffer_done(buffer), COUNT_BATCH_MAX);
	assert_int_equal(count_buffer_take(buffer, &batch), 1);
	snprintf(code, sizeof(code), "c%u", COUNT_BATCH_MAX);
	assert_string_equal(batch[0].code, code);
	count_buffer_free(buffer);
}

#define N_CODES 300

/* Compares with plain arrays: what was added, and what has come out. */
static void
nothing_is_lost_or_doubled_in_a_long_random_run(void **state)
{
	static uint64_t n_added[N_CODES], n_stored[N_CODES];
	struct count_buffer *buffer = buffer_new(128);
	const struct count_entry *batch;
	uint64_t random = 42, sequence = 0, pending = 0;

	(void)state;
	for (unsigned int step = 0; step < 200000; step++) {
		char code[LINK_CODE_SIZE];
		unsigned int i;

		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		i = (unsigned int)(random >> 33) % N_CODES;
		snprintf(code, sizeof(code), "x%u", i);
		if (count_buffer_add(buffer, code, TODAY) != 0) {
			n_added[i]++;
			pending++;
		}
		if (random >> 60 != 0)
			continue;
		size_t n = count_buffer_take(buffer, &batch);

		for (size_t at = 0; at < n; at++) {
			unsigned int which;

			assert_int_equal(sscanf(batch[at].code, "x%u", &which), 1);
			n_stored[which] += batch[at].n_hits;
			pending -= batch[at].n_hits;
			assert_int_equal(batch[at].sequence, ++sequence);
		}
		count_buffer_done(buffer);
		assert_int_equal(count_buffer_pending(buffer), pending);
	}
	for (size_t n; (n = count_buffer_take(buffer, &batch)) > 0; count_buffer_done(buffer)) {
		for (size_t at = 0; at < n; at++) {
			unsigned int which;

			assert_int_equal(sscanf(batch[at].code, "x%u", &which), 1);
			n_stored[which] += batch[at].n_hits;
		}
	}
	assert_memory_equal(n_added, n_stored, sizeof(n_added));
	count_buffer_free(buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_of_one_code_become_one_entry),
		cmocka_unit_test(hits_of_two_days_are_two_entries),
		cmocka_unit_test(a_batch_stays_as_it_is_until_it_is_stored),
		cmocka_unit_test(a_full_buffer_refuses_new_codes_but_counts_known_ones),
		cmocka_unit_test(the_oldest_entries_leave_first_in_batches),
		cmocka_unit_test(nothing_is_lost_or_doubled_in_a_long_random_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
