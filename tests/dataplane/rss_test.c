/* SPDX-License-Identifier: BSD-3-Clause */
/* RSS in software: against the vectors that NICs are verified with, and DPDK's own. */
#define ALLOW_EXPERIMENTAL_API /* rte_thash's helpers. */

#include "dataplane/rss.h"

#include "common/addr.h"
#include "dataplane/port_rss.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_thash.h>

#include <cmocka.h>

#define N_ENTRIES 128
#define N_WORKERS 4
#define ALL_TYPES (RSS_TCP4 | RSS_UDP4 | RSS_TCP6 | RSS_UDP6)
#define LEAST 1024
#define PORT_AT4 80
#define PORT_AT6 272
#define PORT_BITS 16

/* Of Microsoft's "Verifying the RSS Hash Calculation", as are the vectors. */
static const uint8_t standard_key[RSS_KEY_SIZE] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30,
	0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
	0x01, 0xfa};

struct ends {
	struct addr source;
	struct addr destination;
	uint16_t source_port;
	uint16_t destination_port;
};

static struct ends
ends_of(const char *source, uint16_t source_port, const char *destination, uint16_t port)
{
	struct ends ends = {.source_port = source_port, .destination_port = port};

	assert_int_equal(addr_parse(source, &ends.source, NULL), 0);
	assert_int_equal(addr_parse(destination, &ends.destination, NULL), 0);
	return ends;
}

static struct rss_flow
flow_of(const struct ends *ends)
{
	return (struct rss_flow){
		.family = ends->source.family,
		.protocol = IPPROTO_TCP,
		.source = ends->source.bytes,
		.destination = ends->destination.bytes,
		.ports = htons(ends->source_port) | (uint32_t)htons(ends->destination_port) << 16,
	};
}

/* What DPDK makes of the flow. */
static uint32_t
soft_hash(const struct ends *ends, const uint8_t *key)
{
	uint32_t words[RSS_INPUT_MAX / 4];
	size_t size = ends->source.family == ADDR_V4 ? 4 : 16;
	uint8_t *at = (uint8_t *)words;
	uint16_t ports[2] = {htons(ends->source_port), htons(ends->destination_port)};

	memcpy(at, ends->source.bytes, size);
	memcpy(at + size, ends->destination.bytes, size);
	memcpy(at + 2 * size, ports, sizeof(ports));
	for (size_t i = 0; i < (2 * size + 4) / 4; i++)
		words[i] = rte_be_to_cpu_32(words[i]);
	return rte_softrss(words, (uint32_t)(2 * size + 4) / 4, key);
}

/* Entries dealt out in turn, as drivers do. */
static struct rss *
make(const uint8_t *key, uint32_t n_entries, uint16_t n_workers, uint8_t types)
{
	uint16_t workers[RSS_ENTRIES_MAX];
	struct rss_config config = {
		.key = key, .workers = workers, .n_entries = n_entries, .types = types};
	struct rss *rss = NULL;

	for (uint32_t i = 0; i < n_entries; i++)
		workers[i] = (uint16_t)(i % n_workers);
	assert_int_equal(rss_new(&rss, &config), 0);
	return rss;
}

static void
the_hash_is_the_standard_one(void **state)
{
	static const struct {
		const char *source;
		uint16_t source_port;
		const char *destination;
		uint16_t port;
		uint32_t of_addresses;
		uint32_t of_all;
	} vectors[] = {
		{"66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178},
		{"199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea},
		{"3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5, 0x40207d3d},
		{"3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c, 0xdde51bbf},
	};
	struct rss *rss = make(standard_key, 1, 1, ALL_TYPES);

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct ends ends = ends_of(vectors[i].source, vectors[i].source_port,
			vectors[i].destination, vectors[i].port);
		struct rss_flow flow = flow_of(&ends);

		assert_int_equal(rss_hash(rss, &flow, false), vectors[i].of_addresses);
		assert_int_equal(rss_hash(rss, &flow, true), vectors[i].of_all);
		assert_int_equal(soft_hash(&ends, standard_key), vectors[i].of_all);
	}
	rss_free(rss);
}

/* Counting through all ports of all workers gives each port once, and to the worker to which DPDK's
 * hash gives it. */
static void
check_picks(const uint8_t *key, const struct ends *base, uint32_t n_entries)
{
	struct rss *rss = make(key, n_entries, N_WORKERS, ALL_TYPES);
	static bool seen[UINT16_MAX + 1];

	memset(seen, 0, sizeof(seen));
	for (uint16_t worker = 0; worker < N_WORKERS; worker++) {
		uint32_t n = (65536 - (LEAST / n_entries) * n_entries) / N_WORKERS;

		for (uint32_t count = 0; count < n; count++) {
			struct ends ends = *base;
			struct rss_flow flow = flow_of(base);
			uint16_t port = rss_pick(rss, &flow, worker, count, LEAST);

			if (port == 0 && n_entries > LEAST)
				continue;
			assert_true(port >= LEAST && !seen[port]);
			seen[port] = true;
			ends.destination_port = port;
			assert_int_equal(
				(soft_hash(&ends, key) & (n_entries - 1)) % N_WORKERS, worker);
			flow = flow_of(&ends);
			assert_int_equal(rss_worker(rss, &flow), worker);
		}
	}
	for (uint32_t port = LEAST; port <= UINT16_MAX; port++)
		assert_true(seen[port]);
	rss_free(rss);
}

static void
a_port_picked_brings_the_answer_home(void **state)
{
	static const uint32_t sizes[] = {4, N_ENTRIES, 512, RSS_ENTRIES_MAX};
	const struct ends ends[] = {
		ends_of("10.9.0.21", 8080, "10.9.0.5", 7),
		ends_of("fd09::21", 8080, "fd09::5", 7),
	};
	uint8_t key[PORT_RSS_KEY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(port_rss_make_key(key, RSS_KEY_SIZE, sizes[i]), 0);
		for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++)
			check_picks(key, &ends[j], sizes[i]);
	}
	assert_int_equal(port_rss_make_key(key, 52, N_ENTRIES), 0);
	check_picks(key, &ends[0], N_ENTRIES);
}

/* rte_thash_adjust_tuple() changes the same low bits, so for the same entry it ends with the same
 * port. */
static void
dpdk_adjusts_a_tuple_to_the_same_port(void **state)
{
	struct rte_thash_ctx *ctx = rte_thash_init_ctx("test", RSS_KEY_SIZE, 7, NULL, 0);
	struct ends ends = ends_of("10.9.0.21", 8080, "10.9.0.5", 0);
	struct rte_thash_subtuple_helper *helper;
	uint16_t workers[N_ENTRIES];
	struct rss_config config = {.workers = workers, .n_entries = N_ENTRIES, .types = RSS_TCP4};
	struct rss *rss = NULL;

	(void)state;
	assert_non_null(ctx);
	assert_int_equal(rte_thash_add_helper(ctx, "port", PORT_BITS, PORT_AT4), 0);
	assert_int_equal(rte_thash_add_helper(ctx, "port6", PORT_BITS, PORT_AT6), 0);
	helper = rte_thash_get_helper(ctx, "port");
	config.key = rte_thash_get_key(ctx);
	for (uint16_t i = 0; i < N_ENTRIES; i++)
		workers[i] = i; /* So that a worker is an entry. */
	assert_int_equal(rss_new(&rss, &config), 0);
	for (uint16_t entry = 0; entry < N_ENTRIES; entry++) {
		struct rss_flow flow = flow_of(&ends);
		uint16_t port = rss_pick(rss, &flow, entry, 0, LEAST);
		uint16_t ports[2] = {htons(8080), htons(LEAST)};
		uint8_t tuple[12];

		memcpy(tuple, ends.source.bytes, 4);
		memcpy(tuple + 4, ends.destination.bytes, 4);
		memcpy(tuple + 8, ports, sizeof(ports));
		assert_int_equal(rte_thash_adjust_tuple(
					 ctx, helper, tuple, sizeof(tuple), entry, 1, NULL, NULL),
			0);
		assert_int_equal(tuple[10] << 8 | tuple[11], port);
	}
	rss_free(rss);
	rte_thash_free_ctx(ctx);
}

static void
ports_that_are_not_hashed_do_not_count(void **state)
{
	struct ends ends = ends_of("10.9.0.21", 8080, "10.9.0.5", 4000);
	struct rss_flow flow = flow_of(&ends);
	uint8_t key[PORT_RSS_KEY_MAX];
	struct rss *rss;

	(void)state;
	assert_int_equal(port_rss_make_key(key, RSS_KEY_SIZE, N_ENTRIES), 0);
	rss = make(key, N_ENTRIES, N_ENTRIES, RSS_TCP4);
	assert_true(rss_takes_ports(rss, ADDR_V4, IPPROTO_TCP));
	assert_false(rss_takes_ports(rss, ADDR_V4, IPPROTO_UDP));
	assert_false(rss_takes_ports(rss, ADDR_V6, IPPROTO_TCP));
	flow.protocol = IPPROTO_UDP;
	assert_int_equal(rss_worker(rss, &flow), rss_hash(rss, &flow, false) % N_ENTRIES);
	flow.protocol = IPPROTO_TCP;
	assert_int_equal(rss_worker(rss, &flow), rss_hash(rss, &flow, true) % N_ENTRIES);
	assert_true(rss_covers(rss, N_ENTRIES));
	rss_free(rss);
	rss = make(key, N_ENTRIES, 2, RSS_TCP4);
	assert_true(rss_covers(rss, 2));
	assert_false(rss_covers(rss, 3));
	rss_free(rss);
}

static void
what_cannot_work_is_refused(void **state)
{
	static const uint8_t zeros[RSS_KEY_SIZE];
	uint16_t workers[N_ENTRIES] = {0};
	struct rss_config config = {.key = zeros, .workers = workers, .n_entries = N_ENTRIES};
	struct rss *rss = NULL;
	uint8_t key[PORT_RSS_KEY_MAX];

	(void)state;
	/* With such a key the port changes nothing. */
	assert_int_equal(rss_new(&rss, &config), -EINVAL);
	config.key = standard_key;
	config.n_entries = 100;
	assert_int_equal(rss_new(&rss, &config), -EINVAL);
	config.n_entries = 0;
	assert_int_equal(rss_new(&rss, &config), -EINVAL);
	config.n_entries = 1;
	workers[0] = RSS_WORKERS_MAX;
	assert_int_equal(rss_new(&rss, &config), -EINVAL);
	assert_int_equal(port_rss_make_key(key, 16, N_ENTRIES), -EINVAL);
	assert_int_equal(port_rss_make_key(key, RSS_KEY_SIZE, 0), -EINVAL);
	assert_int_equal(port_rss_make_key(key, RSS_KEY_SIZE, 96), -EINVAL);
}

static int
start_eal(void **state)
{
	char *args[] = {"rss_test", "--no-huge", "--no-pci", "--no-telemetry", "-m", "32",
		"--no-shconf", NULL};

	(void)state;
	return rte_eal_init(7, args) < 0 ? -1 : 0;
}

static int
stop_eal(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_the_standard_one),
		cmocka_unit_test(a_port_picked_brings_the_answer_home),
		cmocka_unit_test(dpdk_adjusts_a_tuple_to_the_same_port),
		cmocka_unit_test(ports_that_are_not_hashed_do_not_count),
		cmocka_unit_test(what_cannot_work_is_refused),
	};

	return cmocka_run_group_tests(tests, start_eal, stop_eal);
}
