/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table's layout and the worker's side of it. Only the packet path (and tests) include
 * this; everybody else uses flow.h.
 *
 *   bucket, 7 cache lines              entry, 32 bytes
 *   +--------------------------+       +--------------------------------------+
 *   | head: 12 tags, 12 times, |       | key, 24 bytes: client's address and  |
 *   |       12 states, version |       |   port, VIP's id and port, protocol  |
 *   +-------------+------------+       | backend's id                         |
 *   | entry 0     | entry 1    |       | 6 bytes that a flow with two entries |
 *   |     ...     |    ...     |       |   needs (flow_pair())                |
 *   |             |            |       +--------------------------------------+
 *   | entry 10    | entry 11   |
 *   +-------------+------------+
 *
 * A packet of a known flow touches two lines: the head, where one vector comparison finds the
 * entry by its 16-bit tag, and the entry, where the whole key is compared. Both are prefetched a
 * pass ahead. The time is coarse (FLOW_TICK_SHIFT) and may be a little old (flow_is_steady()), so
 * most packets write nothing.
 *
 * A flow lives in its home bucket or, if that was full, in one other; the home counts those, and
 * only while it has some does a lookup that fails at home look there too. With n buckets for 7 n
 * flows, 64 bytes a flow all included, about one flow in 200 lives elsewhere and 2 in 10 000
 * find both buckets full (Poisson with mean 7 against 12 entries). */
#ifndef DATAPLANE_FLOW_TABLE_H
#define DATAPLANE_FLOW_TABLE_H

#include "common/be.h"
#include "dataplane/flow.h"
#include "dataplane/hash.h"
#include "dataplane/sequence.h"
#include "dataplane/stats.h"
#include "dataplane/wire.h"

#include <emmintrin.h>

#define FLOW_BUCKET_ENTRIES 12
#define FLOW_BUCKET_LOAD 7 /* Entries of a bucket that n_flows counts on. */
#define FLOW_STEADY_TICKS_MAX 16
#define FLOW_TICK_SHIFT 28 /* Ticks of 268 ms; 16 bits of them wrap after 4.9 hours. */
/* Ages from here on mean that the entry's time is ahead of the reader's. */
#define FLOW_AGE_AHEAD 0xff00
#define FLOW_DISPLACED 0x80 /* Bit of a state: the flow's home is another bucket. */
#define FLOW_PAIRED 0x40    /* Bit of a state: the flow has a second entry, see flow_pair(). */
#define FLOW_SHARED 0x20    /* Bit of a state: the other node has been told of it, sync_path.h. */
#define FLOW_STATE_BITS 0x1f
/* Bit of a key's family: the second entry of a flow, which the backend's packets find. */
#define FLOW_REVERSE 0x80
/* Bit of such a key's family: 'client' is the backend's address and 'vip' a local address's id
 * (mode fullnat), not the client's address and a next hop's slot (mode nat). */
#define FLOW_LOCAL 0x40
/* Once reached it stays there, which costs time, not correctness. */
#define FLOW_N_DISPLACED_MAX 255

/* Eight bytes of any of the structs below. */
typedef uint64_t __attribute__((may_alias)) flow_word;

/* What a packet tells about its flow. */
enum flow_signal {
	FLOW_SIGNAL_NONE, /* Nothing: an ICMP error about it. */
	FLOW_SIGNAL_SYN,
	FLOW_SIGNAL_DATA, /* TCP with none of SYN, FIN and RST. */
	FLOW_SIGNAL_FIN,
	FLOW_SIGNAL_RST,
	FLOW_SIGNAL_UDP,
	N_FLOW_SIGNALS
};

/* A VIP's id stands for its address one to one, so this is the full 5-tuple. It is written and read
 * by whole words on the packet path: a wide load right behind narrow stores to the same place
 * waits for them. */
struct flow_key {
	union {
		uint8_t client[16]; /* IPv4 in the first 4 bytes, the rest zero. */
		uint64_t client_words[2];
	};
	union {
		struct {
			be16 client_port;
			be16 vip_port;
			uint16_t vip;
			uint8_t protocol;
			uint8_t family; /* enum addr_family */
		};
		uint64_t rest; /* flow_key_rest() */
	};
};

/* A flow whose packets come back through here (nat, fullnat) has two entries, 64 bytes together:
 * the first under the client's key, the second under the key that the backend's packets have.
 * Each links the other by its place, since entries never move; they come, age and go together. In
 * what is then left of both is kept where the client's packets came from, 6 bytes of address and
 * 3 bits of port: packets to the client go back there. */
struct flow_entry {
	struct flow_key key;
	uint16_t backend; /* Second entry: bytes 2 and 3 of the link-layer address. */
	uint16_t hop;     /* First entry: bytes 0 and 1; second: bytes 4 and 5. */
	uint32_t link;    /* Bucket << 7 | entry << 3 | port (of the first entry). */
};

#define FLOW_LINK_BUCKET_SHIFT 7
#define FLOW_LINK_ENTRY_SHIFT 3
#define FLOW_LINK_PORT_MASK 7u
/* In the second entry, whose link has no port: the backend has sent more than its SYN. */
#define FLOW_LINK_ANSWERED 1u
#define FLOW_BUCKETS_MAX (1u << (32 - FLOW_LINK_BUCKET_SHIFT))

struct flow_bucket {
	_Alignas(64) uint16_t tags[FLOW_BUCKET_ENTRIES]; /* 0: free. */
	uint16_t seen[FLOW_BUCKET_ENTRIES];              /* Tick of the last packet. */
	uint8_t states[FLOW_BUCKET_ENTRIES];             /* enum flow_state, FLOW_DISPLACED */
	uint16_t version;                                /* Odd while an entry is being replaced. */
	uint8_t n_displaced; /* Flows at home here that live in another bucket. */
	uint8_t reserved;
	struct flow_entry entries[FLOW_BUCKET_ENTRIES];
};

static_assert(sizeof(struct flow_key) == 24, "compared as three words");
static_assert(sizeof(struct flow_entry) == 32, "two in a cache line, none across two");
static_assert(offsetof(struct flow_bucket, entries) == 64, "the head is one cache line");
static_assert(sizeof(struct flow_bucket) == 448, "whole cache lines");

/* What a flow in a state takes without anything of it being written, as one word: bits of the
 * signals that leave it in the state, and from this bit on how many ticks old its time may be. */
#define FLOW_STEADY_TICKS_SHIFT 16

struct flow_table {
	struct flow_bucket *buckets;
	uint32_t n_buckets;
	uint32_t sweep_next; /* Bucket that the sweep visits next. */
	uint64_t seed;
	uint64_t n_live;                /* worker: writes, control: reads; relaxed atomic. */
	uint64_t *events;               /* Counters by enum flow_event, of the worker's stats. */
	struct backend_stats *backends; /* By id: their flows are counted here; NULL: nowhere. */
	uint16_t timeouts[8];           /* Ticks, by state; read as one vector. */
	uint16_t evict_idle;            /* Ticks. */
	uint32_t steady[N_FLOW_STATES]; /* control: writes, worker: reads; relaxed atomic. */
	struct memory memory;
	/* The choice for the packet at hand; NULL: none. The caller's. */
	const struct flow_room *room;
	/* One beside each entry, or NULL as long as no service needs them; control: writes it
	 * once, worker: reads; atomic. */
	struct sequence *sequences;
};

/* Where a flow is; 'bucket' NULL: nowhere. */
struct flow_slot {
	struct flow_bucket *bucket;
	unsigned int i;
};

/* Where a new flow will be, chosen ahead. */
struct flow_room {
	struct flow_slot slot; /* Nowhere: all are in use. */
	uint64_t hash;         /* Of the flow; 0: nothing was chosen. */
	uint16_t weight;       /* How little is missed what is there, see flow_room.c. */
	uint16_t versions[2];  /* Of both buckets. */
	uint8_t state;         /* Of what is there. */
};

/* A flow taken out of a table, to be put into another. */
struct flow_copy {
	struct flow_entry entry;  /* The first one, whichever was asked for. */
	struct flow_entry second; /* If 'paired'. */
	struct sequence sequence; /* All zero if the table has none. */
	uint16_t seen;
	uint8_t state; /* enum flow_state */
	bool paired;
};

/* 'events' has N_FLOW_EVENTS counters and outlives the table. Returns 0, -EINVAL or -ENOMEM. */
int flow_table_new(struct flow_table **out, uint32_t n_flows, uint64_t seed,
	const struct flow_timeouts *timeouts, const struct memory *memory, uint64_t *events);
void flow_table_free(struct flow_table *table);

/* Makes the table keep sequence numbers from now on, for as long as it lives. Returns 0 or -ENOMEM.
 * Control thread. */
int flow_table_keep_sequences(struct flow_table *table);

/* Finds the flow wherever it is, timed out or not. */
struct flow_slot flow_find(
	const struct flow_table *table, const struct flow_key *key, uint64_t hash);

/* Tells the flow of a packet. Returns true if the packet belongs to it. Returns false, having
 * removed the flow, if it had timed out or if the packet begins a new one. */
bool flow_advance(
	struct flow_table *table, struct flow_slot slot, enum flow_signal signal, uint64_t now_ns);

/* Enters a flow that flow_find() does not find. Returns where it is, or nowhere if there is no
 * room or if such a packet begins no flow (RST, FIN, ICMP). */
struct flow_slot flow_insert(struct flow_table *table, const struct flow_key *key, uint64_t hash,
	enum flow_signal signal, uint16_t backend, uint64_t now_ns);

/* Gives the flow at 'slot', which has none, its second entry under 'key' (whose family has
 * FLOW_REVERSE) and the time 'now_ns', at which it must just have been seen. Returns 0, -EEXIST if
 * that key is another live flow's, or -ENOSPC. */
int flow_pair(struct flow_table *table, struct flow_slot slot, const struct flow_key *key,
	uint64_t now_ns);

/* Removes the second entry of the flow at 'slot', if it has one. */
void flow_unpair(struct flow_table *table, struct flow_slot slot);

/* Removes the flow, with both its entries. */
void flow_remove(struct flow_table *table, struct flow_slot slot);

/* Removes flows that have timed out from the next 'n_buckets' buckets. */
void flow_sweep(struct flow_table *table, uint64_t now_ns, uint32_t n_buckets);

/* Copies the flow with 'key'. Returns false if there is none that has not timed out. Any thread. */
bool flow_peek(const struct flow_table *table, const struct flow_key *key, uint64_t now_ns,
	struct flow_copy *out);

/* False: flow_peek() finds no flow with this hash. A look at tags alone. Any thread. */
bool flow_may_have(const struct flow_table *table, uint64_t hash);

/* What flow_list() would show of it. */
struct flow_view flow_copy_view(const struct flow_copy *copy, uint64_t now_ns);

/* Enters the copy, with its second entry if it has one, into a table that has no such flow. Returns
 * where it is, or nowhere if there is no room. Other threads see it in its state when it is whole;
 * until then it is embryonic, or has no second entry yet. */
struct flow_slot flow_restore(
	struct flow_table *table, const struct flow_copy *copy, uint64_t now_ns);

/* Lets the flow at 'slot', whose keys are the copy's, have the copy's state, time and all else. */
void flow_update(
	const struct flow_table *table, struct flow_slot slot, const struct flow_copy *copy);

static inline struct flow_entry *
flow_entry_at(struct flow_slot slot)
{
	return &slot.bucket->entries[slot.i];
}

/* Whether a flow in this state is one that outlives a takeover. */
static inline bool
flow_state_lasts(enum flow_state state)
{
	return state == FLOW_TCP_ESTABLISHED || state == FLOW_TCP_FIN || state == FLOW_UDP_STREAM;
}

/* Marks the flow as one that the other node has been told of, or not. */
static inline void
flow_set_shared(struct flow_slot slot, bool shared)
{
	uint8_t rest = slot.bucket->states[slot.i] & (uint8_t)~FLOW_SHARED;

	__atomic_store_n(&slot.bucket->states[slot.i], (uint8_t)(rest | (shared ? FLOW_SHARED : 0)),
		__ATOMIC_RELAXED);
}

static inline void
flow_count_active(const struct flow_table *table, struct flow_slot slot, uint64_t change)
{
	if (table->backends)
		stats_add(&table->backends[flow_entry_at(slot)->backend].n_active, change);
}

/* Moves the flow to another backend. */
static inline void
flow_set_backend(const struct flow_table *table, struct flow_slot slot, uint16_t backend)
{
	flow_count_active(table, slot, UINT64_MAX); /* Minus one. */
	__atomic_store_n(&flow_entry_at(slot)->backend, backend, __ATOMIC_RELAXED);
	flow_count_active(table, slot, 1);
}

/* 'ports' is the client's port in the lower half and the VIP's in the upper one, each as on the
 * wire. The shifts follow the struct on little-endian machines, as do the tests. */
static inline uint64_t
flow_key_rest(uint32_t ports, uint16_t vip, uint8_t protocol, uint8_t family)
{
	return ports | (uint64_t)vip << 32 | (uint64_t)protocol << 48 | (uint64_t)family << 56;
}

static inline bool
flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return ((a->client_words[0] ^ b->client_words[0]) |
		       (a->client_words[1] ^ b->client_words[1]) | (a->rest ^ b->rest)) == 0;
}

static inline uint64_t
flow_hash(const struct flow_table *table, const struct flow_key *key)
{
	return hash_local(table->seed, key->client_words[0], key->client_words[1], key->rest);
}

/* Never 0, which marks a free entry. */
static inline uint16_t
flow_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)hash;

	return tag ? tag : 1;
}

static inline struct flow_bucket *
flow_home(const struct flow_table *table, uint64_t hash)
{
	return &table->buckets[hash_range((uint32_t)(hash >> 32), table->n_buckets)];
}

/* Where a flow goes when its home is full. May be its home: then it has no other place. */
static inline struct flow_bucket *
flow_away(const struct flow_table *table, uint64_t hash)
{
	uint32_t random = (uint32_t)(hash ^ (hash >> 37)) * 0x9e3779b1u;

	return &table->buckets[hash_range(random, table->n_buckets)];
}

/* Bits of the entries whose tag is 'tag'. The second half of the comparison reads 4 tags and then
 * 4 times, which the mask takes off. */
static inline uint32_t
flow_match(const struct flow_bucket *bucket, uint16_t tag)
{
	const uint8_t *tags = (const uint8_t *)bucket->tags;
	__m128i want = _mm_set1_epi16((short)tag);
	__m128i low = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(const void *)tags), want);
	__m128i high =
		_mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(const void *)(tags + 16)), want);

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) &
	       ((1u << FLOW_BUCKET_ENTRIES) - 1);
}

static inline uint16_t
flow_tick(uint64_t now_ns)
{
	return (uint16_t)(now_ns >> FLOW_TICK_SHIFT);
}

static inline enum flow_state
flow_state_at(struct flow_slot slot)
{
	return (enum flow_state)(slot.bucket->states[slot.i] & FLOW_STATE_BITS);
}

/* The other entry of a flow that has two, or nowhere. */
static inline struct flow_slot
flow_other(const struct flow_table *table, struct flow_slot slot)
{
	uint32_t link = flow_entry_at(slot)->link;

	if (!(slot.bucket->states[slot.i] & FLOW_PAIRED))
		return (struct flow_slot){NULL, 0};
	return (struct flow_slot){&table->buckets[link >> FLOW_LINK_BUCKET_SHIFT],
		(link >> FLOW_LINK_ENTRY_SHIFT) & 15};
}

/* Lets the other entry be on its way that flow_other() will tell, if there is one. Inlined, because
 * the compiler leaves out a call that does nothing but prefetch. */
static inline void __attribute__((always_inline))
flow_prefetch_other(const struct flow_table *table, struct flow_slot slot)
{
	uint32_t link = flow_entry_at(slot)->link;

	if (slot.bucket->states[slot.i] & FLOW_PAIRED)
		__builtin_prefetch(&table->buckets[link >> FLOW_LINK_BUCKET_SHIFT]
					    .entries[(link >> FLOW_LINK_ENTRY_SHIFT) & 15]);
}

/* Ticks since the last packet. A reader's clock may be a little behind the worker's: that is not
 * an age of almost a whole turn of the counter. */
static inline uint16_t
flow_age(uint16_t seen, uint16_t tick)
{
	uint16_t age = (uint16_t)(tick - seen);

	return age < FLOW_AGE_AHEAD ? age : 0;
}

static inline uint16_t
flow_age_at(struct flow_slot slot, uint16_t tick)
{
	return flow_age(slot.bucket->seen[slot.i], tick);
}

static inline bool
flow_timed_out(const struct flow_table *table, struct flow_slot slot, uint16_t tick)
{
	return flow_age_at(slot, tick) >
	       __atomic_load_n(&table->timeouts[flow_state_at(slot)], __ATOMIC_RELAXED);
}

/* Whether a packet with this signal belongs to the flow and changes nothing of it. Its time is
 * written again only when it is a little old: most packets of a million flows come to a bucket in
 * which they leave no line to be written back. The timeouts are that much longer. */
static inline bool
flow_is_steady(const struct flow_table *table, struct flow_slot slot, enum flow_signal signal,
	uint16_t tick)
{
	uint32_t steady = __atomic_load_n(&table->steady[flow_state_at(slot)], __ATOMIC_RELAXED);
	uint16_t age = (uint16_t)(tick - slot.bucket->seen[slot.i]);

	return (steady >> signal & 1) && age <= steady >> FLOW_STEADY_TICKS_SHIFT;
}

static inline bool
flow_keeps_sequences(const struct flow_table *table)
{
	return __atomic_load_n(&table->sequences, __ATOMIC_RELAXED) != NULL;
}

/* What is kept of the sequence numbers of the flow at 'slot', which is its first entry; NULL: the
 * table keeps none. All zero for a new flow. */
static inline struct sequence *
flow_sequence(const struct flow_table *table, struct flow_slot slot)
{
	struct sequence *sequences = __atomic_load_n(&table->sequences, __ATOMIC_ACQUIRE);

	return sequences ? &sequences[(slot.bucket - table->buckets) * FLOW_BUCKET_ENTRIES + slot.i]
			 : NULL;
}

/* Copies by words that are each written and read whole. */
static inline void
flow_copy_words(void *to, const void *from, size_t size)
{
	flow_word *out = to;
	const flow_word *in = from;

	for (size_t i = 0; i < size / sizeof(*out); i++)
		__atomic_store_n(
			&out[i], __atomic_load_n(&in[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

#endif /* DATAPLANE_FLOW_TABLE_H */
