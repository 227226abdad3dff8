/* SPDX-License-Identifier: BSD-3-Clause */
/* A small load balancer for tests; see world.h. */
#include "world.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Backend i of either pool is 02:00:00:00:be:0i on port 'back'. */
static const uint8_t backend_mac[5] = {2, 0, 0, 0, 0xbe};

static void
must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "test set-up failed: %d\n", rc);
		abort();
	}
}

static void __attribute__((format(printf, 2, 3))) name(char *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(to, CONTROL_NAME_SIZE, format, args);
	va_end(args);
}

static void
fill_service(struct world *world, int i, const char *text, int vip, uint16_t port)
{
	struct control_service *service = &world->services[i];

	name(service->name, "%s", text);
	service->address = world->vips[vip];
	service->port = port;
	service->protocol = port == 53 ? PROTOCOL_UDP : PROTOCOL_TCP;
	service->mode = MODE_DR;
	service->scheduler = SCHEDULER_MAGLEV;
	service->pool = vip == 0 ? WORLD_POOL4 : WORLD_POOL6;
}

static void
fill_state(struct world *world)
{
	static const char *const prefixes[] = {"192.0.2.", "2001:db8::"};

	world->vips[0] = frame_addr(WORLD_VIP4);
	world->vips[1] = frame_addr(WORLD_VIP6);
	for (int r = 0; r < 2; r++) {
		struct control_router *router = &world->routers[r];

		name(router->name, "front%d", r == 0 ? 4 : 6);
		name(router->port, "front");
		router->addresses = &world->vips[r];
		router->n_addresses = 1;
		router->accept = true;
	}
	for (int p = 0; p < WORLD_POOLS; p++) {
		name(world->pools[p].name, "pool%d", p);
		world->pools[p].backends = world->backends[p];
		world->pools[p].n_backends = WORLD_BACKENDS;
		for (int b = 0; b < WORLD_BACKENDS; b++) {
			struct control_backend *backend = &world->backends[p][b];
			char text[ADDR_TEXT_SIZE];

			snprintf(text, sizeof(text), "%s%d", prefixes[p], 11 + b);
			name(backend->name, "b%d", b + 1);
			backend->addr = frame_addr(text);
			backend->weight = 100;
			backend->up = true;
		}
	}
	fill_service(world, WORLD_HTTP4, "http4", 0, 80);
	fill_service(world, WORLD_DNS4, "dns4", 0, 53);
	fill_service(world, WORLD_HTTP6, "http6", 1, 80);
	fill_service(world, WORLD_DNS6, "dns6", 1, 53);
	world->state.routers = world->routers;
	world->state.n_routers = 2;
	world->state.pools = world->pools;
	world->state.n_pools = WORLD_POOLS;
	world->state.services = world->services;
	world->state.n_services = WORLD_SERVICES;
}

static void
resolve(struct world *world)
{
	struct nexthop hop = {.port = 1, .state = NEXTHOP_READY};
	size_t n;
	const struct snapshot_backend *backends = snapshot_backends(world->snapshot, &n);

	memcpy(hop.mac, backend_mac, sizeof(backend_mac));
	for (size_t i = 0; i < n; i++) {
		hop.mac[5] = (uint8_t)(backends[i].name[1] - '1');
		nexthop_set(world->nexthops, backends[i].nexthop, &hop);
	}
}

void
world_apply(struct world *world)
{
	const struct snapshot_tables tables = {.ports = &world->ports,
		.nexthops = world->nexthops,
		.leases = world->leases,
		.views = world->views};
	struct snapshot *snapshot = NULL;
	struct err err = {""};
	int rc;

	world->state.generation++;
	rc = snapshot_new(&snapshot, &world->state, world->snapshot, &tables, &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	must(rc);
	must(pipeline_prepare(world->pipeline, snapshot));
	snapshot_free(world->snapshot);
	world->snapshot = snapshot;
	resolve(world);
}

void
world_init(struct world *world, uint32_t n_flows)
{
	struct pipeline_config config = {.n_flows = n_flows, .seed = 42, .memory = memory_heap()};

	memset(world, 0, sizeof(*world));
	world->now_ns = WORLD_START_NS;
	world->ports.n_ports = 2;
	world->ports.ports[0].mtu = 1500;
	world->ports.ports[1].mtu = 1500;
	name(world->ports.ports[0].name, "front");
	name(world->ports.ports[1].name, "back");
	memcpy(world->ports.ports[0].mac, frame_port_mac, 6);
	memcpy(world->ports.ports[1].mac, frame_port_mac, 6);
	world->ports.ports[1].mac[5] = 2;
	must(nexthop_table_new(&world->nexthops));
	must(lease_table_new(&world->leases));
	config.ports = &world->ports;
	config.nexthops = world->nexthops;
	config.leases = world->leases;
	must(persistence_new(&world->persistence, 1024, 7));
	config.persistence = world->persistence;
	must(pipeline_new(&world->pipeline, &config));
	fill_state(world);
	world_apply(world);
	for (int r = 0; r < 2; r++)
		lease_set(world->leases, lease_find(world->leases, world->routers[r].name),
			world->now_ns + 3600 * NS_PER_S);
}

void
world_fini(struct world *world)
{
	snapshot_free(world->snapshot);
	pipeline_free(world->pipeline);
	nexthop_table_free(world->nexthops);
	lease_table_free(world->leases);
	persistence_free(world->persistence);
}

int
world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	world_init(world, 1000);
	*state = world;
	return 0;
}

int
world_tear_down(void **state)
{
	world_fini(*state);
	free(*state);
	return 0;
}

enum verdict
world_run(struct world *world, struct packet *packet)
{
	pipeline_run(world->pipeline, world->snapshot, packet, 1, world->now_ns);
	return packet->verdict;
}

void
world_assert_verdict(struct world *world, struct frame *frame, enum verdict verdict)
{
	assert_string_equal(verdict_name(world_run(world, &frame->packet)), verdict_name(verdict));
}

int
world_backend_of(const struct packet *packet)
{
	if (packet->verdict != V_FORWARD || memcmp(packet->data, backend_mac, 5) != 0)
		return -1;
	return packet->data[5];
}
