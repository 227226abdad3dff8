/* SPDX-License-Identifier: BSD-3-Clause */
/* Schedulers and persistence, seen from whole frames. */
#include "common/clock.h"
#include "dataplane/scheduler.h"
#include "dataplane/snapshot_data.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TIMEOUT_S 300

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	world_init(world, 4000);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	world_fini(*state);
	free(*state);
	return 0;
}

static void
use(struct world *world, enum scheduler_kind scheduler)
{
	for (int i = 0; i < WORLD_SERVICES; i++)
		world->services[i].scheduler = (uint8_t)scheduler;
	world_apply(world);
}

static void
persist(struct world *world, uint8_t prefix4, uint8_t prefix6)
{
	for (int i = 0; i < WORLD_SERVICES; i++) {
		bool v4 = world->services[i].address.family == ADDR_V4;

		world->services[i].persistence_timeout_s = TIMEOUT_S;
		world->services[i].persistence_prefix = v4 ? prefix4 : prefix6;
	}
	world_apply(world);
}

/* Another worker of the same node. */
static struct pipeline *
second_worker(struct world *world, struct persistence *persistence)
{
	struct pipeline_config config = {.n_flows = 1000,
		.seed = 99,
		.memory = memory_heap(),
		.ports = &world->ports,
		.nexthops = world->nexthops,
		.leases = world->leases,
		.persistence = persistence};
	struct pipeline *pipeline = NULL;

	assert_int_equal(pipeline_new(&pipeline, &config), 0);
	return pipeline;
}

/* The backend that a TCP packet goes to. */
static int
send_from(struct world *world, const char *client, uint16_t port, uint8_t flags)
{
	struct frame frame;

	frame_tcp(&frame, client, port, strchr(client, ':') ? WORLD_VIP6 : WORLD_VIP4, 80, flags);
	world_run(world, &frame.packet);
	return world_backend_of(&frame.packet);
}

static int
send_tcp(struct world *world, uint16_t port, uint8_t flags)
{
	return send_from(world, "198.51.100.7", port, flags);
}

/* As send_from() with SYN, through another worker. */
static int
send_through(struct world *world, struct pipeline *pipeline, const char *client, uint16_t port)
{
	struct pipeline *own = world->pipeline;
	int backend;

	world->pipeline = pipeline;
	backend = send_from(world, client, port, TCP_FLAG_SYN);
	world->pipeline = own;
	return backend;
}

static uint64_t
n_active(const struct world *world, int backend)
{
	uint16_t id = world->snapshot->backends[backend].id;

	return pipeline_stats(world->pipeline)->backends[id].n_active;
}

static uint64_t
event(const struct world *world, enum flow_event which)
{
	return pipeline_stats(world->pipeline)->flow_events[which];
}

static void
every_kind_has_a_scheduler_and_no_other_has(void **state)
{
	(void)state;
	for (int kind = 0; kind < N_SCHEDULERS; kind++)
		assert_int_equal(scheduler_of((enum scheduler_kind)kind)->kind, kind);
	assert_null(scheduler_of(N_SCHEDULERS));
}

static void
round_robin_gives_turns_by_weight(void **state)
{
	struct world *world = *state;
	int n[WORLD_BACKENDS] = {0};

	world->backends[WORLD_POOL4][0].weight = 300;
	world->backends[WORLD_POOL4][1].weight = 200;
	world->backends[WORLD_POOL4][2].weight = 100;
	world->backends[WORLD_POOL4][3].weight = 0;
	use(world, SCHEDULER_ROUND_ROBIN);
	for (uint16_t port = 0; port < 60; port++)
		n[send_tcp(world, (uint16_t)(1000 + port), TCP_FLAG_SYN)]++;
	assert_int_equal(n[0], 30);
	assert_int_equal(n[1], 20);
	assert_int_equal(n[2], 10);
	assert_int_equal(n[3], 0);
}

static void
without_members_no_scheduler_has_an_answer(void **state)
{
	struct world *world = *state;

	for (int b = 0; b < WORLD_BACKENDS; b++)
		world->backends[WORLD_POOL4][b].weight = 0;
	for (int kind = 0; kind < N_SCHEDULERS; kind++) {
		struct frame frame;

		use(world, (enum scheduler_kind)kind);
		frame_tcp(&frame, "198.51.100.7", 1000, WORLD_VIP4, 80, TCP_FLAG_SYN);
		assert_int_equal(world_run(world, &frame.packet), V_DROP_NO_BACKEND);
	}
	persist(world, 24, 64);
	assert_int_equal(send_tcp(world, 1001, TCP_FLAG_SYN), -1);
}

static void
the_order_of_turns_is_made_once_for_the_same_members(void **state)
{
	struct world *world = *state;
	const struct rota *rota;

	use(world, SCHEDULER_ROUND_ROBIN);
	rota = world->snapshot->pools[WORLD_POOL4].rota;
	assert_non_null(rota);
	assert_ptr_equal(world->snapshot->schedules[WORLD_DNS4].rota, rota);
	world_apply(world);
	assert_ptr_equal(world->snapshot->pools[WORLD_POOL4].rota, rota);
	world->backends[WORLD_POOL4][0].weight = 3;
	world_apply(world);
	assert_int_equal(world->snapshot->pools[WORLD_POOL4].rota->size, 303);
	use(world, SCHEDULER_MAGLEV);
	assert_null(world->snapshot->pools[WORLD_POOL4].rota);
}

static void
flows_stay_where_their_turn_has_put_them(void **state)
{
	struct world *world = *state;
	int backends[40];

	use(world, SCHEDULER_ROUND_ROBIN);
	for (uint16_t i = 0; i < 40; i++)
		backends[i] = send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_SYN);
	world->backends[WORLD_POOL4][2].weight = 7;
	world_apply(world);
	for (uint16_t i = 0; i < 40; i++)
		assert_int_equal(send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_ACK), backends[i]);
}

static void
services_of_a_pool_take_turns_of_their_own(void **state)
{
	struct world *world = *state;
	struct frame frame;
	int n[WORLD_BACKENDS] = {0};

	use(world, SCHEDULER_ROUND_ROBIN);
	for (uint16_t port = 0; port < 16; port++) {
		n[send_tcp(world, (uint16_t)(1000 + port), TCP_FLAG_SYN)]++;
		frame_udp(&frame, "198.51.100.7", (uint16_t)(1000 + port), WORLD_VIP4, 53);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	}
	for (int b = 0; b < WORLD_BACKENDS; b++)
		assert_int_equal(n[b], 4);
}

static void
packets_that_no_table_remembers_go_by_hash(void **state)
{
	static const enum scheduler_kind kinds[] = {
		SCHEDULER_ROUND_ROBIN, SCHEDULER_LEAST_CONNECTIONS};
	struct world *world = *state;
	int by_hash[64];

	for (uint16_t i = 0; i < 64; i++)
		by_hash[i] = send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_RST);
	for (int k = 0; k < 2; k++) {
		use(world, kinds[k]);
		for (uint16_t i = 0; i < 64; i++) {
			assert_int_equal(
				send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_RST), by_hash[i]);
			assert_int_equal(
				send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_FIN), by_hash[i]);
		}
	}
	/* In midstream too: a connection that began while there was no room. */
	for (uint16_t i = 0; i < 64; i++)
		assert_int_equal(send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_ACK), by_hash[i]);
}

static void
flows_without_room_keep_one_backend(void **state)
{
	struct world *world = *state;
	struct pipeline *small;
	struct pipeline_config config = {.n_flows = 1,
		.seed = 5,
		.memory = memory_heap(),
		.ports = &world->ports,
		.nexthops = world->nexthops,
		.leases = world->leases};

	use(world, SCHEDULER_ROUND_ROBIN);
	assert_int_equal(pipeline_new(&small, &config), 0);
	/* Established flows that are not idle are not evicted: 12 fill the only bucket. */
	for (uint16_t i = 0; i < 12; i++) {
		struct frame frame;

		send_through(world, small, "198.51.100.7", (uint16_t)(1000 + i));
		frame_tcp(
			&frame, "198.51.100.7", (uint16_t)(1000 + i), WORLD_VIP4, 80, TCP_FLAG_ACK);
		pipeline_run(small, world->snapshot, &frame.packet, 1, world->now_ns);
	}
	for (uint16_t i = 0; i < 40; i++) {
		int first = send_through(world, small, "203.0.113.1", (uint16_t)(2000 + i));

		for (int again = 0; again < 3; again++)
			assert_int_equal(
				send_through(world, small, "203.0.113.1", (uint16_t)(2000 + i)),
				first);
	}
	assert_true(pipeline_stats(small)->flow_events[FLOW_UNTRACKED] >= 160);
	pipeline_free(small);
}

static void
least_connections_goes_to_who_has_fewest_for_its_weight(void **state)
{
	struct world *world = *state;

	world->backends[WORLD_POOL4][0].weight = 200;
	world->backends[WORLD_POOL4][3].weight = 0;
	use(world, SCHEDULER_LEAST_CONNECTIONS);
	for (uint16_t i = 0; i < 40; i++)
		send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_SYN);
	assert_int_equal(n_active(world, 0), 20);
	assert_int_equal(n_active(world, 1), 10);
	assert_int_equal(n_active(world, 2), 10);
	assert_int_equal(n_active(world, 3), 0);
}

static void
flows_that_end_are_no_load(void **state)
{
	struct world *world = *state;
	uint16_t of_second[40];
	uint16_t n = 0;

	use(world, SCHEDULER_LEAST_CONNECTIONS);
	for (uint16_t port = 1000; port < 1040; port++)
		if (send_tcp(world, port, TCP_FLAG_SYN) == 1)
			of_second[n++] = port;
	assert_int_equal(n, 10);
	for (uint16_t i = 0; i < n; i++)
		send_tcp(world, of_second[i], TCP_FLAG_RST);
	world->now_ns += 4 * NS_PER_S;
	pipeline_sweep(world->pipeline, world->now_ns, 100000);
	assert_int_equal(n_active(world, 1), 0);
	for (uint16_t port = 2000; port < 2010; port++)
		assert_int_equal(send_tcp(world, port, TCP_FLAG_SYN), 1);
}

static void
flows_are_counted_where_they_are_through_loss_and_expiry(void **state)
{
	struct world *world = *state;
	uint64_t sum = 0;

	for (uint16_t port = 1000; port < 1200; port++)
		send_tcp(world, port, TCP_FLAG_SYN);
	world->backends[WORLD_POOL4][2].up = false;
	world_apply(world);
	for (uint16_t port = 1000; port < 1200; port++)
		send_tcp(world, port, TCP_FLAG_ACK);
	assert_int_equal(n_active(world, 2), 0);
	for (int b = 0; b < WORLD_BACKENDS; b++)
		sum += n_active(world, b);
	assert_int_equal(sum, 200);
	world->now_ns += 1000 * NS_PER_S;
	pipeline_sweep(world->pipeline, world->now_ns, 100000);
	for (int b = 0; b < WORLD_BACKENDS; b++)
		assert_int_equal(n_active(world, b), 0);
}

static void
source_hash_keeps_a_client_whatever_its_port_and_service(void **state)
{
	struct world *world = *state;
	bool used[WORLD_BACKENDS] = {false};

	use(world, SCHEDULER_SOURCE_HASH);
	for (int c = 1; c < 60; c++) {
		struct frame frame;
		char client[ADDR_TEXT_SIZE];
		int backend;

		snprintf(client, sizeof(client), "198.51.100.%d", c);
		backend = send_from(world, client, 1000, TCP_FLAG_SYN);
		used[backend] = true;
		for (uint16_t port = 1001; port < 1010; port++)
			assert_int_equal(send_from(world, client, port, TCP_FLAG_SYN), backend);
		frame_udp(&frame, client, 4711, WORLD_VIP4, 53);
		world_run(world, &frame.packet);
		assert_int_equal(world_backend_of(&frame.packet), backend);
	}
	for (int b = 0; b < WORLD_BACKENDS; b++)
		assert_true(used[b]);
}

static void
schedulers_that_agree_choose_the_same_on_another_node(void **state)
{
	static const enum scheduler_kind kinds[] = {SCHEDULER_MAGLEV, SCHEDULER_SOURCE_HASH};
	struct world *world = *state;

	for (int k = 0; k < 3; k++) {
		struct persistence *table = NULL;
		struct pipeline *other;

		assert_int_equal(persistence_new(&table, 64, 1234), 0);
		other = second_worker(world, table);
		if (k < 2)
			use(world, kinds[k]);
		else
			use(world, SCHEDULER_MAGLEV), persist(world, 24, 64);
		for (uint16_t port = 3000; port < 3060; port++) {
			char client[ADDR_TEXT_SIZE];

			snprintf(client, sizeof(client), "2001:db8:%x::%x", port, k + 1);
			assert_int_equal(send_through(world, other, client, port),
				send_from(world, client, port, TCP_FLAG_SYN));
		}
		pipeline_free(other);
		persistence_free(table);
	}
}

static void
a_prefix_follows_its_first_flow(void **state)
{
	static const struct {
		const char *first, *same, *other;
	} cases[] = {
		{"198.51.100.1", "198.51.100.254", "198.51.101.1"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"},
	};
	struct world *world = *state;

	use(world, SCHEDULER_ROUND_ROBIN);
	persist(world, 24, 64);
	for (int i = 0; i < 2; i++) {
		int first = send_from(world, cases[i].first, 1000, TCP_FLAG_SYN);

		for (uint16_t port = 1001; port < 1020; port++)
			assert_int_equal(
				send_from(world, cases[i].same, port, TCP_FLAG_SYN), first);
		/* Turns go on for others. */
		assert_int_not_equal(send_from(world, cases[i].other, 1000, TCP_FLAG_SYN), first);
	}
	assert_int_equal(event(world, FLOW_PERSISTED), 38);
}

static void
workers_share_what_they_know_of_clients(void **state)
{
	struct world *world = *state;
	struct pipeline *other = second_worker(world, world->persistence);

	use(world, SCHEDULER_LEAST_CONNECTIONS);
	persist(world, 32, 128);
	for (int c = 1; c < 100; c++) {
		char client[ADDR_TEXT_SIZE];

		snprintf(client, sizeof(client), "198.51.100.%d", c);
		assert_int_equal(send_through(world, other, client, 1000),
			send_from(world, client, 1001, TCP_FLAG_SYN));
	}
	pipeline_free(other);
}

static void
a_client_stays_while_backends_come_and_is_free_after_the_timeout(void **state)
{
	struct world *world = *state;
	int first[100];
	int n_moved = 0;

	use(world, SCHEDULER_MAGLEV);
	world->backends[WORLD_POOL4][3].up = false;
	persist(world, 32, 64);
	for (int round = 0; round < 4; round++) {
		/* Between the rounds the other backend comes; before the last one all time out. */
		world->now_ns += (round == 3 ? TIMEOUT_S + 2 : TIMEOUT_S - 1) * NS_PER_S;
		for (int c = 0; c < 100; c++) {
			char client[ADDR_TEXT_SIZE];
			int backend;

			snprintf(client, sizeof(client), "198.51.100.%d", c);
			backend = send_from(world, client, (uint16_t)(1000 + round), TCP_FLAG_SYN);
			if (round == 0)
				first[c] = backend;
			else if (round < 3)
				assert_int_equal(backend, first[c]);
			else
				n_moved += backend != first[c];
		}
		world->backends[WORLD_POOL4][3].up = true;
		world_apply(world);
	}
	assert_true(n_moved > 10 && n_moved < 50);
}

static void
a_client_leaves_a_backend_that_is_lost_or_drained_for_good(void **state)
{
	struct world *world = *state;

	for (int drains = 0; drains < 2; drains++) {
		const char *client = drains ? "198.51.100.1" : "198.51.100.2";
		struct control_backend *backend;
		int first, second;

		use(world, SCHEDULER_ROUND_ROBIN);
		persist(world, 32, 64);
		first = send_from(world, client, 1000, TCP_FLAG_SYN);
		backend = &world->backends[WORLD_POOL4][first];
		backend->up = drains;
		backend->weight = 0;
		world_apply(world);
		second = send_from(world, client, 1001, TCP_FLAG_SYN);
		assert_int_not_equal(second, first);
		/* Its connection stays to the end. */
		assert_int_equal(send_from(world, client, 1000, TCP_FLAG_ACK) == first, drains);
		backend->up = true;
		backend->weight = 100;
		world_apply(world);
		for (uint16_t port = 1002; port < 1010; port++)
			assert_int_equal(send_from(world, client, port, TCP_FLAG_SYN), second);
	}
}

static void
an_imitation_foresees_the_choice_and_leaves_no_trace(void **state)
{
	const struct memory memory = memory_heap();
	struct world *world = *state;
	struct scheduler_worker workers[2] = {{0}, {0}};
	struct stats *stats;

	assert_int_equal(stats_new(&stats, &memory), 0);
	for (int w = 0; w < 2; w++)
		assert_int_equal(scheduler_worker_init(&workers[w], &memory, stats,
					 w ? NULL : world->persistence, (uint64_t)w + 1),
			0);
	for (int kind = 0; kind < 2 * N_SCHEDULERS; kind++) {
		if (kind >= N_SCHEDULERS)
			persist(world, 32, 64);
		use(world, (enum scheduler_kind)(kind % N_SCHEDULERS));
		for (uint16_t i = 0; i < 40; i++) {
			const struct schedule *schedule = &world->snapshot->schedules[WORLD_HTTP4];
			struct flow_key key = {.client = {10, 0, (uint8_t)kind, (uint8_t)(i / 2)},
				.client_port = be16_from(i),
				.family = ADDR_V4};
			uint16_t foreseen;

			scheduler_worker_imitate(&workers[1], &workers[0]);
			foreseen = scheduler_choose(
				schedule, &workers[1], &key, SCHEDULER_BEGIN, world->now_ns);
			assert_int_equal(scheduler_choose(schedule, &workers[0], &key,
						 SCHEDULER_BEGIN, world->now_ns),
				foreseen);
		}
	}
	/* 20 clients of each scheduler came twice. */
	assert_int_equal(stats->flow_events[FLOW_PERSISTED], 20 * N_SCHEDULERS);
	for (int w = 0; w < 2; w++)
		scheduler_worker_fini(&workers[w]);
	stats_free(stats);
}

static void
any_port_takes_what_no_other_service_takes(void **state)
{
	struct world *world = *state;
	const struct snapshot_service *found;
	struct frame frame;
	uint64_t n_dns;

	world->services[WORLD_HTTP4].port = 0;
	world->services[WORLD_DNS4].protocol = PROTOCOL_TCP;
	use(world, SCHEDULER_SOURCE_HASH);
	for (uint16_t port = 1; port < 60000; port = (uint16_t)(port + 997)) {
		frame_tcp(&frame, "198.51.100.9", 1000, WORLD_VIP4, port, TCP_FLAG_SYN);
		assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	}
	n_dns = pipeline_stats(world->pipeline)
			->services[world->snapshot->services[WORLD_DNS4].id]
			.n_packets;
	assert_int_equal(n_dns, 0);
	frame_tcp(&frame, "198.51.100.9", 1000, WORLD_VIP4, 53, TCP_FLAG_SYN);
	assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	assert_int_equal(pipeline_stats(world->pipeline)
				 ->services[world->snapshot->services[WORLD_DNS4].id]
				 .n_packets,
		1);
	frame_udp(&frame, "198.51.100.9", 1000, WORLD_VIP4, 81);
	assert_int_equal(world_run(world, &frame.packet), V_DROP_NO_SERVICE);
	frame_tcp(&frame, "2001:db8:c::7", 1000, WORLD_VIP6, 81, TCP_FLAG_SYN);
	assert_int_equal(world_run(world, &frame.packet), V_DROP_NO_SERVICE);
	found = snapshot_service_find(world->snapshot, &world->vips[0], 12345, PROTOCOL_TCP);
	assert_non_null(found);
	assert_string_equal(found->name, "http4");
}

static void
a_ramp_of_weight_moves_no_flow(void **state)
{
	struct world *world = *state;
	int backends[200];
	int n_ramping = 0;

	for (uint16_t i = 0; i < 200; i++) {
		send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_SYN);
		backends[i] = send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_ACK);
	}
	for (uint16_t weight = 10; weight <= 100; weight = (uint16_t)(weight + 10)) {
		world->backends[WORLD_POOL4][1].weight = weight;
		world_apply(world);
		for (uint16_t i = 0; i < 200; i++)
			assert_int_equal(
				send_tcp(world, (uint16_t)(1000 + i), TCP_FLAG_ACK), backends[i]);
		if (weight == 10)
			for (uint16_t i = 0; i < 400; i++)
				n_ramping +=
					send_tcp(world, (uint16_t)(5000 + i), TCP_FLAG_SYN) == 1;
	}
	assert_true(n_ramping > 0 && n_ramping < 40); /* 13 expected. */
	assert_int_equal(event(world, FLOW_RESCHEDULED), 0);
}

#define WORLD_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(every_kind_has_a_scheduler_and_no_other_has),
		WORLD_TEST(round_robin_gives_turns_by_weight),
		WORLD_TEST(without_members_no_scheduler_has_an_answer),
		WORLD_TEST(the_order_of_turns_is_made_once_for_the_same_members),
		WORLD_TEST(flows_stay_where_their_turn_has_put_them),
		WORLD_TEST(services_of_a_pool_take_turns_of_their_own),
		WORLD_TEST(packets_that_no_table_remembers_go_by_hash),
		WORLD_TEST(flows_without_room_keep_one_backend),
		WORLD_TEST(least_connections_goes_to_who_has_fewest_for_its_weight),
		WORLD_TEST(flows_that_end_are_no_load),
		WORLD_TEST(flows_are_counted_where_they_are_through_loss_and_expiry),
		WORLD_TEST(source_hash_keeps_a_client_whatever_its_port_and_service),
		WORLD_TEST(schedulers_that_agree_choose_the_same_on_another_node),
		WORLD_TEST(a_prefix_follows_its_first_flow),
		WORLD_TEST(workers_share_what_they_know_of_clients),
		WORLD_TEST(a_client_stays_while_backends_come_and_is_free_after_the_timeout),
		WORLD_TEST(a_client_leaves_a_backend_that_is_lost_or_drained_for_good),
		WORLD_TEST(an_imitation_foresees_the_choice_and_leaves_no_trace),
		WORLD_TEST(any_port_takes_what_no_other_service_takes),
		WORLD_TEST(a_ramp_of_weight_moves_no_flow),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
