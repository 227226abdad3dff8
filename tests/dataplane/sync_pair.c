/* SPDX-License-Identifier: BSD-3-Clause */
/* Two load balancers that share flows; see sync_pair.h. */
#include "sync_pair.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define STEP_NS (100 * NS_PER_MS)
#define SETTLE_STEPS 50

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

static bool
pass(void *ctx, const struct sync_record *record)
{
	struct pair_node *node = ctx;
	struct pair_node *to = node->other;

	if (node->jammed)
		return false;
	if (node->cut)
		return true;
	to->n_records++;
	to->n_ends += record->op == SYNC_BULK_END;
	if (sync_flows_receive(to->sync, 0, record, to->world.now_ns))
		pair_apply(to);
	return true;
}

/* Runs are often enough without being woken. */
static void
wake(void *ctx)
{
	(void)ctx;
}

static void
join(struct pair_node *node, uint64_t seed)
{
	const struct sync_flows_config config = {
		.n_flows = 1000,
		.seed = seed,
		.memory = memory_heap(),
		.leases = node->world.leases,
		.send = pass,
		.wake = wake,
		.ctx = node,
	};

	assert_int_equal(sync_flows_new(&node->sync, &config), 0);
	assert_int_equal(sync_flows_join(node->sync, node->world.pipeline), 0);
	node->world.views = (struct sync_views *)(uintptr_t)sync_flows_views(node->sync);
	sync_flows_set_snapshot(node->sync, node->world.snapshot);
}

void
pair_apply(struct pair_node *node)
{
	world_apply(&node->world);
	assert_int_equal(sync_flows_prepare(node->sync, node->world.snapshot), 0);
	sync_flows_set_snapshot(node->sync, node->world.snapshot);
}

void
pair_hold(struct pair_node *node, bool holds)
{
	struct world *world = &node->world;

	for (int r = 0; r < 2; r++) {
		uint16_t slot = lease_find(world->leases, world->routers[r].name);

		if (holds && !lease_held(world->leases, slot, world->now_ns))
			lease_begin(world->leases, slot, world->now_ns);
		lease_set(world->leases, slot, holds ? world->now_ns + 100000 * NS_PER_S : 0);
	}
}

static void
init(struct pair_node *node, int i)
{
	world_init(&node->world, 1000);
	node->locals[0] = frame_addr(PAIR_LOCAL4);
	node->locals[1] = frame_addr(PAIR_LOCAL6);
	/* Backends of mode fullnat are answered by the port that leads to them. */
	for (int r = 0; r < 2; r++) {
		struct control_router *router = &node->world.routers[r];

		snprintf(router->port, sizeof(router->port), "back");
		router->locals = &node->locals[r];
		router->n_locals = 1;
	}
	join(node, 4711u + (unsigned int)i);
	pair_apply(node);
}

/* A session between them begins. */
static void
meet(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		sync_flows_meet(pair->nodes[i].sync, 0);
		sync_flows_set_peer(pair->nodes[i].sync, true);
	}
}

int
pair_set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return -1;
	for (int i = 0; i < 2; i++) {
		pair->nodes[i].pair = pair;
		pair->nodes[i].other = &pair->nodes[1 - i];
		init(&pair->nodes[i], i);
	}
	pair_hold(&pair->nodes[0], true);
	pair_hold(&pair->nodes[1], false);
	meet(pair);
	pair_settle(pair);
	*state = pair;
	return 0;
}

int
pair_tear_down(void **state)
{
	struct pair *pair = *state;

	for (int i = 0; i < 2; i++) {
		world_fini(&pair->nodes[i].world);
		sync_flows_free(pair->nodes[i].sync);
	}
	free(pair);
	return 0;
}

void
pair_use(struct pair *pair, uint8_t mode, uint8_t scheduler)
{
	for (int i = 0; i < 2; i++) {
		for (int s = 0; s < WORLD_SERVICES; s++) {
			pair->nodes[i].world.services[s].mode = mode;
			pair->nodes[i].world.services[s].scheduler = scheduler;
		}
		pair_apply(&pair->nodes[i]);
	}
	pair_settle(pair);
}

void
pair_wait(struct pair *pair, uint64_t ns)
{
	for (uint64_t done = 0; done < ns; done += STEP_NS) {
		for (int i = 0; i < 2; i++) {
			struct world *world = &pair->nodes[i].world;

			world->now_ns += STEP_NS;
			pipeline_sweep(world->pipeline, world->now_ns, 100);
			pipeline_share(world->pipeline, world->snapshot, world->now_ns);
			while (sync_flows_run(pair->nodes[i].sync, world->now_ns))
				continue;
		}
	}
}

void
pair_settle(struct pair *pair)
{
	pair_wait(pair, SETTLE_STEPS * STEP_NS);
}

void
pair_take_over(struct pair_node *taker)
{
	taker->other->cut = true;
	pair_hold(taker->other, false);
	sync_flows_set_peer(taker->sync, false);
	sync_flows_set_peer(taker->other->sync, false);
	pair_hold(taker, true);
}

void
pair_restart(struct pair_node *node)
{
	struct world *world = &node->world;
	uint64_t now_ns = world->now_ns;
	struct pair_node fresh = {.pair = node->pair, .other = node->other};

	world_fini(world);
	sync_flows_free(node->sync);
	*node = fresh;
	init(node, 7);
	world->now_ns = now_ns;
	pair_hold(node, false);
	/* As the other has them: the control plane of either says the same. */
	world->state.flow_timeouts = node->other->world.state.flow_timeouts;
	memcpy(world->services, node->other->world.services, sizeof(world->services));
	memcpy(world->backends, node->other->world.backends, sizeof(world->backends));
	for (int p = 0; p < WORLD_POOLS; p++)
		world->pools[p].n_backends = node->other->world.pools[p].n_backends;
	pair_apply(node);
	sync_flows_set_peer(node->other->sync, false);
	meet(node->pair);
	pair_settle(node->pair);
}

void
pair_hand_over(struct pair_node *from, struct pair_node *to)
{
	pair_hold(from, false);
	pair_hold(to, true);
}

int
pair_pass(struct pair_node *node, int family, uint16_t port, uint8_t flags, uint16_t *source_port)
{
	struct frame frame;

	frame_tcp(&frame, clients[family], port, vips[family], 80, flags);
	frame.packet.in_port = 1;
	memcpy(frame.packet.data, node->world.ports.ports[1].mac, 6);
	world_run(&node->world, &frame.packet);
	memcpy(source_port, frame.packet.data + FRAME_L3 + (family == 0 ? 20 : 40),
		sizeof(*source_port));
	*source_port = ntohs(*source_port);
	return world_backend_of(&frame.packet);
}

int
pair_send(struct pair_node *node, int family, uint16_t port, uint8_t flags)
{
	uint16_t source_port;

	return pair_pass(node, family, port, flags, &source_port);
}

int
pair_send_udp(struct pair_node *node, int family, uint16_t port)
{
	struct frame frame;

	frame_udp(&frame, clients[family], port, vips[family], 53);
	frame.packet.in_port = 1;
	memcpy(frame.packet.data, node->world.ports.ports[1].mac, 6);
	world_run(&node->world, &frame.packet);
	return world_backend_of(&frame.packet);
}

int
pair_open(struct pair_node *node, int family, uint16_t port)
{
	int backend = pair_send(node, family, port, TCP_FLAG_SYN);

	assert_int_equal(pair_send(node, family, port, TCP_FLAG_ACK), backend);
	return backend;
}

uint64_t
pair_event(const struct pair_node *node, enum path_event event)
{
	return stats_read(&pipeline_stats(node->world.pipeline)->path_events[event]);
}
