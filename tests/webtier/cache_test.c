/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/cache.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW NS_PER_S /* Less than the age of what is stored. */
#define MAX_BYTES 20000u

struct scene {
	struct cache_changes changes;
	struct cache *cache;
	struct cache *other; /* Of another worker. */
};

/* The request is the value of all its fields. */
static char *
value_of(const void *request, const char *name)
{
	(void)name;
	return strdup(request);
}

static struct scene *
make(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	assert_int_equal(cache_new(&scene->cache, MAX_BYTES, 10000, &scene->changes), 0);
	assert_int_equal(cache_new(&scene->other, MAX_BYTES, 10000, &scene->changes), 0);
	return scene;
}

static void
end(struct scene *scene)
{
	cache_free(scene->cache);
	cache_free(scene->other);
	free(scene);
}

static void
put(struct cache *cache, const char *key, const char *vary, const char *request, size_t size)
{
	static const struct http_header headers[] = {{"A", "b"}, {"age", "5"}, {"C", "d"}};
	struct cache_entry *entry = cache_entry_new(key, 200, headers, 3);
	struct byte_queue body;

	assert_non_null(entry);
	entry->change = cache_change(cache, key);
	entry->lifetime = (struct cache_lifetime){.age_s = 5, .fresh_s = 60};
	if (vary)
		assert_true(cache_entry_vary(entry, vary, value_of, request));
	byte_queue_init(&body);
	memset(byte_queue_extend(&body, size), 'x', size);
	cache_put(cache, entry, &body, NOW);
	byte_queue_fini(&body);
}

static bool
has(struct cache *cache, const char *key, const char *request)
{
	bool has_key;
	struct cache_entry *entry = cache_find(cache, key, value_of, request, &has_key);

	assert_true(has_key || !entry);
	cache_unref(entry);
	return entry != NULL;
}

static void
what_is_put_is_found_with_its_age(void **state)
{
	struct scene *scene = make();
	struct cache_entry *entry;
	bool has_key;

	(void)state;
	put(scene->cache, "k", NULL, NULL, 10);
	entry = cache_find(scene->cache, "k", value_of, "", &has_key);
	assert_non_null(entry);
	assert_int_equal(entry->size, 10);
	assert_int_equal(entry->n_headers, 2);
	assert_string_equal(entry->headers[1].name, "C");
	assert_int_equal(cache_entry_age_s(entry, NOW + 2 * NS_PER_S), 7);
	assert_false(has(scene->cache, "other", ""));
	put(scene->cache, "k", NULL, NULL, 20); /* Whoever sends the old one may go on. */
	assert_int_equal(entry->size, 10);
	assert_int_equal(cache_stats(scene->cache)->n_entries, 1);
	cache_unref(entry);
	end(scene);
}

static void
variants_stand_side_by_side(void **state)
{
	struct scene *scene = make();

	(void)state;
	put(scene->cache, "k", "A, B", "one", 10);
	put(scene->cache, "k", "a, b", "two", 10);
	put(scene->cache, "k", "A, B", "one", 10);
	assert_int_equal(cache_stats(scene->cache)->n_entries, 2);
	assert_true(has(scene->cache, "k", "one") && has(scene->cache, "k", "two"));
	assert_false(has(scene->cache, "k", "three"));
	cache_put_pass(scene->cache, "k", NOW);
	assert_int_equal(cache_stats(scene->cache)->n_entries, 1);
	end(scene);
}

static void
what_was_used_longest_ago_makes_room(void **state)
{
	struct scene *scene = make();
	char key[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		put(scene->cache, key, NULL, NULL, 2000);
		assert_true(i < 1 || has(scene->cache, "k0", ""));
		assert_true(cache_stats(scene->cache)->bytes <= MAX_BYTES);
	}
	assert_true(has(scene->cache, "k99", "") && has(scene->cache, "k98", ""));
	assert_false(has(scene->cache, "k1", ""));
	put(scene->cache, "large", NULL, NULL, MAX_BYTES);
	assert_false(has(scene->cache, "large", ""));
	assert_true(has(scene->cache, "k99", ""));
	end(scene);
}

static void
a_change_counts_in_all_caches(void **state)
{
	struct scene *scene = make();

	(void)state;
	put(scene->cache, "k", NULL, NULL, 10);
	put(scene->other, "k", NULL, NULL, 10);
	put(scene->other, "l", NULL, NULL, 10);
	cache_forget(scene->cache, "k");
	assert_false(has(scene->cache, "k", "") || has(scene->other, "k", ""));
	assert_true(has(scene->other, "l", ""));
	assert_int_equal(cache_stats(scene->cache)->n_entries, 0);
	end(scene);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(what_is_put_is_found_with_its_age),
		cmocka_unit_test(variants_stand_side_by_side),
		cmocka_unit_test(what_was_used_longest_ago_makes_room),
		cmocka_unit_test(a_change_counts_in_all_caches),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
