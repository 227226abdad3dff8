/* SPDX-License-Identifier: BSD-3-Clause */
/* Many lives of a pair, each drawn from a seed: connections from few ports, so that ports are soon
 * used again, come, go and rest while backends change their weights, addresses change hands, and
 * nodes die and come back. Whatever the order, a connection whose beginning was told keeps its
 * backend. A life that fails prints its seed and what happened; it and others are lived by
 *
 *   takeover_random_test FIRST [LAST] */
#include "common/clock.h"
#include "dataplane/hash.h"
#include "sync_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N_LIVES 50
#define N_DEEDS 120
#define N_PORTS 40
#define FIRST_PORT 10000
#define ESTABLISHED_MS 100000 /* Short, for flows to time out within a life. */
#define IDLE_MAX_NS (ESTABLISHED_MS * NS_PER_MS - 5 * NS_PER_S)
#define FIN_MS 10000
#define STILL_NS (2500 * NS_PER_MS)
#define WAIT_MAX_MS 150000

/* What has views comes most: elsewhere all is told. */
static const uint8_t modes[] = {MODE_DR, MODE_DR, MODE_NAT, MODE_FULLNAT};
static const uint8_t schedulers[] = {
	SCHEDULER_MAGLEV, SCHEDULER_MAGLEV, SCHEDULER_SOURCE_HASH, SCHEDULER_ROUND_ROBIN};

struct connection {
	bool is_open;
	int backend;
	uint16_t source_port; /* What the backend sees. */
	uint64_t used_ns;
};

struct life {
	uint64_t seed, drawn;
	struct pair *pair;
	struct pair_node *holder;
	bool is_alone; /* The other node is dead. */
	struct connection connections[2][N_PORTS];
	char story[N_DEEDS * 64];
	size_t told;
};

static uint64_t
draw(struct life *life, uint64_t n)
{
	return hash_mix(life->seed * 1000003 + ++life->drawn) % n;
}

__attribute__((format(printf, 2, 3))) static void
tell(struct life *life, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(life->story + life->told, sizeof(life->story) - life->told, format, args);
	va_end(args);
	if (n > 0 && life->told + (size_t)n < sizeof(life->story))
		life->told += (size_t)n;
}

static uint64_t
now_ns(const struct life *life)
{
	return life->holder->world.now_ns;
}

static int
node_number(const struct life *life, const struct pair_node *node)
{
	return (int)(node - life->pair->nodes);
}

/* Carries what has been said so far to the other node, but goes round no table. */
static void
deliver(struct life *life)
{
	for (int i = 0; i < 2; i++)
		while (sync_flows_run(life->pair->nodes[i].sync, life->pair->nodes[i].world.now_ns))
			continue;
}

static void
check(struct life *life, int family, int i)
{
	struct connection *connection = &life->connections[family][i];
	bool may_be_gone = now_ns(life) - connection->used_ns > IDLE_MAX_NS;
	uint16_t source_port;
	int is = pair_pass(
		life->holder, family, (uint16_t)(FIRST_PORT + i), TCP_FLAG_ACK, &source_port);

	connection->used_ns = now_ns(life);
	if (may_be_gone) {
		connection->is_open = false;
	} else if (is != connection->backend || source_port != connection->source_port) {
		fputs(life->story, stderr);
		fail_msg("seed %ju: connection %d/%d of backend %d, port %u, came to %d, port %u",
			(uintmax_t)life->seed, family, i, connection->backend,
			connection->source_port, is, source_port);
	}
}

static void
check_all(struct life *life)
{
	for (int family = 0; family < 2; family++)
		for (int i = 0; i < N_PORTS; i++)
			if (life->connections[family][i].is_open)
				check(life, family, i);
}

static void
close_one(struct life *life, int family, int i)
{
	static const uint8_t flags[] = {TCP_FLAG_FIN | TCP_FLAG_ACK, TCP_FLAG_RST};
	uint64_t how = draw(life, 3);

	life->connections[family][i].is_open = false;
	tell(life, "close %d/%d %s\n", family, i, (const char *[]){"FIN", "RST", "silent"}[how]);
	if (how < 2)
		pair_send(life->holder, family, (uint16_t)(FIRST_PORT + i), flags[how]);
}

static void
open_one(struct life *life, int family, int i)
{
	struct connection *connection = &life->connections[family][i];
	uint16_t port = (uint16_t)(FIRST_PORT + i);
	uint16_t source_port;
	int backend;

	if (connection->is_open)
		close_one(life, family, i);
	backend = pair_pass(life->holder, family, port, TCP_FLAG_SYN, &source_port);
	*connection = (struct connection){true, backend, source_port, now_ns(life)};
	tell(life, "open %d/%d at %d: backend %d\n", family, i, node_number(life, life->holder),
		backend);
	assert_true(backend >= 0);
	check(life, family, i);
}

static void
use_one(struct life *life, int family, int i)
{
	if (life->connections[family][i].is_open) {
		tell(life, "use %d/%d\n", family, i);
		check(life, family, i);
	}
}

/* Other weights, at both nodes as an operator gives them, one after the other. */
static void
weigh(struct life *life)
{
	static const uint16_t weights[] = {0, 1, 100, 100};
	int first = (int)draw(life, 2);
	uint64_t drawn = life->drawn;

	for (int n = 0; n < 2; n++) {
		struct pair_node *node = &life->pair->nodes[first ^ n];

		life->drawn = drawn;
		for (int b = 0; b < WORLD_BACKENDS; b++) {
			uint16_t weight = b == 0 ? 100 : weights[draw(life, 4)];

			for (int p = 0; p < WORLD_POOLS; p++)
				node->world.backends[p][b].weight = weight;
		}
		pair_apply(node);
	}
	tell(life, "weights %u %u %u\n", life->holder->world.backends[0][1].weight,
		life->holder->world.backends[0][2].weight,
		life->holder->world.backends[0][3].weight);
}

static void
rest(struct life *life, uint64_t ms)
{
	pair_wait(life->pair, ms * NS_PER_MS);
	tell(life, "%ju ms pass\n", (uintmax_t)ms);
}

/* Time passes in which nobody does anything: flows' times are coarse. */
static void
stand_still(struct life *life)
{
	for (int n = 0; n < 2; n++)
		life->pair->nodes[n].world.now_ns += STILL_NS;
}

static void
die(struct life *life)
{
	deliver(life);
	stand_still(life);
	tell(life, "%d dies\n", node_number(life, life->holder));
	life->holder = life->holder->other;
	pair_take_over(life->holder);
	life->is_alone = true;
}

static void
come_back(struct life *life)
{
	tell(life, "%d comes back\n", node_number(life, life->holder->other));
	pair_restart(life->holder->other);
	life->is_alone = false;
}

static void
hand_over(struct life *life)
{
	struct pair_node *from = life->holder;

	deliver(life);
	stand_still(life);
	tell(life, "%d hands over\n", node_number(life, from));
	life->holder = from->other;
	pair_hand_over(from, life->holder);
}

static void
do_one(struct life *life)
{
	uint64_t deed = draw(life, 100);
	int family = (int)draw(life, 2), i = (int)draw(life, N_PORTS);

	if (deed < 40)
		open_one(life, family, i);
	else if (deed < 58)
		use_one(life, family, i);
	else if (deed < 66)
		close_one(life, family, i);
	else if (deed < 74)
		deliver(life);
	else if (deed < 80)
		rest(life, 100);
	else if (deed < 84)
		rest(life, 1 + draw(life, draw(life, 3) == 0 ? WAIT_MAX_MS : 5000));
	else if (deed < 90)
		weigh(life);
	else if (life->is_alone)
		come_back(life);
	else if (deed < 96)
		die(life);
	else
		hand_over(life);
}

static void
live(uint64_t seed)
{
	void *state;
	struct life life = {.seed = seed};

	pair_set_up(&state);
	life.pair = state;
	life.holder = &life.pair->nodes[0];
	for (int n = 0; n < 2; n++) {
		life.pair->nodes[n].world.state.flow_timeouts.established_ms = ESTABLISHED_MS;
		life.pair->nodes[n].world.state.flow_timeouts.fin_ms = FIN_MS;
	}
	pair_use(life.pair, modes[draw(&life, 4)], schedulers[draw(&life, 4)]);
	for (int i = 0; i < N_DEEDS; i++)
		do_one(&life);
	check_all(&life);
	pair_tear_down(&state);
}

/* The seeds, first and last. */
static void
connections_keep_their_backends(void **state)
{
	const uint64_t *seeds = *state;

	for (uint64_t seed = seeds[0]; seed <= seeds[1]; seed++)
		live(seed);
}

int
main(int argc, char **argv)
{
	uint64_t seeds[2] = {1, N_LIVES};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(connections_keep_their_backends, seeds)};

	if (argc > 1)
		seeds[0] = seeds[1] = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seeds[1] = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
