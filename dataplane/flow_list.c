/* SPDX-License-Identifier: BSD-3-Clause */
/* Listing a flow table from another thread than its worker's; see flow.h.
 *
 * A bucket's version is odd while one of its entries is replaced. A copy of a bucket counts if the
 * version was even and the same before and after: a sequence lock, whose reader may have to wait
 * and whose writer never does. Times and states change outside of it, each whole by itself. */
#include "dataplane/flow.h"

#include "common/clock.h"
#include "dataplane/flow_table.h"
#include "dataplane/stats.h"

#include <assert.h>
#include <sched.h>
#include <string.h>

#define TRIES 1000 /* Times that a bucket is waited for before it is left out. */

static const char *const state_names[N_FLOW_STATES] = {
#define FLOW_STATE(id, name) [FLOW_##id] = (name),
	FLOW_STATES
#undef FLOW_STATE
};

/* Copies a bucket that may be changing. */
static bool
read_bucket(const struct flow_bucket *bucket, struct flow_bucket *copy)
{
	for (unsigned int n = 0; n < TRIES; n++) {
		uint16_t version = __atomic_load_n(&bucket->version, __ATOMIC_ACQUIRE);

		if (version % 2 == 0) {
			flow_copy_words(copy, bucket, sizeof(*copy));
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			if (__atomic_load_n(&bucket->version, __ATOMIC_RELAXED) == version)
				return true;
		}
		sched_yield();
	}
	return false;
}

static struct flow_view
view_of(struct flow_slot slot, uint16_t tick)
{
	const struct flow_entry *entry = flow_entry_at(slot);
	struct flow_view view = {
		.client_port = be16_to(entry->key.client_port),
		.vip = entry->key.vip,
		.vip_port = be16_to(entry->key.vip_port),
		.backend = entry->backend,
		.protocol = entry->key.protocol,
		.state = flow_state_at(slot),
		.idle_ms = ((uint64_t)flow_age_at(slot, tick) << FLOW_TICK_SHIFT) / NS_PER_MS,
	};

	memcpy(view.client.bytes, entry->key.client, sizeof(view.client.bytes));
	view.client.family = entry->key.family;
	return view;
}

uint32_t
flow_list(const struct flow_table *table, uint64_t now_ns, uint32_t *cursor,
	struct flow_view *views, uint32_t n_max)
{
	uint16_t tick = flow_tick(now_ns);
	struct flow_bucket copy;
	uint32_t n = 0;

	assert(n_max >= FLOW_LIST_MIN);
	for (; *cursor < table->n_buckets && n + FLOW_BUCKET_ENTRIES <= n_max; ++*cursor) {
		if (!read_bucket(&table->buckets[*cursor], &copy))
			continue;
		for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
			struct flow_slot slot = {&copy, i};

			if (copy.tags[i] && !(copy.entries[i].key.family & FLOW_REVERSE) &&
				!flow_timed_out(table, slot, tick))
				views[n++] = view_of(slot, tick);
		}
	}
	return n;
}

/* Copies the entry that the one of 'slot' links. Its flow may have gone meanwhile: returns whether
 * it links back to entry 'i' of 'bucket', where the other was read. */
static bool
peek_other(const struct flow_table *table, const struct flow_bucket *bucket, struct flow_slot slot,
	struct flow_entry *out)
{
	uint32_t back = (uint32_t)(bucket - table->buckets) << FLOW_LINK_BUCKET_SHIFT |
			slot.i << FLOW_LINK_ENTRY_SHIFT;
	uint32_t link = flow_entry_at(slot)->link;
	uint32_t n = link >> FLOW_LINK_BUCKET_SHIFT;
	unsigned int i = (link >> FLOW_LINK_ENTRY_SHIFT) & 15;
	struct flow_bucket copy;

	if (!(slot.bucket->states[slot.i] & FLOW_PAIRED) || n >= table->n_buckets ||
		i >= FLOW_BUCKET_ENTRIES || !read_bucket(&table->buckets[n], &copy))
		return false;
	*out = copy.entries[i];
	return copy.tags[i] && (copy.states[i] & FLOW_PAIRED) &&
	       ((out->key.family ^ flow_entry_at(slot)->key.family) & FLOW_REVERSE) &&
	       (out->link & ~FLOW_LINK_PORT_MASK) == back;
}

/* Copies what is kept of the numbers of the flow whose first entry is 'i' of 'bucket'. */
static struct sequence
peek_sequence(const struct flow_table *table, struct flow_bucket *bucket, unsigned int i)
{
	const struct sequence *at = flow_sequence(table, (struct flow_slot){bucket, i});
	struct sequence copy = {0};

	if (at)
		flow_copy_words(&copy, at, sizeof(copy));
	return copy;
}

/* Looks for the flow in a bucket that may be changing. */
static bool
peek_bucket(const struct flow_table *table, struct flow_bucket *bucket, const struct flow_key *key,
	uint16_t tag, struct flow_copy *out)
{
	struct flow_bucket copy;

	if (!read_bucket(bucket, &copy))
		return false;
	for (uint32_t match = flow_match(&copy, tag); match; match &= match - 1) {
		struct flow_slot slot = {&copy, (unsigned int)__builtin_ctz(match)};

		if (!flow_key_equal(&flow_entry_at(slot)->key, key))
			continue;
		out->seen = copy.seen[slot.i];
		out->state = (uint8_t)flow_state_at(slot);
		if (key->family & FLOW_REVERSE) {
			out->second = *flow_entry_at(slot);
			out->paired = peek_other(table, bucket, slot, &out->entry);
			slot = flow_other(table, slot);
			if (out->paired)
				out->sequence = peek_sequence(table, slot.bucket, slot.i);
			return out->paired;
		}
		out->sequence = peek_sequence(table, bucket, slot.i);
		out->entry = *flow_entry_at(slot);
		out->paired = peek_other(table, bucket, slot, &out->second);
		return true;
	}
	return false;
}

/* A bucket that has just the copied flow. */
static struct flow_bucket
bucket_of(const struct flow_copy *copy)
{
	struct flow_bucket bucket = {.seen = {copy->seen}, .states = {copy->state}};

	bucket.entries[0] = copy->entry;
	return bucket;
}

bool
flow_peek(const struct flow_table *table, const struct flow_key *key, uint64_t now_ns,
	struct flow_copy *out)
{
	uint64_t hash = flow_hash(table, key);
	struct flow_bucket bucket;

	if (!peek_bucket(table, flow_home(table, hash), key, flow_tag(hash), out) &&
		!peek_bucket(table, flow_away(table, hash), key, flow_tag(hash), out))
		return false;
	bucket = bucket_of(out);
	return !flow_timed_out(table, (struct flow_slot){&bucket, 0}, flow_tick(now_ns));
}

static bool
has_tag(const struct flow_bucket *bucket, uint16_t tag)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++)
		if (__atomic_load_n(&bucket->tags[i], __ATOMIC_RELAXED) == tag)
			return true;
	return false;
}

bool
flow_may_have(const struct flow_table *table, uint64_t hash)
{
	const struct flow_bucket *home = flow_home(table, hash);

	if (has_tag(home, flow_tag(hash)))
		return true;
	return __atomic_load_n(&home->n_displaced, __ATOMIC_RELAXED) &&
	       has_tag(flow_away(table, hash), flow_tag(hash));
}

struct flow_view
flow_copy_view(const struct flow_copy *copy, uint64_t now_ns)
{
	struct flow_bucket bucket = bucket_of(copy);

	return view_of((struct flow_slot){&bucket, 0}, flow_tick(now_ns));
}

/* Makes of the flow at 'slot', whose keys are the copy's, all the rest that the copy says. Its
 * state comes last: who reads it finds the rest there. */
void
flow_update(const struct flow_table *table, struct flow_slot slot, const struct flow_copy *copy)
{
	struct flow_slot other = flow_other(table, slot);
	struct flow_entry *first = flow_entry_at(slot);
	struct sequence *sequence = flow_sequence(table, slot);
	struct flow_slot both[2] = {other, slot};

	if (sequence)
		sequence_store(sequence, copy->sequence);
	if (other.bucket && copy->paired) {
		struct flow_entry *second = flow_entry_at(other);
		uint32_t port = copy->entry.link & FLOW_LINK_PORT_MASK;
		uint32_t answered = copy->second.link & FLOW_LINK_ANSWERED;

		__atomic_store_n(&first->hop, copy->entry.hop, __ATOMIC_RELAXED);
		__atomic_store_n(&first->link, (first->link & ~FLOW_LINK_PORT_MASK) | port,
			__ATOMIC_RELAXED);
		__atomic_store_n(&second->link, second->link | answered, __ATOMIC_RELAXED);
		__atomic_store_n(&second->backend, copy->second.backend, __ATOMIC_RELAXED);
		__atomic_store_n(&second->hop, copy->second.hop, __ATOMIC_RELAXED);
	}
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t bits;

		if (!both[i].bucket)
			continue;
		bits = both[i].bucket->states[both[i].i] & (uint8_t)~FLOW_STATE_BITS;
		__atomic_store_n(&both[i].bucket->seen[both[i].i], copy->seen, __ATOMIC_RELAXED);
		__atomic_store_n(&both[i].bucket->states[both[i].i], (uint8_t)(copy->state | bits),
			__ATOMIC_RELEASE);
	}
}

struct flow_slot
flow_restore(struct flow_table *table, const struct flow_copy *copy, uint64_t now_ns)
{
	const struct flow_key *key = &copy->entry.key;
	struct flow_slot slot = flow_insert(
		table, key, flow_hash(table, key), FLOW_SIGNAL_SYN, copy->entry.backend, now_ns);

	if (!slot.bucket)
		return slot;
	if (flow_sequence(table, slot))
		sequence_store(flow_sequence(table, slot), copy->sequence);
	/* Links are places in the table that the copy was taken from. Where there can be no second
	 * entry there is none, and whoever needs one makes another. */
	if (copy->paired)
		flow_pair(table, slot, &copy->second.key, now_ns);
	flow_update(table, slot, copy);
	return slot;
}

uint64_t
flow_count(const struct flow_table *table)
{
	return stats_read(&table->n_live);
}

const char *
flow_state_name(enum flow_state state)
{
	return state_names[state];
}
