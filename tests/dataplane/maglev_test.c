/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/maglev.h"
#include "frames.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SIZE 65537u

static struct maglev_member
member(unsigned int i, uint16_t weight)
{
	struct maglev_member m = {.id = (uint16_t)(i + 1), .weight = weight};
	char name[16], text[32];
	struct addr addr;

	snprintf(name, sizeof(name), "web%u", i);
	snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, i % 250 + 1);
	addr = frame_addr(text);
	m.seed = maglev_seed(&addr, name);
	return m;
}

static void
members(struct maglev_member *out, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		out[i] = member(i, 100);
}

static struct maglev *
table_of(const struct maglev_member *m, unsigned int n, uint32_t size)
{
	struct maglev *maglev = NULL;

	assert_int_equal(maglev_new(&maglev, m, n, size), 0);
	return maglev;
}

static void
count_slots(const struct maglev *maglev, uint32_t *counts, unsigned int n)
{
	memset(counts, 0, (n + 1) * sizeof(*counts));
	for (uint32_t i = 0; i < maglev->size; i++) {
		assert_in_range(maglev->entries[i], 1, n);
		counts[maglev->entries[i]]++;
	}
}

static void
hashes_are_those_of_the_protocol(void **state)
{
	const uint8_t bytes[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct addr client = frame_addr("198.51.100.7");
	uint64_t words[2];

	(void)state;
	memcpy(words, client.bytes, sizeof(words));
	/* fmix64(1), as published with MurmurHash3. */
	assert_true(hash_mix(1) == UINT64_C(0xb456bcfc34c2cb2c));
	assert_true(hash_mix(0) == 0);
	assert_true(hash_bytes(0, bytes, 9) ==
		    hash_mix(hash_mix(9 ^ UINT64_C(0x0807060504030201)) ^ 9));
	/* These may never change: two nodes of different versions must agree. */
	assert_true(maglev_seed(&client, "web1") == UINT64_C(0x81123dd79dd55331));
	assert_true(maglev_flow_hash(client.bytes, be16_from(50000), be16_from(443), 6) ==
		    UINT64_C(0x49eb2403bd1cf111));
	/* Ports 50000 and 443 as on the wire. */
	assert_true(maglev_flow_hash_words(words, 0xbb0150c3, 6) == UINT64_C(0x49eb2403bd1cf111));
}

static void
equal_weights_share_evenly(void **state)
{
	static const unsigned int sizes[] = {2, 3, 10, 100, 650};
	struct maglev_member m[650];
	uint32_t counts[651];

	(void)state;
	members(m, 650);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned int n = sizes[i];
		struct maglev *maglev = table_of(m, n, SIZE);

		count_slots(maglev, counts, n);
		for (unsigned int id = 1; id <= n; id++)
			assert_in_range(counts[id], SIZE / n, SIZE / n + 1);
		maglev_unref(maglev);
	}
}

static void
weights_are_kept_to_within_one_slot_a_round(void **state)
{
	static const uint16_t weights[] = {1, 10, 100, 1000, 333, 7};
	const unsigned int n = 6;
	struct maglev_member m[6];
	uint32_t counts[7];
	uint32_t sum = 0;
	struct maglev *maglev;

	(void)state;
	for (unsigned int i = 0; i < n; i++) {
		m[i] = member(i, weights[i]);
		sum += weights[i];
	}
	maglev = table_of(m, n, SIZE);
	count_slots(maglev, counts, n);
	for (unsigned int i = 0; i < n; i++) {
		double want = (double)SIZE * weights[i] / sum;

		assert_true(counts[i + 1] > want - 2 && counts[i + 1] < want + 2);
	}
	maglev_unref(maglev);
}

static void
order_and_ids_do_not_matter(void **state)
{
	struct maglev_member m[50], mixed[50];
	struct maglev *a, *b;

	(void)state;
	for (unsigned int i = 0; i < 50; i++)
		m[i] = member(i, (uint16_t)(1 + i % 5));
	for (unsigned int i = 0; i < 50; i++) {
		mixed[i] = m[(i * 37 + 11) % 50];
		mixed[i].id = (uint16_t)(mixed[i].id + 1000);
	}
	a = table_of(m, 50, SIZE);
	b = table_of(mixed, 50, SIZE);
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(a->entries[i] + 1000, b->entries[i]);
	maglev_unref(a);
	maglev_unref(b);
}

static void
losing_one_of_many_moves_few_others(void **state)
{
	struct maglev_member m[100];
	struct maglev *all, *rest;
	uint32_t n_moved = 0;

	(void)state;
	members(m, 100);
	all = table_of(m, 100, SIZE);
	rest = table_of(m, 99, SIZE); /* Without id 100. */
	for (uint32_t i = 0; i < SIZE; i++)
		if (all->entries[i] != 100 && all->entries[i] != rest->entries[i])
			n_moved++;
	/* The paper's figure 12 has 2 to 3 % at this ratio of slots to backends. */
	assert_in_range(n_moved, 0, SIZE * 4 / 100);
	maglev_unref(all);
	maglev_unref(rest);
}

static void
golden_tables_of_another_implementation(void **state)
{
	/* Computed by a program of its own from the words in maglev.h. */
	static const uint16_t golden[31] = {1, 2, 3, 1, 2, 3, 2, 1, 1, 1, 2, 2, 3, 1, 3, 2, 1, 1, 1,
		3, 1, 1, 1, 2, 1, 2, 1, 1, 1, 1, 2};
	static const uint16_t weights[] = {100, 50, 25};
	struct maglev_member m[40];
	struct maglev *maglev;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		m[i] = member(i, weights[i]);
	maglev = table_of(m, 3, 31);
	for (unsigned int i = 0; i < 31; i++)
		assert_int_equal(maglev->entries[i], golden[i]);
	maglev_unref(maglev);
	for (unsigned int i = 0; i < 40; i++)
		m[i] = member(i, (uint16_t)(i * 7 % 10 + 1));
	maglev = table_of(m, 40, SIZE);
	assert_true(hash_bytes(0, maglev->entries, SIZE * sizeof(maglev->entries[0])) ==
		    UINT64_C(0x8ca48b7100ac0829));
	maglev_unref(maglev);
}

static void
one_member_needs_one_slot(void **state)
{
	struct maglev_member m = member(7, 3);
	struct maglev *maglev = table_of(&m, 1, SIZE);

	(void)state;
	assert_int_equal(maglev->size, 1);
	assert_int_equal(*maglev_entry(maglev, 0), 8);
	assert_int_equal(*maglev_entry(maglev, UINT64_MAX), 8);
	maglev_unref(maglev);
}

static void
picks_stay_inside_the_table(void **state)
{
	struct maglev_member m[3];
	struct maglev *maglev;

	(void)state;
	members(m, 3);
	maglev = table_of(m, 3, 7);
	assert_ptr_equal(maglev_entry(maglev, 0), &maglev->entries[0]);
	assert_ptr_equal(maglev_entry(maglev, UINT64_MAX), &maglev->entries[6]);
	maglev_unref(maglev);
}

static void
bad_sizes_and_no_members_are_refused(void **state)
{
	struct maglev_member m[2];
	struct maglev *maglev = NULL;

	(void)state;
	members(m, 2);
	assert_int_equal(maglev_new(&maglev, m, 0, SIZE), -EINVAL);
	assert_int_equal(maglev_new(&maglev, m, 2, 65536), -EINVAL);
	assert_int_equal(maglev_new(&maglev, m, 2, 9), -EINVAL);
	assert_int_equal(maglev_new(&maglev, m, 2, 0), -EINVAL);
	assert_null(maglev);
}

static void
more_members_than_slots_fill_it_without_end(void **state)
{
	struct maglev_member m[20];
	struct maglev *maglev;
	uint32_t counts[21];

	(void)state;
	members(m, 20);
	maglev = table_of(m, 20, 7);
	count_slots(maglev, counts, 20);
	for (unsigned int id = 1; id <= 20; id++)
		assert_in_range(counts[id], 0, 1);
	maglev_unref(maglev);
}

static void
a_table_knows_its_members(void **state)
{
	struct maglev_member m[10], other[10];
	struct maglev *maglev;

	(void)state;
	members(m, 10);
	maglev = table_of(m, 10, 31);
	for (unsigned int i = 0; i < 10; i++)
		other[i] = m[9 - i];
	assert_true(maglev_is_of(maglev, other, 10));
	assert_false(maglev_is_of(maglev, other, 9));
	other[3].weight++;
	assert_false(maglev_is_of(maglev, other, 10));
	other[3].weight--;
	other[3].id = 77;
	assert_false(maglev_is_of(maglev, other, 10));
	assert_ptr_equal(maglev_ref(maglev), maglev);
	maglev_unref(maglev);
	maglev_unref(maglev);
	maglev_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(hashes_are_those_of_the_protocol),
		cmocka_unit_test(equal_weights_share_evenly),
		cmocka_unit_test(weights_are_kept_to_within_one_slot_a_round),
		cmocka_unit_test(order_and_ids_do_not_matter),
		cmocka_unit_test(losing_one_of_many_moves_few_others),
		cmocka_unit_test(golden_tables_of_another_implementation),
		cmocka_unit_test(one_member_needs_one_slot),
		cmocka_unit_test(picks_stay_inside_the_table),
		cmocka_unit_test(bad_sizes_and_no_members_are_refused),
		cmocka_unit_test(more_members_than_slots_fill_it_without_end),
		cmocka_unit_test(a_table_knows_its_members),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
