/* SPDX-License-Identifier: BSD-3-Clause */
/* Who goes when there is no room; see flow_room.h.
 *
 * A new flow takes a free or timed-out entry at home, else one in the other bucket, else
 * that of the flow that is missed least: closed ones, then embryonic, then those that have sent
 * FIN, then established ones that have been idle for long; among equals the longest idle. If
 * there is none, the packet goes by hashing alone. */
#include "dataplane/flow_room.h"

#include <smmintrin.h>

/* Who is evicted first: the lowest. As table_by_state() takes them. */
#define RANK_BITS 13
#define RANK(rank) ((uint16_t)((rank) << RANK_BITS))
#define RANK_TIMED_OUT RANK(0)
#define RANK_IDLE RANK(4) /* Evicted only if idle for long. */
#define RANK_NEVER UINT16_MAX

static const uint16_t ranks[8] = {
	[FLOW_FREE] = RANK_TIMED_OUT,
	[FLOW_TCP_CLOSED] = RANK(1),
	[FLOW_TCP_EMBRYONIC] = RANK(2),
	[FLOW_UDP_NEW] = RANK(2),
	[FLOW_TCP_FIN] = RANK(3),
	[FLOW_TCP_ESTABLISHED] = RANK_IDLE,
	[FLOW_UDP_STREAM] = RANK_IDLE,
};

static_assert(N_FLOW_STATES <= 8, "a vector of 16-bit values by state");

/* How little an entry is missed, the lowest least: rank above, the longer silent before the others.
 */
struct choice {
	struct flow_slot slot;
	uint16_t weight;
};

/* Eight values of 16 bits out of the table of eight 'values', chosen by eight states. */
static inline __m128i
table_by_state(const void *values, __m128i states)
{
	__m128i bytes = _mm_add_epi16(
		_mm_mullo_epi16(states, _mm_set1_epi16(0x0202)), _mm_set1_epi16(0x0100));

	return _mm_shuffle_epi8(_mm_loadu_si128(values), bytes);
}

/* The weights of eight entries. */
static inline __m128i
weigh(const struct flow_table *table, __m128i states, __m128i seen, uint16_t tick)
{
	const __m128i zero = _mm_setzero_si128();
	const __m128i longest = _mm_set1_epi16((1 << RANK_BITS) - 1);
	__m128i age = _mm_sub_epi16(_mm_set1_epi16((short)tick), seen);
	__m128i ahead =
		_mm_cmpeq_epi16(_mm_max_epu16(age, _mm_set1_epi16((short)FLOW_AGE_AHEAD)), age);
	__m128i idle = _mm_set1_epi16((short)__atomic_load_n(&table->evict_idle, __ATOMIC_RELAXED));
	__m128i timeout, rank, alive, busy;

	age = _mm_andnot_si128(ahead, age);
	timeout = table_by_state(table->timeouts, states);
	rank = table_by_state(ranks, states);
	alive = _mm_cmpeq_epi16(_mm_subs_epu16(age, timeout), zero);
	busy = _mm_and_si128(_mm_and_si128(alive, _mm_cmpeq_epi16(_mm_subs_epu16(age, idle), zero)),
		_mm_cmpeq_epi16(rank, _mm_set1_epi16((short)RANK_IDLE)));
	return _mm_or_si128(busy, _mm_or_si128(_mm_and_si128(alive, rank),
					  _mm_sub_epi16(longest, _mm_min_epu16(age, longest))));
}

/* The entry of a full bucket that is missed least. All are weighed at once: under a flood that is
 * done for every packet. */
static struct choice
find_least(const struct flow_table *table, struct flow_bucket *bucket, uint16_t tick)
{
	/* The second eight are the last eight: some are weighed twice. */
	const unsigned int second = FLOW_BUCKET_ENTRIES - 8;
	const __m128i bits = _mm_set1_epi16(FLOW_STATE_BITS);
	__m128i states[2] = {_mm_loadl_epi64((const __m128i *)(const void *)bucket->states),
		_mm_loadl_epi64((const __m128i *)(const void *)(bucket->states + second))};
	__m128i seen[2] = {_mm_loadu_si128((const __m128i *)(const void *)bucket->seen),
		_mm_loadu_si128((const __m128i *)(const void *)(bucket->seen + second))};
	struct choice best = {.weight = RANK_NEVER};

	for (unsigned int half = 0; half < 2; half++) {
		__m128i wide = _mm_and_si128(_mm_cvtepu8_epi16(states[half]), bits);
		uint32_t least = (uint32_t)_mm_cvtsi128_si32(
			_mm_minpos_epu16(weigh(table, wide, seen[half], tick)));

		if ((uint16_t)least < best.weight)
			best = (struct choice){
				{bucket, (least >> 16) + half * second}, (uint16_t)least};
	}
	return best;
}

static void
note(struct flow_room *room, struct choice choice)
{
	room->slot = choice.slot;
	room->weight = choice.weight;
	if (choice.slot.bucket)
		room->state = choice.slot.bucket->states[choice.slot.i];
}

static struct flow_slot
first_of(struct flow_bucket *bucket, uint32_t bits)
{
	return (struct flow_slot){bucket, (unsigned int)__builtin_ctz(bits)};
}

/* What is closed or embryonic at home is not worth weighing those of the other bucket, which under
 * a flood are many. */
static void
choose(const struct flow_table *table, uint64_t hash, uint16_t tick, struct flow_room *room)
{
	struct flow_bucket *home = flow_home(table, hash), *away = flow_away(table, hash);
	struct choice best = {.weight = RANK_TIMED_OUT}, other;
	uint32_t free = flow_match(home, 0);

	room->hash = hash;
	room->versions[0] = home->version;
	room->versions[1] = away->version;
	if (free) {
		best.slot = first_of(home, free);
		note(room, best);
		return;
	}
	best = find_least(table, home, tick);
	if (best.weight >= RANK(1)) {
		free = flow_match(away, 0);
		if (free)
			best = (struct choice){first_of(away, free), RANK_TIMED_OUT};
	}
	if (best.weight >= RANK(3)) {
		other = find_least(table, away, tick);
		if (other.weight < best.weight)
			best = other;
	}
	note(room, best);
}

/* Whether nothing has changed since the choice that would have made it another. */
static bool
still_holds(const struct flow_table *table, const struct flow_room *room, uint64_t hash)
{
	return room && room->hash == hash && room->slot.bucket &&
	       room->slot.bucket->states[room->slot.i] == room->state &&
	       flow_home(table, hash)->version == room->versions[0] &&
	       flow_away(table, hash)->version == room->versions[1];
}

void
flow_foresee_room(
	const struct flow_table *table, uint64_t hash, uint16_t tick, struct flow_room *room)
{
	choose(table, hash, tick, room);
	if (room->slot.bucket)
		__builtin_prefetch(flow_entry_at(room->slot), 1);
}

struct flow_slot
flow_make_room(struct flow_table *table, uint64_t hash, uint16_t tick)
{
	struct flow_room own;
	const struct flow_room *room = table->room;

	if (!still_holds(table, room, hash)) {
		choose(table, hash, tick, &own);
		room = &own;
	}
	if (!room->slot.bucket || room->state == FLOW_FREE)
		return room->slot;
	flow_remove(table, room->slot);
	stats_add(&table->events[room->weight < RANK(1) ? FLOW_EXPIRED : FLOW_EVICTED], 1);
	return room->slot;
}
