/* SPDX-License-Identifier: BSD-3-Clause */
/* Cache of responses; see cache.h. */
#include "webtier/cache.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define BUCKETS 4096u
#define ENTRY_BYTES 512u /* Of an entry beside its texts, roughly. */
#define PASS_NS (60 * NS_PER_S)

TAILQ_HEAD(cache_entries, cache_entry);

struct cache {
	uint64_t max_bytes;
	size_t max_object_bytes;
	uint64_t seed; /* So that nobody can choose URIs of one bucket. */
	struct cache_changes *changes;
	struct cache_entry *buckets[BUCKETS];
	struct cache_entries all; /* Used last first. */
	struct cache_stats stats;
};

/* FNV-1a, and a finisher that spreads it over all bits. */
static uint64_t
hash_text(const char *text, uint64_t seed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 33;
}

static struct cache_entry **
bucket_of(struct cache *cache, const char *key)
{
	return &cache->buckets[hash_text(key, cache->seed) % BUCKETS];
}

/* The same in all workers. */
static _Atomic uint32_t *
counter_of(const struct cache *cache, const char *key)
{
	return &cache->changes->counters[hash_text(key, 0) % CACHE_CHANGES];
}

int
cache_new(struct cache **out, uint64_t max_bytes, size_t max_object_bytes,
	struct cache_changes *changes)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->max_bytes = max_bytes;
	cache->max_object_bytes = max_object_bytes;
	cache->changes = changes;
	if (getrandom(&cache->seed, sizeof(cache->seed), 0) < 0)
		cache->seed = clock_now_ns();
	TAILQ_INIT(&cache->all);
	*out = cache;
	return 0;
}

struct cache_entry *
cache_ref(struct cache_entry *entry)
{
	entry->n_references++;
	return entry;
}

void
cache_unref(struct cache_entry *entry)
{
	if (!entry || --entry->n_references > 0)
		return;
	free(entry->key);
	free(entry->vary);
	free(entry->variant);
	free(entry->headers);
	free(entry->body);
	free(entry);
}

static void
drop(struct cache *cache, struct cache_entry *entry)
{
	struct cache_entry **at = bucket_of(cache, entry->key);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	TAILQ_REMOVE(&cache->all, entry, in_all);
	entry->is_listed = false;
	cache->stats.n_entries--;
	cache->stats.bytes -= entry->cost;
	cache_unref(entry);
}

void
cache_free(struct cache *cache)
{
	if (!cache)
		return;
	while (!TAILQ_EMPTY(&cache->all))
		drop(cache, TAILQ_FIRST(&cache->all));
	free(cache);
}

/* "name: value" lines of the fields in 'vary'; to be freed. */
static char *
make_variant(const char *vary, cache_value_of value_of, const void *request)
{
	struct byte_queue text;
	bool is_good = true;

	byte_queue_init(&text);
	while (is_good && *(vary += strspn(vary, " \t,")) != '\0') {
		size_t size = strcspn(vary, " \t,");
		char *name = strndup(vary, size);
		char *value = name ? value_of(request, name) : NULL;

		is_good = value && byte_queue_append_text(&text, name) &&
			  byte_queue_append_text(&text, ": ") &&
			  byte_queue_append_text(&text, value) &&
			  byte_queue_append_text(&text, "\n");
		free(name);
		free(value);
		vary += size;
	}
	if (!is_good || !byte_queue_append(&text, "", 1)) {
		byte_queue_fini(&text);
		return NULL;
	}
	return byte_queue_take(&text);
}

static bool
is_variant(const struct cache_entry *entry, cache_value_of value_of, const void *request)
{
	char *variant;
	bool is_it;

	if (!entry->vary)
		return true;
	variant = make_variant(entry->vary, value_of, request);
	is_it = variant && strcmp(variant, entry->variant) == 0;
	free(variant);
	return is_it;
}

struct cache_entry *
cache_find(struct cache *cache, const char *key, cache_value_of value_of, const void *request,
	bool *has_key)
{
	uint32_t change = cache_change(cache, key);
	struct cache_entry *next;

	*has_key = false;
	for (struct cache_entry *entry = *bucket_of(cache, key); entry; entry = next) {
		next = entry->next;
		if (strcmp(entry->key, key) != 0)
			continue;
		if (entry->change != change) {
			drop(cache, entry);
			continue;
		}
		*has_key = true;
		if (!is_variant(entry, value_of, request))
			continue;
		TAILQ_REMOVE(&cache->all, entry, in_all);
		TAILQ_INSERT_HEAD(&cache->all, entry, in_all);
		return cache_ref(entry);
	}
	return NULL;
}

/* Copies the header into one block. */
static bool
copy_headers(struct cache_entry *entry, const struct http_header *headers, size_t n_headers)
{
	size_t size = n_headers * sizeof(*headers) + 1;
	char *text;

	for (size_t i = 0; i < n_headers; i++)
		size += strlen(headers[i].name) + strlen(headers[i].value) + 2;
	entry->headers = malloc(size);
	if (!entry->headers)
		return false;
	entry->cost += size;
	text = (char *)(entry->headers + n_headers);
	for (size_t i = 0; i < n_headers; i++) {
		if (strcasecmp(headers[i].name, "Age") == 0)
			continue; /* Told anew each time. */
		entry->headers[entry->n_headers].name = text;
		text = stpcpy(text, headers[i].name) + 1;
		entry->headers[entry->n_headers++].value = text;
		text = stpcpy(text, headers[i].value) + 1;
	}
	return true;
}

struct cache_entry *
cache_entry_new(
	const char *key, unsigned int status, const struct http_header *headers, size_t n_headers)
{
	struct cache_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->n_references = 1;
	entry->status = status;
	entry->key = strdup(key);
	entry->cost = ENTRY_BYTES + strlen(key);
	if (entry->key && copy_headers(entry, headers, n_headers))
		return entry;
	cache_unref(entry);
	return NULL;
}

bool
cache_entry_vary(
	struct cache_entry *entry, const char *vary, cache_value_of value_of, const void *request)
{
	entry->vary = strdup(vary);
	entry->variant = make_variant(vary, value_of, request);
	if (!entry->vary || !entry->variant)
		return false;
	entry->cost += strlen(entry->vary) + strlen(entry->variant);
	return true;
}

/* Whether both are for the same requests. */
static bool
is_same(const struct cache_entry *a, const struct cache_entry *b)
{
	if (strcmp(a->key, b->key) != 0)
		return false;
	if (!a->vary || !b->vary)
		return true; /* The one that has none is for all. */
	return strcmp(a->variant, b->variant) == 0;
}

static void
list(struct cache *cache, struct cache_entry *entry)
{
	struct cache_entry **bucket = bucket_of(cache, entry->key);
	struct cache_entry *next;

	for (struct cache_entry *at = *bucket; at; at = next) {
		next = at->next;
		if (is_same(at, entry))
			drop(cache, at);
	}
	entry->next = *bucket;
	*bucket = entry;
	TAILQ_INSERT_HEAD(&cache->all, entry, in_all);
	entry->is_listed = true;
	cache->stats.n_entries++;
	cache->stats.bytes += entry->cost;
	while (cache->stats.bytes > cache->max_bytes) {
		cache->stats.n_evicted++;
		drop(cache, TAILQ_LAST(&cache->all, cache_entries));
	}
}

void
cache_put(struct cache *cache, struct cache_entry *entry, struct byte_queue *body, uint64_t now_ns)
{
	size_t size = byte_queue_size(body);

	entry->size = size;
	entry->body = malloc(size > 0 ? size : 1);
	entry->made_ns = now_ns - entry->lifetime.age_s * NS_PER_S;
	entry->cost += size;
	if (!entry->body || entry->cost > cache->max_bytes) {
		cache_unref(entry);
		return;
	}
	if (size > 0)
		memcpy(entry->body, byte_queue_data(body), size);
	cache->stats.n_stored++;
	list(cache, entry);
}

void
cache_put_pass(struct cache *cache, const char *key, uint64_t now_ns)
{
	struct cache_entry *entry = cache_entry_new(key, 0, NULL, 0);

	if (!entry)
		return;
	entry->is_pass = true;
	entry->change = cache_change(cache, key);
	entry->made_ns = now_ns;
	entry->lifetime.fresh_s = PASS_NS / NS_PER_S;
	if (entry->cost > cache->max_bytes)
		cache_unref(entry);
	else
		list(cache, entry);
}

size_t
cache_max_object(const struct cache *cache)
{
	return cache->max_object_bytes;
}

uint32_t
cache_change(const struct cache *cache, const char *key)
{
	return atomic_load(counter_of(cache, key));
}

void
cache_forget(struct cache *cache, const char *key)
{
	atomic_fetch_add(counter_of(cache, key), 1);
}

uint32_t
cache_entry_age_s(const struct cache_entry *entry, uint64_t now_ns)
{
	return (uint32_t)((now_ns - entry->made_ns) / NS_PER_S);
}

struct cache_stats *
cache_stats(struct cache *cache)
{
	return &cache->stats;
}
