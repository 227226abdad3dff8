/* SPDX-License-Identifier: BSD-3-Clause */
/* Table of clients and their backends; see persistence.h.
 *
 * Two workers that meet the same new client at once both want the same place; the exchange of the
 * word lets one of them win, and the other then finds the winner's entry. */
#include "dataplane/persistence.h"

#include "dataplane/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKET_ENTRIES 8
#define BUCKET_BYTES 64
#define TRIES 4 /* Then the choice stands without being remembered. */

#define TAG_BITS 24
#define TAG_MASK ((UINT64_C(1) << TAG_BITS) - 1)
#define TIME_BITS 24
#define TIME_MASK ((1u << TIME_BITS) - 1)
#define BACKEND_SHIFT (TAG_BITS + TIME_BITS)

struct persistence {
	uint64_t *words;
	uint32_t n_buckets;
	uint64_t seed;
};

static uint64_t
word_of(uint32_t tag, uint16_t backend, uint32_t now_s)
{
	return tag | (uint64_t)(now_s & TIME_MASK) << TAG_BITS | (uint64_t)backend << BACKEND_SHIFT;
}

/* Clocks of workers differ a little: what is ahead of this one's is of now. */
static uint32_t
age_of(uint64_t word, uint32_t now_s)
{
	uint32_t age_s = (now_s - (uint32_t)(word >> TAG_BITS)) & TIME_MASK;

	return age_s < TIME_MASK - 60 ? age_s : 0;
}

static uint64_t
read_word(const uint64_t *place)
{
	return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static bool
replace(uint64_t *place, uint64_t was, uint64_t is)
{
	return __atomic_compare_exchange_n(
		place, &was, is, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Finds the client's entry, else the first free one, else that of the client that has been silent
 * longest. Every entry is read once: whoever wins a free one is then seen by all others, because
 * they either read it before and want the same, or read it after. */
static void
look(struct persistence_seen *seen, uint32_t now_s)
{
	uint32_t room_age_s = 0;

	seen->place = NULL;
	seen->backend = 0;
	for (unsigned int i = 0; i < BUCKET_ENTRIES; i++) {
		uint64_t word = read_word(&seen->bucket[i]);
		uint32_t age_s = age_of(word, now_s);

		if ((word & TAG_MASK) == seen->tag) {
			seen->place = &seen->bucket[i];
			seen->word = word;
			seen->age_s = age_s;
			seen->backend = (uint16_t)(word >> BACKEND_SHIFT);
			return;
		}
		if (!seen->place || (seen->word && (word == 0 || age_s > room_age_s))) {
			seen->place = &seen->bucket[i];
			seen->word = word;
			room_age_s = age_s;
		}
	}
}

int
persistence_new(struct persistence **out, uint32_t n_entries, uint64_t seed)
{
	struct persistence *persistence = calloc(1, sizeof(*persistence));

	if (!persistence)
		return -ENOMEM;
	persistence->seed = seed;
	persistence->n_buckets = n_entries / BUCKET_ENTRIES + 1;
	persistence->words =
		aligned_alloc(BUCKET_BYTES, (size_t)persistence->n_buckets * BUCKET_BYTES);
	if (!persistence->words) {
		persistence_free(persistence);
		return -ENOMEM;
	}
	memset(persistence->words, 0, (size_t)persistence->n_buckets * BUCKET_BYTES);
	*out = persistence;
	return 0;
}

void
persistence_free(struct persistence *persistence)
{
	if (!persistence)
		return;
	free(persistence->words);
	free(persistence);
}

uint64_t
persistence_client(const uint8_t *address, unsigned int prefix)
{
	uint8_t bytes[24] = {0};
	unsigned int n_whole = prefix / 8;

	memcpy(bytes, address, n_whole);
	if (prefix % 8)
		bytes[n_whole] = (uint8_t)(address[n_whole] & (0xff00u >> (prefix % 8)));
	return hash_bytes(PERSISTENCE_CLIENT_SEED, bytes, sizeof(bytes));
}

struct persistence_seen
persistence_find(struct persistence *persistence, uint64_t client, uint16_t pool_id, uint32_t now_s)
{
	uint64_t hash = hash_local(persistence->seed, client, pool_id, 0);
	uint32_t bucket = hash_range((uint32_t)(hash >> 32), persistence->n_buckets);
	struct persistence_seen seen = {
		.bucket = &persistence->words[(size_t)bucket * BUCKET_ENTRIES],
		.tag = (uint32_t)(hash & TAG_MASK),
	};

	if (seen.tag == 0)
		seen.tag = 1; /* 0 is a free entry's. */
	look(&seen, now_s);
	return seen;
}

void
persistence_renew(const struct persistence_seen *seen, uint32_t now_s)
{
	/* At most once a second. If it fails, another worker has just changed the entry. */
	if (seen->age_s > 0)
		replace(seen->place, seen->word, word_of(seen->tag, seen->backend, now_s));
}

enum persistence_outcome
persistence_keep(const struct persistence_seen *seen, uint16_t *backend, uint32_t now_s)
{
	uint64_t word = word_of(seen->tag, *backend, now_s);
	struct persistence_seen now = *seen;

	for (unsigned int i = 0; i < TRIES; i++) {
		if (replace(now.place, now.word, word))
			return now.backend || now.word == 0 ? PERSISTENCE_KEPT
							    : PERSISTENCE_EVICTED;
		look(&now, now_s);
		if (now.backend && now.word != seen->word) {
			*backend = now.backend;
			return PERSISTENCE_OTHER;
		}
	}
	return PERSISTENCE_OTHER;
}
