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
