/* SPDX-License-Identifier: BSD-3-Clause */
/* The world of the pipeline's fuzz target; see pipeline_world.h. */
#include "pipeline_world.h"

#include "dataplane/flow_table.h"
#include "fuzz.h"
#include "tests/dataplane/frames.h"

#include <stdio.h>

#define N_FLOWS 20 /* Few, so that inputs fill the table. */

#define PERSISTENCE_CLIENTS 64

/* What a state has, as bits of backends, of plain services and of far ones. */
static const struct {
	uint16_t weights[WORLD_BACKENDS];
	uint8_t down;
	uint8_t gone;
	uint8_t services;
	uint8_t n_routers;
	bool other_pools;
	uint16_t far;
	uint8_t max_flows;
} variants[WORLD_STATES] = {
	{{100, 100, 100, 100}, 0, 0, 0x0f, 2, false, 0, 0},
	{{1, 3, 50, 1000}, 0, 0, 0xff, 2, false, 0, 0},
	{{0, 100, 100, 100}, 0, 0, 0x2f, 2, false, 0, 0},
	{{100, 100, 100, 100}, 1, 0, 0x1f, 2, false, 0, 0},
	{{100, 100, 100, 100}, 15, 0, 0x0f, 2, false, 0, 0},
	{{0, 0, 0, 0}, 0, 0, 0x0f, 2, false, 0, 0},
	{{100, 100, 100, 100}, 0, 1, 0x43, 2, false, 0, 0},
	{{100, 100, 100, 100}, 0, 12, 0x0f, 1, true, 0, 0},
	{{100, 100, 100, 100}, 0, 0, 0x00, 0, false, 0, 0},
	{{100, 100, 100, 100}, 0, 0, 0x0f, 2, false, 0x1ff, 0},
	{{1, 2, 3, 1000}, 2, 0, 0x5f, 2, false, 0x1ff, 2},
	{{100, 0, 100, 100}, 0, 4, 0x2f, 2, true, 0x0ff, 0},
	{{100, 100, 100, 100}, 0, 3, 0x0f, 2, false, 0x133, 1},
	{{100, 100, 100, 100}, 5, 0, 0x0f, 1, false, 0x0cf, 0},
};

static void
must(bool condition)
{
	fuzz_require(condition, "the world can be made");
}

static struct addr
host_address(bool v6, unsigned int host)
{
	char text[ADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), v6 ? "2001:db8::%u" : "192.0.2.%u", 11 + host);
	return frame_addr(text);
}

struct addr
world_local(unsigned int port, bool v6)
{
	char text[ADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), v6 ? "2001:db8::%u" : "192.0.2.%u", 110 + port);
	return frame_addr(text);
}

/* Backend 'i' of pool 'p' is host i, or host i + 2 in the pools 2 and 3. Some of far services are
 * at ports of their own. */
static size_t
fill_pool(struct prepared *prepared, unsigned int p, unsigned int v)
{
	struct control_pool *pool = &prepared->pools[p];
	size_t n = 0;

	snprintf(pool->name, sizeof(pool->name), "pool%u", p);
	pool->backends = prepared->backends[p];
	for (unsigned int i = 0; i < WORLD_BACKENDS; i++) {
		struct control_backend *backend = &prepared->backends[p][n];

		if (variants[v].gone & 1u << i)
			continue;
		n++;
		snprintf(backend->name, sizeof(backend->name), "b%u", i);
		backend->addr = host_address(p & 1, i + (p & 2));
		backend->weight = variants[v].weights[i];
		backend->up = !(variants[v].down & 1u << i);
		if (p < WORLD_FAR_POOL)
			continue;
		backend->port = i & 1 ? (uint16_t)(7000 + i) : 0;
		backend->max_flows = variants[v].max_flows;
	}
	pool->n_backends = n;
	return n;
}

static bool
has_service(unsigned int v, unsigned int i)
{
	if (i < WORLD_PLAIN)
		return variants[v].services & 1u << i;
	return variants[v].far & 1u << (i - WORLD_PLAIN) / 2;
}

static void
fill_services(struct prepared *prepared, unsigned int v)
{
	for (unsigned int i = 0; i < WORLD_SERVICES; i++)
		if (has_service(v, i))
			world_fill_service(&prepared->services[prepared->state.n_services++], i,
				variants[v].other_pools);
}

static void
fill_routers(struct prepared *prepared)
{
	static const char *const vips[WORLD_ROUTERS][WORLD_VIPS] = {
		{WORLD_VIP4, WORLD_VIP4_FAR}, {WORLD_VIP6, WORLD_VIP6_FAR}};

	for (unsigned int r = 0; r < WORLD_ROUTERS; r++) {
		struct control_router *router = &prepared->routers[r];

		for (unsigned int i = 0; i < WORLD_VIPS; i++)
			prepared->vips[r][i] = frame_addr(vips[r][i]);
		snprintf(router->name, sizeof(router->name), "front%d", r == 0 ? 4 : 6);
		snprintf(router->port, sizeof(router->port), "port0");
		router->addresses = prepared->vips[r];
		router->n_addresses = WORLD_VIPS;
		router->accept = true;
	}
}

static void
fill_locals(struct prepared *prepared)
{
	for (unsigned int port = 0; port < WORLD_PORTS; port++) {
		struct control_local *local = &prepared->locals[port];

		snprintf(local->port, sizeof(local->port), "port%u", port);
		for (unsigned int i = 0; i < WORLD_LOCALS; i++)
			prepared->local_addresses[port][i] = world_local(port, i == 1);
		local->addresses = prepared->local_addresses[port];
		local->n_addresses = WORLD_LOCALS;
	}
	prepared->state.locals = prepared->locals;
	prepared->state.n_locals = WORLD_PORTS;
}

static void
prepare(struct fuzz_world *world, unsigned int v)
{
	const struct snapshot_tables tables = {
		.ports = &world->ports, .nexthops = world->nexthops, .leases = world->leases};
	struct prepared *prepared = &world->prepared[v];
	const struct snapshot *previous = v > 0 ? world->prepared[v - 1].snapshot : NULL;
	struct err err = {""};

	prepared->state.generation = v + 1;
	prepared->state.routers = prepared->routers;
	prepared->state.n_routers = variants[v].n_routers;
	prepared->state.pools = prepared->pools;
	prepared->state.n_pools = WORLD_POOLS;
	prepared->state.services = prepared->services;
	fill_routers(prepared);
	if (variants[v].far)
		fill_locals(prepared);
	for (unsigned int p = 0; p < WORLD_POOLS; p++)
		fill_pool(prepared, p, v);
	fill_services(prepared, v);
	must(snapshot_new(&prepared->snapshot, &prepared->state, previous, &tables, &err) == 0);
	must(pipeline_prepare(world->pipeline, prepared->snapshot) == 0);
}

void
world_new(struct fuzz_world *world)
{
	struct pipeline_config config = {.n_flows = N_FLOWS, .seed = 42, .memory = memory_heap()};

	world->start_ns = WORLD_START_NS;
	world->ports.n_ports = WORLD_PORTS;
	for (uint8_t i = 0; i < WORLD_PORTS; i++) {
		struct port_info *port = &world->ports.ports[i];

		snprintf(port->name, sizeof(port->name), "port%u", i);
		memcpy(port->mac, frame_port_mac, sizeof(port->mac));
		port->mac[5] = (uint8_t)(port->mac[5] + i);
		port->mtu = 1500;
	}
	must(nexthop_table_new(&world->nexthops) == 0);
	must(lease_table_new(&world->leases) == 0);
	config.ports = &world->ports;
	config.nexthops = world->nexthops;
	config.leases = world->leases;
	must(persistence_new(&world->persistence, PERSISTENCE_CLIENTS, 42) == 0);
	config.persistence = world->persistence;
	must(pipeline_new(&world->pipeline, &config) == 0);
	world->n_buckets = pipeline_flows(world->pipeline)->n_buckets;
	for (unsigned int v = 0; v < WORLD_STATES; v++)
		prepare(world, v);
}

void
world_sweep(struct fuzz_world *world, uint32_t n_buckets)
{
	pipeline_sweep(world->pipeline, world->now_ns, n_buckets);
	world->n_swept += n_buckets;
}

void
world_reset(struct fuzz_world *world)
{
	fuzz_require(pipeline_abandon(world->pipeline) == NULL, "nothing is held any more");
	/* Everything has timed out by then, and the next sweep begins at bucket 0 again. */
	world->now_ns = world->start_ns + 3 * WORLD_SPAN_NS;
	world_sweep(world, 2 * world->n_buckets - (uint32_t)(world->n_swept % world->n_buckets));
	fuzz_require(flow_count(pipeline_flows(world->pipeline)) == 0,
		"a sweep over all buckets removes all flows that have timed out");
	/* Fragments have no sweep, but are forgotten when the time of another input has come. */
	world->start_ns += 4 * WORLD_SPAN_NS;
	if (world->start_ns >= WORLD_START_NS + WORLD_STARTS * 4 * WORLD_SPAN_NS) {
		world->start_ns = WORLD_START_NS;
		/* Limits remember times that would be far ahead now. */
		for (unsigned int v = 0; v < WORLD_STATES; v++)
			pipeline_prepare(world->pipeline, world->prepared[v].snapshot);
	}
	world->now_ns = world->start_ns;
	world->now = NULL;
	for (unsigned int r = 0; r < WORLD_ROUTERS; r++)
		world_set_lease(world, r, 0);
	for (unsigned int host = 0; host < WORLD_HOSTS; host++) {
		world_set_neighbour(world, false, host, true, 0);
		world_set_neighbour(world, true, host, true, 0);
	}
}

void
world_move_clock(struct fuzz_world *world, uint64_t ns)
{
	if (world->now_ns + ns < world->start_ns + WORLD_SPAN_NS)
		world->now_ns += ns;
}

void
world_set_lease(struct fuzz_world *world, unsigned int router, uint64_t ttl_ns)
{
	const char *name = router == 0 ? "front4" : "front6";

	world->held_until_ns[router] = ttl_ns ? world->now_ns + ttl_ns : 0;
	lease_set(world->leases, lease_find(world->leases, name), world->held_until_ns[router]);
}

void
world_set_state(struct fuzz_world *world, unsigned int index)
{
	world->now = &world->prepared[index % WORLD_STATES];
}

void
world_set_neighbour(
	struct fuzz_world *world, bool v6, unsigned int host, bool known, uint8_t version)
{
	struct addr wanted = host_address(v6, host);
	struct nexthop hop = {
		.mac = {2, 0, 0, version, v6 ? 0xb6 : 0xb4, (uint8_t)host},
		.port = (uint8_t)(host % WORLD_PORTS),
		.state = known ? NEXTHOP_READY : NEXTHOP_UNKNOWN,
	};
	struct addr addr;
	uint32_t cursor = 0;
	uint16_t index;

	while ((index = nexthop_next(world->nexthops, &cursor, &addr)) != NEXTHOP_NONE)
		if (addr_equal(&addr, &wanted))
			nexthop_set(world->nexthops, index, &hop);
}
