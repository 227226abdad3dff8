/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/clock.h"
#include "dataplane/flow.h"
#include "dataplane/flow_table.h"
#include "dataplane/service.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START_NS (UINT64_C(1) << 50)

/* What a table counts into. */
static uint64_t events[N_FLOW_EVENTS];

static struct flow_table *
table_new(uint32_t n_flows)
{
	const struct flow_timeouts timeouts = {0};
	const struct memory memory = memory_heap();
	struct flow_table *table = NULL;

	memset(events, 0, sizeof(events));
	assert_int_equal(flow_table_new(&table, n_flows, 1234, &timeouts, &memory, events), 0);
	return table;
}

static uint64_t
random_next(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return hash_mix(*random);
}

static struct flow_key
key_of(uint32_t i, uint8_t protocol)
{
	struct flow_key key = {
		.client = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
		.client_port = be16_from(50000),
		.vip_port = be16_from(80),
		.vip = 1,
		.protocol = protocol,
		.family = ADDR_V4,
	};

	return key;
}

/* As the pipeline does it: goes on with a flow, or begins it at 'backend'. */
static struct flow_slot
packet(struct flow_table *table, const struct flow_key *key, enum flow_signal signal,
	uint16_t backend, uint64_t now_ns)
{
	uint64_t hash = flow_hash(table, key);
	struct flow_slot slot = flow_find(table, key, hash);

	if (slot.bucket && flow_advance(table, slot, signal, now_ns))
		return slot;
	return flow_insert(table, key, hash, signal, backend, now_ns);
}

static enum flow_state
state_of(const struct flow_table *table, const struct flow_key *key)
{
	struct flow_slot slot = flow_find(table, key, flow_hash(table, key));

	return slot.bucket ? flow_state_at(slot) : FLOW_FREE;
}

/* Everything that must hold between any two operations. */
static void
check_invariants(const struct flow_table *table)
{
	uint64_t n_live = 0;
	uint32_t *n_displaced = calloc(table->n_buckets, sizeof(*n_displaced));

	assert_non_null(n_displaced);
	for (uint32_t b = 0; b < table->n_buckets; b++) {
		struct flow_bucket *bucket = &table->buckets[b];

		assert_int_equal(bucket->version % 2, 0);
		for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
			struct flow_slot slot = {bucket, i};
			const struct flow_key *key = &bucket->entries[i].key;
			uint64_t hash = flow_hash(table, key);
			struct flow_slot found;

			assert_int_equal(bucket->tags[i] == 0, bucket->states[i] == FLOW_FREE);
			if (bucket->tags[i] == 0)
				continue;
			n_live++;
			assert_in_range(flow_state_at(slot), 1, N_FLOW_STATES - 1);
			assert_int_equal(bucket->tags[i], flow_tag(hash));
			if (bucket->states[i] & FLOW_DISPLACED) {
				assert_ptr_equal(bucket, flow_away(table, hash));
				n_displaced[flow_home(table, hash) - table->buckets]++;
			} else {
				assert_ptr_equal(bucket, flow_home(table, hash));
			}
			found = flow_find(table, key, hash); /* And there is no second one. */
			assert_ptr_equal(found.bucket, bucket);
			assert_int_equal(found.i, i);
		}
	}
	for (uint32_t b = 0; b < table->n_buckets; b++)
		if (table->buckets[b].n_displaced < FLOW_N_DISPLACED_MAX)
			assert_int_equal(table->buckets[b].n_displaced, n_displaced[b]);
	assert_int_equal(flow_count(table), n_live);
	free(n_displaced);
}

static void
a_flow_is_found_by_its_whole_key(void **state)
{
	struct flow_table *table = table_new(100);
	struct flow_key key = key_of(1, IPPROTO_TCP);

	(void)state;
	assert_non_null(packet(table, &key, FLOW_SIGNAL_SYN, 7, START_NS).bucket);
	assert_int_equal(state_of(table, &key), FLOW_TCP_EMBRYONIC);
	/* Any other byte makes another flow, also under the same hash. */
	for (size_t i = 0; i < sizeof(key); i++) {
		struct flow_key other = key;
		uint64_t hash = flow_hash(table, &key);

		((uint8_t *)&other)[i] ^= 1;
		assert_null(flow_find(table, &other, hash).bucket);
		assert_int_not_equal(flow_hash(table, &other), hash);
	}
	flow_table_free(table);
}

static void
words_of_keys_are_their_fields(void **state)
{
	struct flow_key key = key_of(1, IPPROTO_TCP);
	const uint8_t ports[4] = {0xc3, 0x50, 0, 80}; /* 50000, 80 */
	struct service_key service = {
		.port = be16_from(80), .protocol = IPPROTO_UDP, .family = ADDR_V6};

	(void)state;
	key.vip = 0x1234;
	assert_true(key.rest == flow_key_rest(load32(ports), 0x1234, IPPROTO_TCP, ADDR_V4));
	assert_int_equal(service.rest, service_key_rest(service.port, IPPROTO_UDP, ADDR_V6));
}

static void
tcp_goes_through_its_states(void **state)
{
	static const struct {
		enum flow_signal signal;
		enum flow_state after;
	} steps[] = {
		{FLOW_SIGNAL_SYN, FLOW_TCP_EMBRYONIC},
		{FLOW_SIGNAL_SYN, FLOW_TCP_EMBRYONIC}, /* Sent again. */
		{FLOW_SIGNAL_DATA, FLOW_TCP_ESTABLISHED},
		{FLOW_SIGNAL_SYN, FLOW_TCP_ESTABLISHED}, /* Forged, maybe. */
		{FLOW_SIGNAL_NONE, FLOW_TCP_ESTABLISHED},
		{FLOW_SIGNAL_FIN, FLOW_TCP_FIN},
		{FLOW_SIGNAL_DATA, FLOW_TCP_FIN}, /* Acknowledges the other direction. */
		{FLOW_SIGNAL_RST, FLOW_TCP_CLOSED},
		{FLOW_SIGNAL_DATA, FLOW_TCP_ESTABLISHED}, /* So the RST was forged. */
		{FLOW_SIGNAL_FIN, FLOW_TCP_FIN},
		{FLOW_SIGNAL_SYN, FLOW_TCP_EMBRYONIC}, /* The port is used again. */
		{FLOW_SIGNAL_RST, FLOW_TCP_CLOSED},
		{FLOW_SIGNAL_SYN, FLOW_TCP_EMBRYONIC},
	};
	struct flow_table *table = table_new(100);
	struct flow_key key = key_of(1, IPPROTO_TCP);

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		packet(table, &key, steps[i].signal, 7, START_NS);
		assert_string_equal(
			flow_state_name(state_of(table, &key)), flow_state_name(steps[i].after));
		check_invariants(table);
	}
	assert_int_equal(events[FLOW_CREATED], 3);
	assert_int_equal(flow_count(table), 1);
	flow_table_free(table);
}

static void
a_flow_in_midstream_is_adopted_by_its_second_packet(void **state)
{
	struct flow_table *table = table_new(100);
	struct flow_key tcp = key_of(1, IPPROTO_TCP);
	struct flow_key udp = key_of(1, IPPROTO_UDP);

	(void)state;
	packet(table, &tcp, FLOW_SIGNAL_DATA, 7, START_NS);
	assert_int_equal(state_of(table, &tcp), FLOW_TCP_EMBRYONIC);
	packet(table, &tcp, FLOW_SIGNAL_DATA, 7, START_NS);
	assert_int_equal(state_of(table, &tcp), FLOW_TCP_ESTABLISHED);
	packet(table, &udp, FLOW_SIGNAL_UDP, 7, START_NS);
	assert_int_equal(state_of(table, &udp), FLOW_UDP_NEW);
	packet(table, &udp, FLOW_SIGNAL_UDP, 7, START_NS);
	assert_int_equal(state_of(table, &udp), FLOW_UDP_STREAM);
	flow_table_free(table);
}

static void
what_ends_a_flow_begins_none(void **state)
{
	static const enum flow_signal signals[] = {
		FLOW_SIGNAL_NONE, FLOW_SIGNAL_FIN, FLOW_SIGNAL_RST};
	struct flow_table *table = table_new(100);
	struct flow_key key = key_of(1, IPPROTO_TCP);

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_null(packet(table, &key, signals[i], 7, START_NS).bucket);
	assert_int_equal(flow_count(table), 0);
	assert_int_equal(events[FLOW_UNTRACKED], 0);
	flow_table_free(table);
}

/* How much later than its timeout, in ticks, a flow may go: its time may have been a little old
 * when its last packet came. */
static uint64_t
late_ticks(uint64_t timeout_ticks)
{
	uint64_t late = timeout_ticks / 64;

	return late < FLOW_STEADY_TICKS_MAX ? late : FLOW_STEADY_TICKS_MAX;
}

static void
each_state_has_its_timeout(void **state)
{
	static const struct {
		enum flow_signal signals[4];
		uint32_t timeout_ms;
	} cases[] = {
		{{FLOW_SIGNAL_SYN}, 10000},
		{{FLOW_SIGNAL_SYN, FLOW_SIGNAL_DATA}, 900000},
		{{FLOW_SIGNAL_SYN, FLOW_SIGNAL_DATA, FLOW_SIGNAL_FIN}, 30000},
		{{FLOW_SIGNAL_SYN, FLOW_SIGNAL_RST}, 2000},
		{{FLOW_SIGNAL_UDP}, 10000},
		{{FLOW_SIGNAL_UDP, FLOW_SIGNAL_UDP}, 60000},
	};
	struct flow_table *table = table_new(100);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_key key = key_of((uint32_t)i, 6);
		uint64_t timeout_ns = cases[i].timeout_ms * NS_PER_MS;
		uint64_t until_ns = START_NS + timeout_ns;
		uint64_t n_more = 2 + late_ticks(timeout_ns >> FLOW_TICK_SHIFT);

		for (size_t s = 0; s < 4 && cases[i].signals[s]; s++)
			packet(table, &key, cases[i].signals[s], 7, START_NS);
		flow_sweep(table, until_ns, table->n_buckets);
		assert_int_not_equal(state_of(table, &key), FLOW_FREE);
		/* Ticks are coarse: it may live two of them longer, not more. */
		flow_sweep(table, until_ns + (n_more << FLOW_TICK_SHIFT), table->n_buckets);
		assert_int_equal(state_of(table, &key), FLOW_FREE);
		assert_int_equal(events[FLOW_EXPIRED], i + 1);
	}
	assert_int_equal(flow_count(table), 0);
	flow_table_free(table);
}

static void
packets_keep_a_flow_alive_and_a_late_one_begins_anew(void **state)
{
	struct flow_table *table = table_new(100);
	struct flow_key key = key_of(1, IPPROTO_TCP);
	uint64_t now_ns = START_NS;

	(void)state;
	packet(table, &key, FLOW_SIGNAL_SYN, 7, now_ns);
	packet(table, &key, FLOW_SIGNAL_DATA, 7, now_ns);
	for (int i = 0; i < 50; i++) { /* Much longer than ticks take to wrap. */
		now_ns += 890 * NS_PER_S;
		packet(table, &key, FLOW_SIGNAL_DATA, 9, now_ns);
	}
	assert_int_equal(events[FLOW_CREATED], 1);
	now_ns += 906 * NS_PER_S;
	packet(table, &key, FLOW_SIGNAL_DATA, 9, now_ns);
	assert_int_equal(events[FLOW_CREATED], 2);
	assert_int_equal(events[FLOW_EXPIRED], 1);
	assert_int_equal(flow_entry_at(flow_find(table, &key, flow_hash(table, &key)))->backend, 9);
	flow_table_free(table);
}

/* As the packet path does it: what is steady is not written. */
static void
a_steady_flow_lives_its_whole_timeout_after_its_last_packet(void **state)
{
	struct flow_table *table = table_new(100);
	struct flow_key key = key_of(1, IPPROTO_TCP);
	uint64_t now_ns = START_NS;
	unsigned int n_written = 0;
	struct flow_slot slot;

	(void)state;
	packet(table, &key, FLOW_SIGNAL_SYN, 7, now_ns);
	packet(table, &key, FLOW_SIGNAL_DATA, 7, now_ns);
	for (int i = 0; i < 600; i++) {
		now_ns += 100 * NS_PER_MS;
		slot = flow_find(table, &key, flow_hash(table, &key));
		if (flow_is_steady(table, slot, FLOW_SIGNAL_DATA, flow_tick(now_ns)))
			continue;
		packet(table, &key, FLOW_SIGNAL_DATA, 7, now_ns);
		n_written++;
	}
	/* A minute has 224 ticks. */
	assert_in_range(n_written, 10, 20);
	now_ns += 900 * NS_PER_S;
	flow_sweep(table, now_ns, table->n_buckets);
	assert_int_equal(state_of(table, &key), FLOW_TCP_ESTABLISHED);
	flow_sweep(table, now_ns + 6 * NS_PER_S, table->n_buckets);
	assert_int_equal(state_of(table, &key), FLOW_FREE);
	flow_table_free(table);
}

static void
what_changes_a_flow_is_not_steady(void **state)
{
	struct flow_table *table = table_new(100);
	struct flow_key key = key_of(1, IPPROTO_TCP);
	uint16_t tick = flow_tick(START_NS);
	struct flow_slot slot;

	(void)state;
	packet(table, &key, FLOW_SIGNAL_SYN, 7, START_NS);
	slot = flow_find(table, &key, flow_hash(table, &key));
	assert_true(flow_is_steady(table, slot, FLOW_SIGNAL_SYN, tick));
	assert_false(flow_is_steady(table, slot, FLOW_SIGNAL_DATA, tick));
	packet(table, &key, FLOW_SIGNAL_DATA, 7, START_NS);
	assert_true(flow_is_steady(table, slot, FLOW_SIGNAL_DATA, tick));
	assert_true(flow_is_steady(table, slot, FLOW_SIGNAL_SYN, tick));
	assert_false(flow_is_steady(table, slot, FLOW_SIGNAL_FIN, tick));
	assert_false(flow_is_steady(table, slot, FLOW_SIGNAL_RST, tick));
	packet(table, &key, FLOW_SIGNAL_FIN, 7, START_NS);
	assert_true(flow_is_steady(table, slot, FLOW_SIGNAL_DATA, tick));
	assert_false(flow_is_steady(table, slot, FLOW_SIGNAL_SYN, tick));
	flow_table_free(table);
}

/* A table of one bucket, full of flows that have seen the two signals. */
static struct flow_table *
full_bucket(enum flow_signal first, enum flow_signal second, uint64_t now_ns)
{
	struct flow_table *table = table_new(1);

	assert_int_equal(table->n_buckets, 1);
	for (uint32_t i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		struct flow_key key = key_of(i, IPPROTO_TCP);

		packet(table, &key, first, 7, now_ns);
		if (second)
			packet(table, &key, second, 7, now_ns);
	}
	assert_int_equal(flow_count(table), FLOW_BUCKET_ENTRIES);
	return table;
}

static void
established_flows_are_not_evicted_by_new_ones(void **state)
{
	struct flow_table *table = full_bucket(FLOW_SIGNAL_SYN, FLOW_SIGNAL_DATA, START_NS);
	struct flow_key key = key_of(1000, IPPROTO_TCP);

	(void)state;
	assert_null(packet(table, &key, FLOW_SIGNAL_SYN, 8, START_NS).bucket);
	assert_int_equal(events[FLOW_UNTRACKED], 1);
	assert_int_equal(events[FLOW_EVICTED], 0);
	check_invariants(table);
	/* One that has been idle for long makes room. */
	assert_non_null(packet(table, &key, FLOW_SIGNAL_SYN, 8, START_NS + 400 * NS_PER_S).bucket);
	assert_int_equal(events[FLOW_EVICTED], 1);
	check_invariants(table);
	flow_table_free(table);
}

static void
embryonic_flows_are_evicted_first_and_the_oldest_of_them(void **state)
{
	struct flow_table *table = full_bucket(FLOW_SIGNAL_SYN, FLOW_SIGNAL_DATA, START_NS);
	struct flow_key old = key_of(100, IPPROTO_TCP);
	struct flow_key young = key_of(101, IPPROTO_TCP);
	struct flow_key key = key_of(1000, IPPROTO_TCP);
	struct flow_key first = key_of(0, IPPROTO_TCP);
	struct flow_key second = key_of(1, IPPROTO_TCP);

	(void)state;
	flow_remove(table, flow_find(table, &first, flow_hash(table, &first)));
	flow_remove(table, flow_find(table, &second, flow_hash(table, &second)));
	packet(table, &young, FLOW_SIGNAL_SYN, 8, START_NS + 3 * NS_PER_S);
	packet(table, &old, FLOW_SIGNAL_SYN, 8, START_NS + NS_PER_S);
	assert_int_equal(events[FLOW_EVICTED], 0);
	assert_non_null(packet(table, &key, FLOW_SIGNAL_SYN, 8, START_NS + 4 * NS_PER_S).bucket);
	assert_int_equal(events[FLOW_EVICTED], 1);
	assert_int_equal(state_of(table, &old), FLOW_FREE);
	assert_int_equal(state_of(table, &young), FLOW_TCP_EMBRYONIC);
	check_invariants(table);
	flow_table_free(table);
}

static void
a_flood_leaves_established_flows_alone(void **state)
{
	struct flow_table *table = table_new(1000);
	uint64_t now_ns = START_NS;

	(void)state;
	for (uint32_t i = 0; i < 800; i++) {
		struct flow_key key = key_of(i, IPPROTO_TCP);

		packet(table, &key, FLOW_SIGNAL_SYN, 7, now_ns);
		packet(table, &key, FLOW_SIGNAL_DATA, 7, now_ns);
	}
	assert_int_equal(flow_count(table), 800);
	for (uint32_t i = 0; i < 100000; i++) {
		struct flow_key key = key_of(100000 + i, IPPROTO_TCP);

		packet(table, &key, i % 2 ? FLOW_SIGNAL_SYN : FLOW_SIGNAL_DATA, 7, now_ns);
		now_ns += NS_PER_MS;
	}
	for (uint32_t i = 0; i < 800; i++) {
		struct flow_key key = key_of(i, IPPROTO_TCP);

		assert_int_equal(state_of(table, &key), FLOW_TCP_ESTABLISHED);
	}
	check_invariants(table);
	flow_table_free(table);
}

static void
a_table_holds_the_flows_that_it_was_made_for(void **state)
{
	const uint32_t n = 20000;
	struct flow_table *table = table_new(n);

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		struct flow_key key = key_of(i, IPPROTO_TCP);

		packet(table, &key, FLOW_SIGNAL_SYN, 7, START_NS);
		packet(table, &key, FLOW_SIGNAL_DATA, 7, START_NS);
	}
	check_invariants(table);
	assert_in_range(events[FLOW_UNTRACKED] + events[FLOW_EVICTED], 0, n / 1000);
	assert_true(table->n_buckets * sizeof(struct flow_bucket) <= 64ull * n + 448);
	flow_table_free(table);
}

static void
bad_sizes_and_timeouts_are_refused(void **state)
{
	const struct memory memory = memory_heap();
	struct flow_timeouts timeouts = {0};
	struct flow_table *table = NULL;

	(void)state;
	assert_int_equal(flow_table_new(&table, 0, 1, &timeouts, &memory, events), -EINVAL);
	timeouts.udp_ms = FLOW_TIMEOUT_MAX_MS + 1;
	assert_int_equal(flow_table_new(&table, 9, 1, &timeouts, &memory, events), -EINVAL);
	assert_null(table);
}

static void
listing_shows_every_flow_once(void **state)
{
	enum {
		N = 3000
	};
	struct flow_table *table = table_new(N);
	struct flow_view views[50];
	uint8_t seen[N] = {0};
	uint32_t cursor = 0, n, n_all = 0;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		struct flow_key key = key_of(i, IPPROTO_UDP);

		packet(table, &key, FLOW_SIGNAL_UDP, (uint16_t)(i % 7 + 1), START_NS);
	}
	while ((n = flow_list(table, START_NS + NS_PER_S, &cursor, views, 50)) > 0) {
		for (uint32_t v = 0; v < n; v++) {
			const uint8_t *client = views[v].client.bytes;
			uint32_t i =
				(uint32_t)client[1] << 16 | (uint32_t)client[2] << 8 | client[3];

			assert_in_range(i, 0, N - 1);
			assert_int_equal(seen[i]++, 0);
			assert_int_equal(views[v].client.family, ADDR_V4);
			assert_int_equal(views[v].client_port, 50000);
			assert_int_equal(views[v].vip_port, 80);
			assert_int_equal(views[v].vip, 1);
			assert_int_equal(views[v].backend, i % 7 + 1);
			assert_int_equal(views[v].state, FLOW_UDP_NEW);
			assert_in_range(views[v].idle_ms, 500, 1500);
		}
		n_all += n;
	}
	assert_int_equal(n_all, flow_count(table));
	/* What has timed out is not shown, swept or not. */
	cursor = 0;
	assert_int_equal(flow_list(table, START_NS + 11 * NS_PER_S, &cursor, views, 50), 0);
	/* A reader whose clock is behind sees no flow as old. */
	cursor = 0;
	assert_int_not_equal(flow_list(table, START_NS - NS_PER_S, &cursor, views, 50), 0);
	flow_table_free(table);
}

static void
a_bucket_that_is_being_changed_is_not_listed(void **state)
{
	struct flow_table *table = full_bucket(FLOW_SIGNAL_SYN, FLOW_SIGNAL_NONE, START_NS);
	struct flow_view views[FLOW_LIST_MIN];
	uint32_t cursor = 0;

	(void)state;
	table->buckets[0].version++;
	assert_int_equal(flow_list(table, START_NS, &cursor, views, FLOW_LIST_MIN), 0);
	table->buckets[0].version++;
	cursor = 0;
	assert_int_equal(flow_list(table, START_NS, &cursor, views, FLOW_LIST_MIN), 12);
	flow_table_free(table);
}

/* A worker that replaces flows as fast as it can, for the case below. */
struct churn {
	struct flow_table *table;
	int stop; /* case: writes, worker: reads. */
};

static void *
churn_run(void *arg)
{
	struct churn *churn = arg;
	uint64_t now_ns = START_NS;
	uint32_t i = 0;

	while (!__atomic_load_n(&churn->stop, __ATOMIC_RELAXED)) {
		uint32_t n = i++ % 5000;
		struct flow_key key = key_of(n, IPPROTO_UDP);

		/* Every field can be told from the others, so a mixture would show. */
		key.client_port = be16_from((uint16_t)(n + 1));
		key.vip = (uint16_t)(n + 2);
		packet(churn->table, &key, FLOW_SIGNAL_UDP, (uint16_t)(n + 3), now_ns);
	}
	return NULL;
}

static void
listing_beside_a_busy_worker_shows_no_mixture(void **state)
{
	struct churn churn = {.table = table_new(500)};
	struct flow_view views[64];
	uint32_t n_seen = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, churn_run, &churn), 0);
	while (n_seen < 200000) {
		uint32_t cursor = 0, n;

		while ((n = flow_list(churn.table, START_NS, &cursor, views, 64)) > 0) {
			for (uint32_t v = 0; v < n; v++) {
				const uint8_t *client = views[v].client.bytes;
				uint32_t i = (uint32_t)client[2] << 8 | client[3];

				assert_int_equal(views[v].client_port, i + 1);
				assert_int_equal(views[v].vip, i + 2);
				assert_int_equal(views[v].backend, i + 3);
			}
			n_seen += n;
		}
	}
	__atomic_store_n(&churn.stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(events[FLOW_EVICTED] > 0);
	check_invariants(churn.table);
	flow_table_free(churn.table);
}

/* The same rules in the plainest form: an array, searched from end to end. */
#define MODEL_FLOWS 400

struct model_flow {
	bool live;
	enum flow_state state;
	uint16_t backend;
	uint64_t tick;
};

static uint32_t
model_timeout_ms(enum flow_state state)
{
	if (state == FLOW_TCP_EMBRYONIC)
		return 10000;
	if (state == FLOW_TCP_ESTABLISHED)
		return 900000;
	return state == FLOW_TCP_FIN ? 30000 : 2000;
}

static bool
model_expired(const struct model_flow *flow, uint64_t tick)
{
	uint64_t ns = model_timeout_ms(flow->state) * NS_PER_MS;
	uint64_t ticks = (ns + (UINT64_C(1) << FLOW_TICK_SHIFT) - 1) >> FLOW_TICK_SHIFT;

	return tick - flow->tick > ticks + late_ticks(ticks);
}

static void
model_packet(struct model_flow *flow, enum flow_signal signal, uint16_t backend, uint64_t now_ns)
{
	uint64_t tick = now_ns >> FLOW_TICK_SHIFT;
	bool ended = flow->live && (flow->state == FLOW_TCP_FIN || flow->state == FLOW_TCP_CLOSED);

	if (flow->live && (model_expired(flow, tick) || (ended && signal == FLOW_SIGNAL_SYN)))
		flow->live = false;
	if (!flow->live) {
		if (signal != FLOW_SIGNAL_SYN && signal != FLOW_SIGNAL_DATA)
			return;
		flow->live = true;
		flow->state = FLOW_TCP_EMBRYONIC;
		flow->backend = backend;
	} else if (signal == FLOW_SIGNAL_RST) {
		flow->state = FLOW_TCP_CLOSED;
	} else if (signal == FLOW_SIGNAL_FIN) {
		flow->state = FLOW_TCP_FIN;
	} else if (signal == FLOW_SIGNAL_DATA && flow->state != FLOW_TCP_FIN) {
		flow->state = FLOW_TCP_ESTABLISHED;
	}
	flow->tick = tick;
}

static void
random_packets_agree_with_a_naive_model(void **state)
{
	/* Room enough, so that nothing is evicted. */
	struct flow_table *table = table_new(4 * MODEL_FLOWS);
	struct model_flow model[MODEL_FLOWS] = {{.live = false}};
	uint64_t random = 1, now_ns = START_NS;

	(void)state;
	for (uint32_t step = 0; step < 200000; step++) {
		uint64_t r = random_next(&random);
		uint32_t i = (uint32_t)(r % MODEL_FLOWS);
		enum flow_signal signal = (enum flow_signal)(1 + (r >> 32) % 4);
		uint16_t backend = (uint16_t)(1 + (r >> 40) % 100);
		struct flow_key key = key_of(i, IPPROTO_TCP);
		struct flow_slot slot;

		if ((r >> 48) % 1000 == 0)
			now_ns += (r >> 20) % (40 * NS_PER_S);
		now_ns += (r >> 24) % (10 * NS_PER_MS);
		packet(table, &key, signal, backend, now_ns);
		model_packet(&model[i], signal, backend, now_ns);
		if (step % 64 == 0)
			flow_sweep(table, now_ns, 2);

		slot = flow_find(table, &key, flow_hash(table, &key));
		assert_int_equal(slot.bucket != NULL, model[i].live);
		if (slot.bucket) {
			assert_int_equal(flow_state_at(slot), model[i].state);
			assert_int_equal(flow_entry_at(slot)->backend, model[i].backend);
		}
		if (step % 20000 == 0)
			check_invariants(table);
	}
	check_invariants(table);
	assert_int_equal(events[FLOW_EVICTED] + events[FLOW_UNTRACKED], 0);
	flow_table_free(table);
}

static void
random_packets_keep_a_crowded_table_sound(void **state)
{
	struct flow_table *table = table_new(100);
	uint64_t random = 2, now_ns = START_NS;

	(void)state;
	for (uint32_t step = 0; step < 200000; step++) {
		uint64_t r = random_next(&random);
		struct flow_key key = key_of((uint32_t)(r % 600), IPPROTO_TCP);
		enum flow_signal signal = (enum flow_signal)((r >> 32) % 5);

		now_ns += (r >> 24) % (20 * NS_PER_MS);
		packet(table, &key, signal, 1, now_ns);
		if (step % 100 == 0)
			flow_sweep(table, now_ns, 1);
		if (step % 500 == 0)
			check_invariants(table);
	}
	assert_true(events[FLOW_EVICTED] > 0);
	assert_true(flow_count(table) <= table->n_buckets * FLOW_BUCKET_ENTRIES);
	assert_int_equal(flow_count(table) + events[FLOW_EXPIRED] + events[FLOW_EVICTED] <=
				 events[FLOW_CREATED],
		true);
	flow_table_free(table);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_flow_is_found_by_its_whole_key),
		cmocka_unit_test(words_of_keys_are_their_fields),
		cmocka_unit_test(tcp_goes_through_its_states),
		cmocka_unit_test(a_flow_in_midstream_is_adopted_by_its_second_packet),
		cmocka_unit_test(what_ends_a_flow_begins_none),
		cmocka_unit_test(each_state_has_its_timeout),
		cmocka_unit_test(a_steady_flow_lives_its_whole_timeout_after_its_last_packet),
		cmocka_unit_test(what_changes_a_flow_is_not_steady),
		cmocka_unit_test(packets_keep_a_flow_alive_and_a_late_one_begins_anew),
		cmocka_unit_test(established_flows_are_not_evicted_by_new_ones),
		cmocka_unit_test(embryonic_flows_are_evicted_first_and_the_oldest_of_them),
		cmocka_unit_test(a_flood_leaves_established_flows_alone),
		cmocka_unit_test(a_table_holds_the_flows_that_it_was_made_for),
		cmocka_unit_test(bad_sizes_and_timeouts_are_refused),
		cmocka_unit_test(listing_shows_every_flow_once),
		cmocka_unit_test(a_bucket_that_is_being_changed_is_not_listed),
		cmocka_unit_test(listing_beside_a_busy_worker_shows_no_mixture),
		cmocka_unit_test(random_packets_agree_with_a_naive_model),
		cmocka_unit_test(random_packets_keep_a_crowded_table_sound),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
