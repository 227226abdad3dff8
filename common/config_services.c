/* SPDX-License-Identifier: BSD-3-Clause */
/* Services and what they ask of pools and nodes; see config_build.h. */
#include "common/config_build.h"
#include "common/config_index.h"
#include "common/control.h"

#include <string.h>

#define SERVICES_MAX 10000
#define PREFIX4_DEFAULT 32
#define PREFIX6_DEFAULT 64 /* What one site's network has: hosts change the rest at will. */

static uint16_t
build_port(struct config_reader *reader, const char *path, const char *raw)
{
	if (raw && strcmp(raw, "any") == 0)
		return 0;
	return (uint16_t)config_number(
		reader, path, "port", raw, (struct config_range){1, 65535, CONFIG_REQUIRED});
}

static void
build_persistence(struct config_reader *reader, const char *service_path,
	const struct raw_persistence *raw, struct service *service)
{
	struct config_path path = config_path("%s.persistence", service_path);
	struct persistence_config *persistence = &service->persistence;

	persistence->timeout_s = (uint32_t)config_number(reader, path.text, "timeout_s",
		raw->timeout_s, (struct config_range){1, MODEL_PERSISTENCE_S_MAX, CONFIG_REQUIRED});
	persistence->prefix4 = (uint8_t)config_number(reader, path.text, "prefix4", raw->prefix4,
		(struct config_range){1, 32, PREFIX4_DEFAULT});
	persistence->prefix6 = (uint8_t)config_number(reader, path.text, "prefix6", raw->prefix6,
		(struct config_range){1, 128, PREFIX6_DEFAULT});
	if (service->scheduler == SCHEDULER_SOURCE_HASH)
		config_fail(reader, service_path, "persistence",
			"source-hash keeps clients together by their whole address already: "
			"persistence goes with maglev, round-robin and least-connections");
}

/* What services refer to, in order. */
struct surroundings {
	const struct model *model;
	struct config_index pools;     /* By name. */
	struct config_index addresses; /* Of struct held. */
};

/* An address and who holds it. */
struct held {
	struct addr addr;
	const struct virtual_router *router;
};

static int
compare_held(const void *a, const void *b)
{
	return memcmp(&((const struct held *)a)->addr, &((const struct held *)b)->addr,
		sizeof(struct addr));
}

/* Without a port of its own a check asks the service's, which must then have one. */
static void
check_probe_port(struct config_reader *reader, const char *path, const struct service *service)
{
	const struct pool *pool = service->pool;

	if (service->port == 0 && pool && pool->check && pool->check->port == 0)
		config_fail(reader, path, "port",
			"'any' leaves check '%s' of pool '%s' without a port to probe: give the "
			"check one",
			pool->check->name, pool->name);
}

static void
build_limits(struct config_reader *reader, const char *path, const struct raw_service_limits *raw,
	struct service_limits *limits)
{
	const struct config_range rate = {1, MODEL_RATE_MAX, 0};
	struct config_path place = config_path("%s.limits", path);

	if (!raw)
		return;
	limits->new_flows_per_s = (uint32_t)config_number(
		reader, place.text, "new_flows_per_s", raw->new_flows_per_s, rate);
	limits->packets_per_s = (uint32_t)config_number(
		reader, place.text, "packets_per_s", raw->packets_per_s, rate);
	if (limits->packets_per_s && limits->new_flows_per_s > limits->packets_per_s)
		config_fail(reader, place.text, "new_flows_per_s",
			"'%s' is more than packets_per_s, and every new flow is a packet",
			raw->new_flows_per_s);
}

static bool
has_local(const struct node *node, uint8_t family)
{
	for (size_t i = 0; i < node->lb.n_ports; i++)
		for (size_t j = 0; j < node->lb.ports[i].n_locals; j++)
			if (node->lb.ports[i].locals[j].family == family)
				return true;
	return false;
}

/* What only some modes can do. */
static void
check_mode(struct config_reader *reader, const char *path, const struct service *service)
{
	const struct virtual_router *router = service->router;

	for (size_t i = 0; !mode_translates(service->mode) && i < service->pool->n_backends; i++) {
		const struct backend *backend = &service->pool->backends[i];

		if (backend->port != 0 && backend->port != service->port)
			config_fail(reader, path, "pool",
				"backend '%s' of '%s' has port %u, and mode %s cannot change "
				"ports: choose nat or fullnat, or give no port",
				backend->name, service->pool->name, backend->port,
				forward_mode_name(service->mode));
	}
	for (size_t i = 0; mode_translates(service->mode) && i < router->n_members; i++) {
		const struct node *node = router->members[i].node;

		if (service->mode == MODE_FULLNAT && !has_local(node, service->address.family))
			config_fail(reader, path, "mode",
				"mode fullnat speaks to backends from addresses of the node's own: "
				"node '%s' has none of this family: give its port "
				"local_addresses",
				node->name);
	}
}

static void
build_service(struct config_reader *reader, const char *path, const struct raw_service *raw,
	const struct surroundings *around, struct service *service)
{
	static const char *const protocols[] = {"tcp", "udp", NULL};
	static const char *const modes[] = {"dr", "tunnel", "nat", "fullnat", NULL};
	static const char *const schedulers[] = {
		"maglev", "round-robin", "least-connections", "source-hash", NULL};
	const struct held *held;
	struct held like;
	const char *pool;

	service->name = config_name(reader, path, "name", raw->name);
	service->address = config_addr(reader, path, "address", raw->address);
	service->port = build_port(reader, path, raw->port);
	build_limits(reader, path, raw->limits, &service->limits);
	service->protocol = config_word(reader, path, "protocol", raw->protocol, protocols, 0) == 0
				    ? PROTOCOL_TCP
				    : PROTOCOL_UDP;
	service->mode =
		(enum forward_mode)config_word(reader, path, "mode", raw->mode, modes, MODE_DR);
	service->scheduler = (enum scheduler_kind)config_word(
		reader, path, "scheduler", raw->scheduler, schedulers, SCHEDULER_MAGLEV);
	if (raw->persistence)
		build_persistence(reader, path, raw->persistence, service);
	like.addr = service->address;
	held = config_index_find(&around->addresses, &like);
	service->router = held ? held->router : NULL;
	if (!service->router)
		config_fail(reader, path, "address",
			"'%s' is not an address of any virtual router, so no node would answer for "
			"it",
			raw->address);
	pool = config_name(reader, path, "pool", raw->pool);
	service->pool = config_index_find(&around->pools, &pool);
	if (!service->pool)
		config_fail(reader, path, "pool", "there is no pool called '%s'", pool);
	else if (service->mode != MODE_TUNNEL && service->pool->n_backends > 0 &&
		 service->pool->backends[0].addr.family != service->address.family)
		config_fail(reader, path, "pool",
			"mode %s keeps a packet's family: the backends of '%s' must have the "
			"family of '%s'",
			forward_mode_name(service->mode), pool, raw->address);
	check_probe_port(reader, path, service);
	config_build_tunnel(reader, path, raw, around->model, service);
	config_build_service_lists(reader, path, raw, around->model, service);
	config_build_nat(reader, path, raw, service);
	if (service->pool && service->router)
		check_mode(reader, path, service);
}

static int
compare_keys(const void *a, const void *b)
{
	const struct service *left = a;
	const struct service *right = b;
	int order = memcmp(&left->address, &right->address, sizeof(left->address));

	if (order == 0)
		order = (int)left->port - (int)right->port;
	return order ? order : (int)left->protocol - (int)right->protocol;
}

static void
check_twins(struct config_reader *reader, const struct model *model)
{
	size_t n = model->n_services;
	size_t before, twin;
	struct config_path path;

	config_check_names(reader, "services", model->services, n, sizeof(*model->services), "");
	twin = config_find_twin(
		reader, model->services, n, sizeof(*model->services), compare_keys, &before);
	path = config_path("services[%zu]", twin);
	if (twin < n)
		config_fail(reader, path.text, "address",
			"'%s' has the same address, port and protocol",
			model->services[before].name);
}

static void
look_around(struct config_reader *reader, const struct model *model, struct surroundings *around)
{
	struct held *held;
	size_t n = 0;

	for (size_t i = 0; i < model->n_routers; i++)
		n += model->routers[i].n_addresses;
	held = config_array(reader, n, sizeof(*held));
	n = 0;
	for (size_t i = 0; held && i < model->n_routers; i++) {
		const struct virtual_router *router = &model->routers[i];

		for (size_t j = 0; j < router->n_addresses; j++)
			held[n++] = (struct held){router->addresses[j], router};
	}
	around->model = model;
	config_index_init(&around->pools, reader, model->pools, model->n_pools,
		sizeof(*model->pools), config_compare_names);
	config_index_init(&around->addresses, reader, held, n, sizeof(*held), compare_held);
}

void
config_build_services(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	struct surroundings around;

	if (raw->services_count > SERVICES_MAX)
		config_fail(reader, "services", NULL, "%u services: at most %d",
			raw->services_count, SERVICES_MAX);
	look_around(reader, model, &around);
	model->services = config_array(reader, raw->services_count, sizeof(*model->services));
	for (size_t i = 0; model->services && i < raw->services_count && reader->code == 0; i++) {
		struct config_path path = config_path("services[%zu]", i);

		build_service(reader, path.text, &raw->services[i], &around, &model->services[i]);
		model->n_services = i + 1;
	}
	if (reader->code == 0)
		check_twins(reader, model);
	config_index_fini(&around.pools);
	config_index_fini(&around.addresses);
}
