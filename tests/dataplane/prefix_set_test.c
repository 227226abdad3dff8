/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of addresses by prefixes, compared with going through all prefixes one by one. */
#include "dataplane/prefix_set.h"
#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define N_QUESTIONS 3000

static struct prefix
prefix_of(const char *text)
{
	struct prefix prefix;
	struct err err = {""};

	if (prefix_parse(text, &prefix, &err) < 0)
		fail_msg("%s", err.text);
	return prefix;
}

static struct prefix_set *
set_of(const char *const *texts)
{
	struct prefix prefixes[16];
	struct prefix_set *set = NULL;
	size_t n = 0;

	for (; texts[n]; n++)
		prefixes[n] = prefix_of(texts[n]);
	assert_int_equal(prefix_set_new(&set, prefixes, n), 0);
	return set;
}

static bool
has(const struct prefix_set *set, const char *text)
{
	struct addr addr = frame_addr(text);

	return prefix_set_has(set, addr.bytes, addr.family);
}

static void
an_empty_set_has_nothing(void **state)
{
	const char *const none[] = {NULL};
	struct prefix_set *set = set_of(none);

	(void)state;
	assert_false(has(set, "0.0.0.0"));
	assert_false(has(set, "255.255.255.255"));
	assert_false(has(set, "::"));
	prefix_set_unref(set);
	prefix_set_unref(NULL);
	assert_null(prefix_set_ref(NULL));
}

static void
families_are_apart(void **state)
{
	const char *const four[] = {"0.0.0.0/0", NULL};
	const char *const six[] = {"::/0", NULL};
	struct prefix_set *set = set_of(four);

	(void)state;
	assert_true(has(set, "0.0.0.0"));
	assert_true(has(set, "255.255.255.255"));
	assert_true(has(set, "10.1.2.3"));
	assert_false(has(set, "::"));
	prefix_set_unref(set);
	set = set_of(six);
	assert_true(has(set, "::"));
	assert_true(has(set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_false(has(set, "10.1.2.3"));
	prefix_set_unref(set);
}

static void
ranges_end_where_they_end(void **state)
{
	const char *const texts[] = {"10.0.0.0/8", "10.1.0.0/16", "0.0.0.0", "255.255.255.255",
		"192.0.2.128/25", "2001:db8::/64", "::1", "2001:db8:0:2::/64", NULL};
	struct prefix_set *set = set_of(texts);

	(void)state;
	assert_true(has(set, "0.0.0.0"));
	assert_false(has(set, "0.0.0.1"));
	assert_false(has(set, "9.255.255.255"));
	assert_true(has(set, "10.0.0.0"));
	assert_true(has(set, "10.1.255.255"));
	assert_true(has(set, "10.255.255.255"));
	assert_false(has(set, "11.0.0.0"));
	assert_false(has(set, "192.0.2.127"));
	assert_true(has(set, "192.0.2.128"));
	assert_false(has(set, "255.255.255.254"));
	assert_true(has(set, "255.255.255.255"));
	assert_false(has(set, "::"));
	assert_true(has(set, "::1"));
	assert_true(has(set, "2001:db8::ffff:ffff:ffff:ffff"));
	assert_false(has(set, "2001:db8:0:1::"));
	assert_true(has(set, "2001:db8:0:2::"));
	assert_false(has(set, "2001:db8:0:3::"));
	prefix_set_unref(set);
}

static void
neighbours_become_one_range(void **state)
{
	const char *const texts[] = {"10.0.1.0/24", "10.0.0.0/24", "10.0.0.0/25", "10.0.3.0/24",
		"255.255.255.255", "255.255.255.254", "2001:db8::/33", "2001:db8:8000::/33", "::/0",
		NULL};
	struct prefix_set *set = set_of(texts);
	struct prefix_set_size size = prefix_set_size(set);

	(void)state;
	assert_int_equal(size.n_ranges4, 3);
	assert_int_equal(size.n_ranges6, 1);
	prefix_set_unref(set);
}

/* --- Against the naive way --- */

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* An address; of IPv6 the first bytes are few, as in real tables. */
static struct addr
random_addr(uint64_t *seed, uint8_t family)
{
	struct addr addr = {.family = family};

	for (size_t i = 0; i < addr_size(&addr); i++)
		addr.bytes[i] = (uint8_t)next(seed);
	if (family == ADDR_V6) {
		addr.bytes[0] = 0x20;
		addr.bytes[1] &= 3;
		addr.bytes[2] &= 0x8f;
	}
	return addr;
}

static struct prefix
random_prefix(uint64_t *seed)
{
	uint8_t family = next(seed) % 2 ? ADDR_V6 : ADDR_V4;
	struct prefix prefix = {.addr = random_addr(seed, family)};
	unsigned int max = family == ADDR_V6 ? 128 : 32, min = family == ADDR_V6 ? 36 : 14;

	prefix.bits = (uint8_t)(min + next(seed) % (max - min + 1));
	for (unsigned int bit = prefix.bits; bit < max; bit++)
		prefix.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	return prefix;
}

static bool
covers(const struct prefix *prefix, const struct addr *addr)
{
	unsigned int whole = prefix->bits / 8, left = prefix->bits % 8;

	return prefix->addr.family == addr->family &&
	       memcmp(prefix->addr.bytes, addr->bytes, whole) == 0 &&
	       (left == 0 || (prefix->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - left) == 0);
}

/* Some address, or one at or beside the end of a prefix. */
static struct addr
question(uint64_t *seed, const struct prefix *prefixes, size_t n)
{
	const struct prefix *prefix = &prefixes[next(seed) % n];
	struct addr addr = prefix->addr;
	unsigned int size = (unsigned int)addr_size(&addr);
	int step = (int)(next(seed) % 3) - 1;

	if (next(seed) % 3 == 0)
		return random_addr(seed, next(seed) % 2 ? ADDR_V6 : ADDR_V4);
	if (next(seed) % 2)
		for (unsigned int bit = prefix->bits; bit < 8 * size; bit++)
			addr.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	for (unsigned int i = size; i-- > 0 && step != 0;) {
		int byte = addr.bytes[i] + step;

		addr.bytes[i] = (uint8_t)byte;
		step = byte < 0 ? -1 : byte > 255;
	}
	return addr;
}

static void
sets_agree_with_going_through_all(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 7, 100, 1000, 5000};
	uint64_t seed = 4711;

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct prefix *prefixes = calloc(sizes[s], sizeof(*prefixes));
		struct prefix_set *set;
		size_t n_in = 0;

		assert_non_null(prefixes);
		for (size_t i = 0; i < sizes[s]; i++)
			prefixes[i] = random_prefix(&seed);
		assert_int_equal(prefix_set_new(&set, prefixes, sizes[s]), 0);
		for (unsigned int q = 0; q < N_QUESTIONS; q++) {
			struct addr addr = question(&seed, prefixes, sizes[s]);
			bool wanted = false;

			for (size_t i = 0; i < sizes[s] && !wanted; i++)
				wanted = covers(&prefixes[i], &addr);
			n_in += wanted;
			assert_int_equal(prefix_set_has(set, addr.bytes, addr.family), wanted);
		}
		assert_in_range(n_in, N_QUESTIONS / 10, N_QUESTIONS - N_QUESTIONS / 10);
		prefix_set_unref(set);
		free(prefixes);
	}
}

/* As the header says. */
static void
memory_is_bounded_by_the_prefixes(void **state)
{
	const size_t n = 300000;
	struct prefix *prefixes = calloc(n, sizeof(*prefixes));
	struct prefix_set_size size;
	struct prefix_set *set;
	uint64_t seed = 42;

	(void)state;
	assert_non_null(prefixes);
	for (size_t i = 0; i < n; i++)
		prefixes[i] = (struct prefix){random_addr(&seed, ADDR_V4), 32};
	assert_int_equal(prefix_set_new(&set, prefixes, n), 0);
	size = prefix_set_size(set);
	assert_in_range(size.n_bytes, 8 * size.n_ranges4, 8 * n + (256 << 10) + 512);
	prefix_set_unref(set);
	for (size_t i = 0; i < n; i++)
		prefixes[i] = (struct prefix){random_addr(&seed, ADDR_V6), 128};
	assert_int_equal(prefix_set_new(&set, prefixes, n), 0);
	size = prefix_set_size(set);
	assert_in_range(size.n_bytes, 32 * size.n_ranges6, 32 * n + (256 << 10) + 512);
	prefix_set_unref(set);
	free(prefixes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_set_has_nothing),
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(ranges_end_where_they_end),
		cmocka_unit_test(neighbours_become_one_range),
		cmocka_unit_test(sets_agree_with_going_through_all),
		cmocka_unit_test(memory_is_bounded_by_the_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
