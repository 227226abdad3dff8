/* SPDX-License-Identifier: BSD-3-Clause */
/* Responses of app nodes that may be used again; one cache belongs to one worker.
 *
 * What may be kept is decided elsewhere (cache_rules.h); here it is found by the URI, and by those
 * request fields that its Vary names. When it is full, what was used longest ago goes. Entries are
 * counted references, so that one which is being sent may be replaced meanwhile.
 *
 * What changes a resource makes all caches forget it: the workers share one table of counters, by
 * the URI's hash, and an entry is good only while its counter is what it was before it was asked
 * for. */
#ifndef WEBTIER_CACHE_H
#define WEBTIER_CACHE_H

#include "common/http/http.h"
#include "webtier/byte_queue.h"
#include "webtier/cache_rules.h"

#include <stdatomic.h>
#include <sys/queue.h>

#define CACHE_CHANGES 4096u

/* Counters that all workers share; starts as zeros. */
struct cache_changes {
	_Atomic uint32_t counters[CACHE_CHANGES]; /* workers: write and read */
};

struct cache_entry {
	struct cache_entry *next;        /* Of the same bucket. */
	TAILQ_ENTRY(cache_entry) in_all; /* In order of use. */
	unsigned int n_references;
	bool is_listed;
	bool is_pass;       /* Only says that the response could not be kept. */
	bool is_refreshing; /* Somebody fetches it anew. */
	char *key;
	char *vary;      /* Names of the fields that 'variant' is made of; NULL: none. */
	char *variant;   /* Their values. */
	uint32_t change; /* Of its URI, when it was asked for. */
	unsigned int status;
	struct http_header *headers; /* In one block with their strings. */
	size_t n_headers;
	char *body;
	size_t size;
	size_t cost;      /* Bytes of all of it. */
	uint64_t made_ns; /* When it was stored, minus the age that it had. */
	struct cache_lifetime lifetime;
};

struct cache_stats {
	uint64_t n_hits;
	uint64_t n_stale;     /* Of the hits: used beyond its time. */
	uint64_t n_misses;    /* Asked of an app node though it could have been here. */
	uint64_t n_bypassed;  /* Not to be answered from here. */
	uint64_t n_collapsed; /* Waited for the response to another request. */
	uint64_t n_stored;
	uint64_t n_evicted;
	uint64_t n_entries; /* Now. */
	uint64_t bytes;     /* Now. */
};

struct cache;

/* Returns 0 or -ENOMEM. 'changes' outlives the cache. */
int cache_new(struct cache **out, uint64_t max_bytes, size_t max_object_bytes,
	struct cache_changes *changes);

/* References to entries must have been given back. NULL is allowed. */
void cache_free(struct cache *cache);

/* The value of a request's field that an app node gets, all of that name joined; to be freed. NULL
 * when memory is short. */
typedef char *(*cache_value_of)(const void *request, const char *name);

/* The entry for a request, and a reference to it; NULL if there is none. '*has_key': there are some
 * of this URI. */
struct cache_entry *cache_find(struct cache *cache, const char *key, cache_value_of value_of,
	const void *request, bool *has_key);

struct cache_entry *cache_ref(struct cache_entry *entry);
void cache_unref(struct cache_entry *entry);

/* A new entry that is not yet in the cache: the header is copied. NULL if memory is short. */
struct cache_entry *cache_entry_new(
	const char *key, unsigned int status, const struct http_header *headers, size_t n_headers);

/* Makes a variant of the entry, by the fields that its Vary names. Returns false if memory is
 * short. */
bool cache_entry_vary(
	struct cache_entry *entry, const char *vary, cache_value_of value_of, const void *request);

/* Puts an entry in the place of the one for the same requests; takes over the reference and what is
 * in 'body'. It may be too large to be kept. */
void cache_put(
	struct cache *cache, struct cache_entry *entry, struct byte_queue *body, uint64_t now_ns);

/* Remembers that the URI's response is not kept, so that nobody waits for another's. */
void cache_put_pass(struct cache *cache, const char *key, uint64_t now_ns);

/* The largest body that is kept. */
size_t cache_max_object(const struct cache *cache);

/* The counter of a URI; and counts a change of it, for all workers. */
uint32_t cache_change(const struct cache *cache, const char *key);
void cache_forget(struct cache *cache, const char *key);

uint32_t cache_entry_age_s(const struct cache_entry *entry, uint64_t now_ns);

/* For the owner to count in. */
struct cache_stats *cache_stats(struct cache *cache);

#endif /* WEBTIER_CACHE_H */
