/* SPDX-License-Identifier: BSD-3-Clause */
/* As many services and backends as there may be: what a packet costs must not grow with them. Told
 * by the number of slots that a look-up reads, not by time. */
#include "common/clock.h"
#include "dataplane/scheduler.h"
#include "dataplane/snapshot_data.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N_VIPS 250
#define N_PORTS 40
#define N_SERVICES CONTROL_SERVICES_MAX
#define N_BACKENDS CONTROL_BACKENDS_MAX

static_assert(N_VIPS * N_PORTS == N_SERVICES, "all of them");

/* Half of the slots are free at least, so runs of used ones are short: with linear probing at this
 * load a look-up reads 1.5 slots on average (Knuth, TAOCP 6.4), and two slots are a line. */
#define SLOTS_MAX 24
#define SLOTS_MEAN 1.6

struct scale {
	struct world world;
	struct control_backend backends[N_BACKENDS];
	struct control_service services[N_SERVICES];
};

static void
fill(struct scale *scale)
{
	struct world *world = &scale->world;

	for (int i = 0; i < N_BACKENDS; i++) {
		struct control_backend *backend = &scale->backends[i];
		char text[ADDR_TEXT_SIZE];

		snprintf(text, sizeof(text), "10.1.%d.%d", i / 250, i % 250 + 1);
		snprintf(backend->name, sizeof(backend->name), "b%d", i);
		backend->addr = frame_addr(text);
		backend->weight = (uint16_t)(1 + i % 1000);
		backend->up = true;
	}
	for (int i = 0; i < N_SERVICES; i++) {
		struct control_service *service = &scale->services[i];
		char text[ADDR_TEXT_SIZE];

		snprintf(text, sizeof(text), "192.0.2.%d", i / N_PORTS + 1);
		snprintf(service->name, sizeof(service->name), "s%d", i);
		service->address = frame_addr(text);
		service->port = (uint16_t)(i % N_PORTS == 0 ? 0 : 8000 + i % N_PORTS);
		service->protocol = i % 2 ? PROTOCOL_TCP : PROTOCOL_UDP;
		service->scheduler = (uint8_t)(i / 2 % N_SCHEDULERS);
		service->pool = WORLD_POOL4;
	}
	world->pools[WORLD_POOL4].backends = scale->backends;
	world->pools[WORLD_POOL4].n_backends = N_BACKENDS;
	world->state.services = scale->services;
	world->state.n_services = N_SERVICES;
	world_apply(world);
}

static int
set_up(void **state)
{
	struct scale *scale = calloc(1, sizeof(*scale));

	if (!scale)
		return -1;
	world_init(&scale->world, 20000);
	fill(scale);
	*state = scale;
	return 0;
}

static int
tear_down(void **state)
{
	struct scale *scale = *state;

	world_fini(&scale->world);
	free(scale);
	return 0;
}

/* Slots that looking for 'key' reads; whether it is found. */
static uint32_t
n_read(const struct service_table *table, const struct service_key *key, bool *found)
{
	uint32_t i = service_hash(key) & table->mask;
	uint32_t n = 1;

	*found = false;

	for (; table->slots[i].key.family != ADDR_NONE; i = (i + 1) & table->mask, n++) {
		*found = service_key_equal(&table->slots[i].key, key);
		if (*found)
			return n;
	}
	return n;
}

static void
a_look_up_reads_a_few_slots_among_ten_thousand_services(void **state)
{
	const struct scale *scale = *state;
	const struct service_table *table = &scale->world.snapshot->table;
	uint32_t n_sum = 0, n_max = 0, n_none_max = 0;

	for (int i = 0; i < N_SERVICES; i++) {
		const struct control_service *service = &scale->services[i];
		struct service_key key = {
			.protocol = service->protocol, .family = service->address.family};
		bool found = false;
		uint32_t n;

		key.port = be16_from(service->port);
		memcpy(key.address, service->address.bytes, sizeof(key.address));
		n = n_read(table, &key, &found);
		assert_true(found);
		n_sum += n;
		n_max = n > n_max ? n : n_max;
		/* A port that nobody has. */
		key.port = be16_from((uint16_t)(9000 + i % 50000));
		n = n_read(table, &key, &found);
		assert_false(found);
		n_none_max = n > n_none_max ? n : n_none_max;
	}
	assert_true(n_max <= SLOTS_MAX);
	assert_true(n_none_max <= SLOTS_MAX);
	assert_true(n_sum <= SLOTS_MEAN * N_SERVICES);
}

/* Not only what was asked: no look-up whatever can be longer than the longest run. */
static void
no_run_of_used_slots_is_long(void **state)
{
	const struct scale *scale = *state;
	const struct service_table *table = &scale->world.snapshot->table;
	uint32_t n_used = 0, run = 0, run_max = 0;

	for (uint32_t i = 0; i <= table->mask; i++) {
		bool used = table->slots[i].key.family != ADDR_NONE;

		n_used += used;
		run = used ? run + 1 : 0;
		run_max = run > run_max ? run : run_max;
	}
	assert_true(2 * n_used <= table->mask + 1);
	assert_true(run_max < SLOTS_MAX);
}

static void
every_service_gets_its_packets(void **state)
{
	struct scale *scale = *state;
	struct world *world = &scale->world;

	for (int i = 0; i < N_SERVICES; i++) {
		const struct control_service *service = &scale->services[i];
		uint16_t port = service->port ? service->port : 60000;
		char vip[ADDR_TEXT_SIZE];
		struct frame frame;

		addr_format(&service->address, vip, sizeof(vip));
		if (service->protocol == PROTOCOL_TCP)
			frame_tcp(&frame, "198.51.100.7", (uint16_t)(1024 + i), vip, port,
				TCP_FLAG_SYN);
		else
			frame_udp(&frame, "198.51.100.7", (uint16_t)(1024 + i), vip, port);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
		assert_int_equal(stats_read(&pipeline_stats(world->pipeline)
						     ->services[world->snapshot->services[i].id]
						     .n_packets),
			1);
	}
}

/* Each of them by weight, in a number of steps that does not depend on the number of backends. */
static void
a_thousand_backends_get_their_shares_from_every_scheduler(void **state)
{
	struct scale *scale = *state;
	struct world *world = &scale->world;
	const struct snapshot *snapshot = world->snapshot;
	const struct stats *stats = pipeline_stats(world->pipeline);
	struct scheduler_worker worker = {0};
	const struct memory memory = memory_heap();

	assert_int_equal(
		scheduler_worker_init(&worker, &memory, (struct stats *)(uintptr_t)stats, NULL, 1),
		0);
	for (int kind = 0; kind < N_SCHEDULERS; kind++) {
		const struct schedule *schedule = &snapshot->schedules[2 * kind];
		uint64_t n_light = 0, n_heavy = 0;

		assert_int_equal(schedule->scheduler->kind, kind);
		for (uint32_t i = 0; i < 50000; i++) {
			struct flow_key key = {.client_words = {hash_mix(i), 0},
				.client_port = be16_from((uint16_t)i),
				.family = ADDR_V4};
			uint16_t id = scheduler_choose(schedule, &worker, &key, SCHEDULER_BEGIN, 0);

			/* Weights are 1 to 1000 in order: the upper half has three quarters. */
			if (snapshot->backends_by_id[id]->weight > 500)
				n_heavy++;
			else
				n_light++;
		}
		assert_in_range(n_heavy, 36500, 50000);
		assert_true(n_light > 0 || kind == SCHEDULER_LEAST_CONNECTIONS);
	}
	scheduler_worker_fini(&worker);
}

/* Sampling must not let anybody run away: with as many flows as the weights add up to, each has
 * about its weight. */
static void
least_connections_stays_even_among_a_thousand(void **state)
{
	struct scale *scale = *state;
	struct world *world = &scale->world;
	uint64_t n_max = 0;

	assert_int_equal(scale->services[N_PORTS + 5].scheduler, SCHEDULER_LEAST_CONNECTIONS);
	world->now_ns += 1000 * NS_PER_S; /* What the other cases have left times out. */
	pipeline_sweep(world->pipeline, world->now_ns, 100000);
	for (int i = 0; i < N_BACKENDS; i++)
		scale->backends[i].weight = 100;
	world_apply(world);
	for (uint32_t i = 0; i < 10000; i++) {
		struct frame frame;

		frame_tcp(&frame, "198.51.100.7", (uint16_t)(1024 + i), "192.0.2.2", 8005,
			TCP_FLAG_SYN);
		frame_ipv4(&frame)->source[3] = (uint8_t)(1 + i / 1000);
		frame_fix_ipv4(&frame);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	}
	for (int i = 0; i < N_BACKENDS; i++) {
		uint64_t n = pipeline_stats(world->pipeline)
				     ->backends[world->snapshot->backends[i].id]
				     .n_active;

		n_max = n > n_max ? n : n_max;
	}
	assert_in_range(n_max, 10, 13);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_look_up_reads_a_few_slots_among_ten_thousand_services),
		cmocka_unit_test(no_run_of_used_slots_is_long),
		cmocka_unit_test(every_service_gets_its_packets),
		cmocka_unit_test(a_thousand_backends_get_their_shares_from_every_scheduler),
		cmocka_unit_test(least_connections_stays_even_among_a_thousand),
	};

	return cmocka_run_group_tests(cases, set_up, tear_down);
}
