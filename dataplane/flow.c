/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow table; see flow.h for what it does and flow_table.h for how it is laid out.
 *
 * States. The balancer sees only the client's half of a connection, so the machine is small: one
 * packet makes a flow embryonic, a second one that is neither SYN, FIN nor RST makes it
 * established. This holds for packets in midstream too (the other node's flows after a
 * takeover), so a flood of single packets, of whatever kind, only ever fills embryonic entries.
 * FIN keeps the flow for the other direction's data; data after RST means that the RST was not
 * the client's and the flow goes on. */
#include "dataplane/flow.h"

#include "common/clock.h"
#include "dataplane/flow_room.h"
#include "dataplane/flow_table.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <string.h>

#define LINE_BYTES 64

/* In transitions[]: the packet begins a new flow; also 'no flow' in first_states[]. */
#define ANEW FLOW_FREE

/* The part of a timeout by which an entry's time may be late. */
#define STEADY_PARTS 64

/* The state after a packet. UDP and TCP do not mix: the protocol is part of the key. */
static const uint8_t transitions[N_FLOW_STATES][N_FLOW_SIGNALS] = {
	[FLOW_TCP_EMBRYONIC] =
		{
			[FLOW_SIGNAL_NONE] = FLOW_TCP_EMBRYONIC,
			[FLOW_SIGNAL_SYN] = FLOW_TCP_EMBRYONIC,
			[FLOW_SIGNAL_DATA] = FLOW_TCP_ESTABLISHED,
			[FLOW_SIGNAL_FIN] = FLOW_TCP_FIN,
			[FLOW_SIGNAL_RST] = FLOW_TCP_CLOSED,
		},
	[FLOW_TCP_ESTABLISHED] =
		{
			[FLOW_SIGNAL_NONE] = FLOW_TCP_ESTABLISHED,
			/* The backend answers it (RFC 9293 3.10.7.4): it may be forged. */
			[FLOW_SIGNAL_SYN] = FLOW_TCP_ESTABLISHED,
			[FLOW_SIGNAL_DATA] = FLOW_TCP_ESTABLISHED,
			[FLOW_SIGNAL_FIN] = FLOW_TCP_FIN,
			[FLOW_SIGNAL_RST] = FLOW_TCP_CLOSED,
		},
	[FLOW_TCP_FIN] =
		{
			[FLOW_SIGNAL_NONE] = FLOW_TCP_FIN,
			[FLOW_SIGNAL_SYN] = ANEW,
			[FLOW_SIGNAL_DATA] = FLOW_TCP_FIN,
			[FLOW_SIGNAL_FIN] = FLOW_TCP_FIN,
			[FLOW_SIGNAL_RST] = FLOW_TCP_CLOSED,
		},
	[FLOW_TCP_CLOSED] =
		{
			[FLOW_SIGNAL_NONE] = FLOW_TCP_CLOSED,
			[FLOW_SIGNAL_SYN] = ANEW,
			[FLOW_SIGNAL_DATA] = FLOW_TCP_ESTABLISHED,
			[FLOW_SIGNAL_FIN] = FLOW_TCP_FIN,
			[FLOW_SIGNAL_RST] = FLOW_TCP_CLOSED,
		},
	[FLOW_UDP_NEW] = {[FLOW_SIGNAL_NONE] = FLOW_UDP_NEW, [FLOW_SIGNAL_UDP] = FLOW_UDP_STREAM},
	[FLOW_UDP_STREAM] =
		{
			[FLOW_SIGNAL_NONE] = FLOW_UDP_STREAM,
			[FLOW_SIGNAL_UDP] = FLOW_UDP_STREAM,
		},
};

/* The state that a packet without a flow begins; those not named begin none. */
static const uint8_t first_states[N_FLOW_SIGNALS] = {
	[FLOW_SIGNAL_SYN] = FLOW_TCP_EMBRYONIC,
	[FLOW_SIGNAL_DATA] = FLOW_TCP_EMBRYONIC,
	[FLOW_SIGNAL_UDP] = FLOW_UDP_NEW,
};

static void
count(struct flow_table *table, enum flow_event event)
{
	stats_add(&table->events[event], 1);
}

static void
begin_change(struct flow_bucket *bucket)
{
	__atomic_store_n(&bucket->version, (uint16_t)(bucket->version + 1), __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void
end_change(struct flow_bucket *bucket)
{
	__atomic_store_n(&bucket->version, (uint16_t)(bucket->version + 1), __ATOMIC_RELEASE);
}

static void
set_state(struct flow_slot slot, uint8_t state)
{
	__atomic_store_n(&slot.bucket->states[slot.i], state, __ATOMIC_RELAXED);
}

static void
set_seen(struct flow_slot slot, uint16_t tick)
{
	if (slot.bucket->seen[slot.i] != tick)
		__atomic_store_n(&slot.bucket->seen[slot.i], tick, __ATOMIC_RELAXED);
}

static void
add_displaced(struct flow_bucket *home, int change)
{
	uint8_t n = (uint8_t)(home->n_displaced + change);

	if (home->n_displaced < FLOW_N_DISPLACED_MAX)
		__atomic_store_n(&home->n_displaced, n, __ATOMIC_RELAXED);
}

/* Lets the other entry of a flow have the same state and time. */
static void
mirror(const struct flow_table *table, struct flow_slot slot, uint8_t state, uint16_t tick)
{
	struct flow_slot other = flow_other(table, slot);
	uint8_t bits = other.bucket->states[other.i] & (uint8_t)~FLOW_STATE_BITS;

	if (other.bucket->states[other.i] != (state | bits))
		set_state(other, state | bits);
	set_seen(other, tick);
}

static struct flow_slot
find_in(struct flow_bucket *bucket, const struct flow_key *key, uint16_t tag)
{
	for (uint32_t match = flow_match(bucket, tag); match; match &= match - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(match);

		if (flow_key_equal(&bucket->entries[i].key, key))
			return (struct flow_slot){bucket, i};
	}
	return (struct flow_slot){NULL, 0};
}

/* Number 'i' of the timeouts in ticks, rounded up. */
static uint16_t
ticks_of(const struct flow_timeouts *timeouts, size_t i)
{
	uint64_t ns = flow_timeout_get(timeouts, i) * NS_PER_MS;

	return (uint16_t)((ns + (UINT64_C(1) << FLOW_TICK_SHIFT) - 1) >> FLOW_TICK_SHIFT);
}

static bool
timeouts_valid(const struct flow_timeouts *timeouts)
{
	for (size_t i = 0; i < N_FLOW_TIMEOUTS; i++)
		if (flow_timeout_get(timeouts, i) > FLOW_TIMEOUT_MAX_MS)
			return false;
	return true;
}

/* How old a flow's time may be before it is written again; timeouts are that much longer. */
static uint16_t
steady_ticks(uint16_t ticks)
{
	uint16_t part = ticks / STEADY_PARTS;

	return part > FLOW_STEADY_TICKS_MAX ? FLOW_STEADY_TICKS_MAX : part;
}

/* Which signals change nothing in a state, as bits. */
static uint32_t
steady_signals(enum flow_state state)
{
	uint32_t signals = 0;

	for (unsigned int signal = 0; signal < N_FLOW_SIGNALS; signal++)
		if (transitions[state][signal] == state)
			signals |= 1u << signal;
	return signals;
}

static void
set_steady(struct flow_table *table, enum flow_state state, uint16_t ticks)
{
	if (ticks > table->steady_limit)
		ticks = table->steady_limit;
	__atomic_store_n(&table->steady[state],
		(uint32_t)ticks << FLOW_STEADY_TICKS_SHIFT | steady_signals(state),
		__ATOMIC_RELAXED);
}

static void
set_timeout(struct flow_table *table, enum flow_state state, uint16_t ticks)
{
	uint16_t steady = steady_ticks(ticks);

	table->steady_ticks[state] = steady;
	__atomic_store_n(&table->timeouts[state], (uint16_t)(ticks + steady), __ATOMIC_RELAXED);
	set_steady(table, state, steady);
}

void
flow_limit_steady(struct flow_table *table, uint16_t n_ticks)
{
	if (n_ticks == table->steady_limit)
		return;
	table->steady_limit = n_ticks;
	for (unsigned int state = FLOW_FREE + 1; state < N_FLOW_STATES; state++)
		set_steady(table, (enum flow_state)state, table->steady_ticks[state]);
}

void
flow_set_timeouts(struct flow_table *table, const struct flow_timeouts *timeouts)
{
	/* In the order of flow_timeout_fields, whose last one is no state's. */
	static const enum flow_state states[N_FLOW_TIMEOUTS - 1] = {FLOW_TCP_EMBRYONIC,
		FLOW_TCP_ESTABLISHED, FLOW_TCP_FIN, FLOW_TCP_CLOSED, FLOW_UDP_NEW, FLOW_UDP_STREAM};

	for (size_t i = 0; i < N_FLOW_TIMEOUTS - 1; i++)
		set_timeout(table, states[i], ticks_of(timeouts, i));
	__atomic_store_n(
		&table->evict_idle, ticks_of(timeouts, N_FLOW_TIMEOUTS - 1), __ATOMIC_RELAXED);
}

int
flow_table_new(struct flow_table **out, uint32_t n_flows, uint64_t seed,
	const struct flow_timeouts *timeouts, const struct memory *memory, uint64_t *events)
{
	struct flow_table *table;

	if (n_flows == 0 || n_flows / FLOW_BUCKET_LOAD + 1 > FLOW_BUCKETS_MAX ||
		!timeouts_valid(timeouts))
		return -EINVAL;
	table = memory->alloc(memory->ctx, sizeof(*table), LINE_BYTES);
	if (!table)
		return -ENOMEM;
	table->n_buckets = n_flows / FLOW_BUCKET_LOAD + 1;
	table->seed = seed;
	table->steady_limit = UINT16_MAX;
	table->events = events;
	table->memory = *memory;
	flow_set_timeouts(table, timeouts);
	table->buckets =
		memory->alloc(memory->ctx, table->n_buckets * sizeof(*table->buckets), LINE_BYTES);
	if (!table->buckets) {
		flow_table_free(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void
flow_table_free(struct flow_table *table)
{
	struct memory memory;

	if (!table)
		return;
	memory = table->memory;
	memory.free(memory.ctx, table->sequences);
	memory.free(memory.ctx, table->buckets);
	memory.free(memory.ctx, table);
}

int
flow_table_keep_sequences(struct flow_table *table)
{
	const struct memory *memory = &table->memory;
	struct sequence *sequences;

	if (table->sequences)
		return 0;
	sequences = memory->alloc(memory->ctx,
		(size_t)table->n_buckets * FLOW_BUCKET_ENTRIES * sizeof(*sequences), LINE_BYTES);
	if (!sequences)
		return -ENOMEM;
	__atomic_store_n(&table->sequences, sequences, __ATOMIC_RELEASE);
	return 0;
}

struct flow_slot
flow_find(const struct flow_table *table, const struct flow_key *key, uint64_t hash)
{
	struct flow_bucket *home = flow_home(table, hash);
	struct flow_slot slot = find_in(home, key, flow_tag(hash));

	if (!slot.bucket && home->n_displaced)
		slot = find_in(flow_away(table, hash), key, flow_tag(hash));
	return slot;
}

bool
flow_advance(
	struct flow_table *table, struct flow_slot slot, enum flow_signal signal, uint64_t now_ns)
{
	uint8_t state = slot.bucket->states[slot.i];
	uint8_t bits = state & (uint8_t)~FLOW_STATE_BITS;
	uint16_t tick = flow_tick(now_ns);
	uint8_t next;

	if (flow_timed_out(table, slot, tick)) {
		flow_remove(table, slot);
		count(table, FLOW_EXPIRED);
		return false;
	}
	if (signal == FLOW_SIGNAL_NONE)
		return true;
	next = transitions[state & FLOW_STATE_BITS][signal];
	if (next == ANEW) {
		flow_remove(table, slot);
		return false;
	}
	if ((next | bits) != state)
		set_state(slot, next | bits);
	set_seen(slot, tick);
	if (bits & FLOW_PAIRED)
		mirror(table, slot, next, tick);
	return true;
}

/* Enters an entry that is not there. 'hash' is its key's. Returns where it is, or nowhere. */
static struct flow_slot
enter(struct flow_table *table, const struct flow_entry *entry, uint64_t hash, uint8_t state,
	uint16_t tick)
{
	struct flow_bucket *home = flow_home(table, hash);
	struct flow_slot slot = flow_make_room(table, hash, tick);
	struct sequence *sequence;

	if (!slot.bucket)
		return slot;
	if (slot.bucket != home) {
		state |= FLOW_DISPLACED;
		add_displaced(home, 1);
	}
	begin_change(slot.bucket);
	sequence = flow_sequence(table, slot);
	if (sequence)
		sequence_store(sequence, (struct sequence){0});
	flow_copy_words(flow_entry_at(slot), entry, sizeof(*entry));
	__atomic_store_n(&slot.bucket->tags[slot.i], flow_tag(hash), __ATOMIC_RELAXED);
	set_state(slot, state);
	set_seen(slot, tick);
	end_change(slot.bucket);
	return slot;
}

struct flow_slot
flow_insert(struct flow_table *table, const struct flow_key *key, uint64_t hash,
	enum flow_signal signal, uint16_t backend, uint64_t now_ns)
{
	struct flow_entry entry = {.key = *key, .backend = backend};
	uint8_t state = first_states[signal];
	struct flow_slot slot = {NULL, 0};

	if (state == ANEW)
		return slot;
	slot = enter(table, &entry, hash, state, flow_tick(now_ns));
	if (!slot.bucket) {
		count(table, FLOW_UNTRACKED);
		return slot;
	}
	stats_add(&table->n_live, 1);
	flow_count_active(table, slot, 1);
	count(table, FLOW_CREATED);
	return slot;
}

static void
remove_entry(struct flow_table *table, struct flow_slot slot)
{
	if (slot.bucket->states[slot.i] & FLOW_DISPLACED) {
		struct flow_bucket *home =
			flow_home(table, flow_hash(table, &flow_entry_at(slot)->key));

		add_displaced(home, -1);
	}
	if (!(flow_entry_at(slot)->key.family & FLOW_REVERSE)) /* The second has no backend. */
		flow_count_active(table, slot, UINT64_MAX);    /* Minus one. */
	begin_change(slot.bucket);
	__atomic_store_n(&slot.bucket->tags[slot.i], 0, __ATOMIC_RELAXED);
	set_state(slot, FLOW_FREE);
	end_change(slot.bucket);
}

void
flow_remove(struct flow_table *table, struct flow_slot slot)
{
	struct flow_slot other = flow_other(table, slot);

	remove_entry(table, slot);
	if (other.bucket)
		remove_entry(table, other);
	stats_add(&table->n_live, UINT64_MAX); /* Minus one. */
}

static uint32_t
link_to(const struct flow_table *table, struct flow_slot slot)
{
	return (uint32_t)(slot.bucket - table->buckets) << FLOW_LINK_BUCKET_SHIFT |
	       slot.i << FLOW_LINK_ENTRY_SHIFT;
}

int
flow_pair(struct flow_table *table, struct flow_slot slot, const struct flow_key *key,
	uint64_t now_ns)
{
	struct flow_entry entry = {.key = *key, .link = link_to(table, slot)};
	uint8_t state = slot.bucket->states[slot.i];
	uint64_t hash = flow_hash(table, key);
	uint16_t tick = flow_tick(now_ns);
	struct flow_slot other = flow_find(table, key, hash);

	if (other.bucket && !flow_timed_out(table, other, tick) &&
		flow_state_at(other) != FLOW_TCP_CLOSED)
		return -EEXIST;
	if (other.bucket)
		flow_remove(table, other);
	/* Meanwhile the flow is not to be evicted to make room for its own second entry. */
	set_state(slot, FLOW_TCP_ESTABLISHED | (state & (uint8_t)~FLOW_STATE_BITS));
	other = enter(table, &entry, hash, state & FLOW_STATE_BITS, tick);
	set_state(slot, state);
	if (!other.bucket) {
		count(table, FLOW_UNTRACKED);
		return -ENOSPC;
	}
	__atomic_store_n(&flow_entry_at(slot)->link, link_to(table, other), __ATOMIC_RELAXED);
	set_state(slot, state | FLOW_PAIRED);
	set_state(other, other.bucket->states[other.i] | FLOW_PAIRED);
	return 0;
}

void
flow_unpair(struct flow_table *table, struct flow_slot slot)
{
	struct flow_slot other = flow_other(table, slot);

	if (!other.bucket)
		return;
	remove_entry(table, other);
	set_state(slot, slot.bucket->states[slot.i] & (uint8_t)~FLOW_PAIRED);
}

static bool
is_empty(const struct flow_bucket *bucket)
{
	uint64_t words[sizeof(bucket->tags) / sizeof(uint64_t)], any = 0;

	memcpy(words, bucket->tags, sizeof(words));
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		any |= words[i];
	return any == 0;
}

void
flow_sweep(struct flow_table *table, uint64_t now_ns, uint32_t n_buckets)
{
	uint16_t tick = flow_tick(now_ns);

	for (; n_buckets; n_buckets--) {
		struct flow_bucket *bucket = &table->buckets[table->sweep_next];

		if (++table->sweep_next >= table->n_buckets)
			table->sweep_next = 0;
		__builtin_prefetch(&table->buckets[table->sweep_next]);
		if (is_empty(bucket))
			continue;
		for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
			struct flow_slot slot = {bucket, i};

			if (bucket->tags[i] && flow_timed_out(table, slot, tick)) {
				flow_remove(table, slot);
				count(table, FLOW_EXPIRED);
			}
		}
	}
}
