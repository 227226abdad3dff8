/* SPDX-License-Identifier: BSD-3-Clause */
/* The load balancer that is measured; see scene.h. */
#include "scene.h"

#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_LOCALS 16
#define WEIGHT 100
#define PERSISTENCE_SEED 7

/* Addresses of the same network in both families: 172.16.0.0 + host, 2001:db8:b::host. */
static struct addr
inside_address(uint8_t family, uint32_t host)
{
	uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xb};

	bytes[14] = (uint8_t)(host >> 8);
	bytes[15] = (uint8_t)host;
	return family == ADDR_V6 ? addr_from_v6(bytes) : addr_from_v4(be32_from(0xac100000 + host));
}

static int
fill_pool(struct scene *scene, const struct scene_config *config)
{
	struct control_pool *pool = &scene->pool;

	pool->backends = calloc(config->n_backends, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	snprintf(pool->name, sizeof(pool->name), "pool");
	pool->n_backends = config->n_backends;
	for (uint32_t i = 0; i < config->n_backends; i++) {
		struct control_backend *backend = &pool->backends[i];

		snprintf(backend->name, sizeof(backend->name), "b%u", i);
		backend->addr = inside_address(config->family, 1024 + i);
		backend->weight = WEIGHT;
		backend->up = true;
	}
	scene->state.pools = pool;
	scene->state.n_pools = 1;
	return 0;
}

static int
fill_services(struct scene *scene, const struct scene_config *config)
{
	struct control_service *services = calloc(config->n_services, sizeof(*services));

	if (!services)
		return -ENOMEM;
	scene->state.services = services;
	scene->state.n_services = config->n_services;
	for (uint32_t i = 0; i < config->n_services; i++) {
		struct control_service *service = &services[i];

		snprintf(service->name, sizeof(service->name), "s%u", i);
		service->address = traffic_service(i, config->family, &service->port);
		service->protocol = config->protocol;
		service->mode = config->mode;
		service->scheduler = config->scheduler;
		service->tunnel.type = config->tunnel;
		service->tunnel.gue_port = TUNNEL_GUE_PORT;
		for (int f = 0; f < 2; f++) {
			uint8_t family = f ? ADDR_V6 : ADDR_V4;

			service->tunnel.sources[f].addr = inside_address(family, 1);
			service->tunnel.sources[f].prefix = f ? 128 : 32;
		}
	}
	return 0;
}

static int
fill_router(struct scene *scene, const struct scene_config *config)
{
	uint32_t n = (config->n_services + TRAFFIC_PORTS - 1) / TRAFFIC_PORTS;
	struct control_router *router = &scene->router;

	router->addresses = calloc(n, sizeof(*router->addresses));
	scene->local.addresses = calloc(N_LOCALS, sizeof(*scene->local.addresses));
	if (!router->addresses || !scene->local.addresses)
		return -ENOMEM;
	snprintf(router->name, sizeof(router->name), "front");
	snprintf(router->port, sizeof(router->port), "%s", scene->ports.ports[0].name);
	router->n_addresses = n;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t port;

		router->addresses[i] = traffic_service(i * TRAFFIC_PORTS, config->family, &port);
	}
	snprintf(scene->local.port, sizeof(scene->local.port), "%s", router->port);
	scene->local.n_addresses = N_LOCALS;
	for (uint32_t i = 0; i < N_LOCALS; i++)
		scene->local.addresses[i] = inside_address(config->family, 16 + i);
	scene->state.routers = router;
	scene->state.n_routers = 1;
	if (config->mode == MODE_FULLNAT) {
		scene->state.locals = &scene->local;
		scene->state.n_locals = 1;
	}
	return 0;
}

int
scene_init(struct scene *scene, const struct scene_config *config, const uint8_t mac[static 6],
	struct err *err)
{
	int rc;

	*scene = (struct scene){0};
	scene->ports.n_ports = 1;
	snprintf(scene->ports.ports[0].name, sizeof(scene->ports.ports[0].name), "front");
	memcpy(scene->ports.ports[0].mac, mac, sizeof(scene->ports.ports[0].mac));
	scene->ports.ports[0].mtu = 1500;
	rc = nexthop_table_new(&scene->nexthops);
	if (rc == 0)
		rc = lease_table_new(&scene->leases);
	if (rc == 0)
		rc = persistence_new(&scene->persistence, PERSISTENCE_ENTRIES, PERSISTENCE_SEED);
	if (rc == 0)
		rc = fill_pool(scene, config);
	if (rc == 0)
		rc = fill_services(scene, config);
	if (rc == 0)
		rc = fill_router(scene, config);
	if (rc < 0) {
		scene_fini(scene);
		return err_set(err, rc, "the scene cannot be made: %s", strerror(-rc));
	}
	return 0;
}

void
scene_fini(struct scene *scene)
{
	free(scene->pool.backends);
	free(scene->state.services);
	free(scene->router.addresses);
	free(scene->local.addresses);
	nexthop_table_free(scene->nexthops);
	lease_table_free(scene->leases);
	persistence_free(scene->persistence);
}

/* What the kernel's neighbour table would say. */
static void
resolve(struct scene *scene)
{
	struct addr addr;
	uint32_t cursor = 0;
	uint16_t index;

	while ((index = nexthop_next(scene->nexthops, &cursor, &addr)) != NEXTHOP_NONE) {
		struct nexthop hop = {.mac = {2, 0, 0, 0xbe, (uint8_t)(index >> 8), (uint8_t)index},
			.state = NEXTHOP_READY};

		nexthop_set(scene->nexthops, index, &hop);
	}
}

int
scene_snapshot(struct scene *scene, struct snapshot **out, const struct snapshot *previous,
	struct err *err)
{
	const struct snapshot_tables tables = {
		.ports = &scene->ports, .nexthops = scene->nexthops, .leases = scene->leases};
	uint64_t n = scene->state.generation++;
	int rc;

	if (n > 0) {
		struct control_backend *backend = &scene->pool.backends[n % scene->pool.n_backends];

		backend->weight = backend->weight == WEIGHT ? WEIGHT - 1 : WEIGHT;
	}
	rc = snapshot_new(out, &scene->state, previous, &tables, err);
	if (rc == 0)
		resolve(scene);
	return rc;
}
