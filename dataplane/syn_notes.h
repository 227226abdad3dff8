/* SPDX-License-Identifier: BSD-3-Clause */
/* SYNs whose flows are in no table yet: which backend each was sent to.
 *
 * Of a service whose choice is a hash and whose packets do not come back (SERVICE_NOTED), a SYN of
 * a new flow takes no place in the flow table, which for a flood of SYNs would be a line to be
 * fetched, another flow to be evicted and four lines to be written back for each. It leaves a note
 * of 8 bytes here, in memory that stays in the cache. The next packet of the flow finds the note
 * and enters the flow as the SYN would have, in state embryonic and with the SYN's backend,
 * whatever has become of the configuration meanwhile. While there is a note, it is the flow: it
 * times out as an embryonic one does, and another SYN goes to its backend.
 *
 * A set of 8 notes is one cache line, the newest note first; the oldest falls out at the end. The
 * packet after one that has fallen out goes by hash, as any in midstream.
 *
 * A note is one 64-bit word, read and written whole, so that other threads may read it:
 *
 *   63              32 31        16 15         0
 *   +-----------------+------------+------------+
 *   | tag: upper half | backend    | tick of    |
 *   | of flow's hash  |            | last SYN   |
 *   +-----------------+------------+------------+
 *
 * The set is by the hash's lower half. So one packet in 2^32 without a flow is taken for one of a
 * note that is of another flow; its backend must be one of the service's pool all the same. */
#ifndef DATAPLANE_SYN_NOTES_H
#define DATAPLANE_SYN_NOTES_H

#include "dataplane/flow_table.h"

#define SYN_NOTES 16384 /* 128 KiB. */
#define SYN_NOTES_WAYS 8

struct syn_notes {
	_Alignas(64) uint64_t words[SYN_NOTES]; /* 0: none. */
};

static inline uint64_t
syn_note_make(uint64_t hash, uint16_t backend, uint16_t tick)
{
	uint64_t tag = hash >> 32 ? hash >> 32 : 1;

	return tag << 32 | (uint64_t)backend << 16 | tick;
}

static inline uint16_t
syn_note_backend(uint64_t note)
{
	return (uint16_t)(note >> 16);
}

/* The set that the flow with this hash has its note in. */
static inline uint64_t *
syn_notes_set(struct syn_notes *notes, uint64_t hash)
{
	return &notes->words[((uint32_t)hash & (SYN_NOTES / SYN_NOTES_WAYS - 1)) * SYN_NOTES_WAYS];
}

static inline uint16_t
syn_note_age(uint64_t note, uint16_t tick)
{
	uint16_t age = (uint16_t)(tick - (uint16_t)note);

	return age < FLOW_AGE_AHEAD ? age : 0;
}

/* Whether the note has timed out, as a flow of 'table' would. */
static inline bool
syn_note_is_old(const struct flow_table *table, uint64_t note, uint16_t tick)
{
	return syn_note_age(note, tick) >
	       __atomic_load_n(&table->timeouts[FLOW_TCP_EMBRYONIC], __ATOMIC_RELAXED);
}

/* Bits of the notes of a set with the tag of 'hash'. Worker only. */
static inline uint32_t
syn_notes_match(const uint64_t *set, uint64_t hash)
{
	const __m128i *pairs = (const __m128i *)(const void *)set;
	const __m128i tag = _mm_set1_epi32((int)(syn_note_make(hash, 0, 0) >> 32));
	__m128i halves[2];

	for (unsigned int i = 0; i < 2; i++)
		halves[i] = _mm_cmpeq_epi32(
			tag, _mm_castps_si128(
				     _mm_shuffle_ps(_mm_castsi128_ps(_mm_load_si128(&pairs[2 * i])),
					     _mm_castsi128_ps(_mm_load_si128(&pairs[2 * i + 1])),
					     _MM_SHUFFLE(3, 1, 3, 1))));
	return (uint32_t)_mm_movemask_epi8(
		_mm_packs_epi16(_mm_packs_epi32(halves[0], halves[1]), _mm_setzero_si128()));
}

/* The flow's note, or NULL if there is none that has not timed out. Worker only. */
static inline uint64_t *
syn_notes_find(
	struct syn_notes *notes, const struct flow_table *table, uint64_t hash, uint16_t tick)
{
	uint64_t *set = syn_notes_set(notes, hash);
	uint32_t match = syn_notes_match(set, hash);
	uint64_t *note;

	if (__builtin_expect(!match, 1))
		return NULL;
	note = &set[__builtin_ctz(match)];
	return syn_note_is_old(table, *note, tick) ? NULL : note;
}

static inline void
syn_note_set(uint64_t *note, uint64_t word)
{
	__atomic_store_n(note, word, __ATOMIC_RELAXED);
}

/* Notes the SYN of a flow that has no note. Whoever reads meanwhile from the beginning misses none
 * that stays: each is written to its new place before its old one is. Worker only. */
static inline void
syn_notes_put(struct syn_notes *notes, uint64_t hash, uint16_t backend, uint16_t tick)
{
	uint64_t *set = syn_notes_set(notes, hash);

#pragma GCC unroll 8
	for (unsigned int i = SYN_NOTES_WAYS - 1; i > 0; i--)
		syn_note_set(&set[i], set[i - 1]);
	syn_note_set(&set[0], syn_note_make(hash, backend, tick));
}

/* Copies what the flow of the key would be entered as. Returns false if it has no note. Any
 * thread. */
bool syn_notes_peek(struct syn_notes *notes, const struct flow_table *table,
	const struct flow_key *key, uint64_t now_ns, struct flow_copy *out);

/* Adds to 'counts', by id, how many flows are noted for each backend. Any thread. */
void syn_notes_count(const struct syn_notes *notes, const struct flow_table *table, uint64_t now_ns,
	uint32_t *counts);

#endif /* DATAPLANE_SYN_NOTES_H */
