/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual routers, checks, pools and services; see config_build.h. */
#include "common/config_build.h"
#include "common/control.h"

#include <string.h>

#define ADVERT_MS_MIN 10
#define ADVERT_MS_MAX 40950 /* 12 bits of centiseconds (RFC 9568 5.2.7) */
#define DELAY_MS_MAX 3600000
#define CHECK_MS_MIN 10
#define CHECK_MS_MAX 3600000
#define RISE_FALL_MAX 100
#define BACKENDS_MAX 1000
#define SERVICES_MAX 10000
#define SLOW_START_S_MAX 3600
#define PREFIX4_DEFAULT 32
#define PREFIX6_DEFAULT 64 /* What one site's network has: hosts change the rest at will. */

static const struct lb_port *
find_port(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->lb.n_ports; i++) {
		if (strcmp(node->lb.ports[i].name, name) == 0)
			return &node->lb.ports[i];
	}
	return NULL;
}

static void
build_member(struct config_reader *reader, const char *path, const struct raw_member *raw,
	const struct model *model, const char *port, struct router_member *member)
{
	const char *name = config_name(reader, path, "node", raw->node);

	member->priority = (uint8_t)config_number(reader, path, "priority", raw->priority,
		(struct config_range){1, 255, CONFIG_REQUIRED});
	member->node = model_node(model, name);
	if (!member->node || member->node->role != ROLE_LB)
		config_fail(reader, path, "node", "'%s' is not a node with role lb", name);
	else if (!find_port(member->node, port))
		config_fail(reader, path, "node", "'%s' has no port called '%s'", name, port);
}

static void
build_members(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	if (raw->members_count == 0)
		config_fail(reader, path, NULL, "the list 'members' is missing or empty");
	router->members = config_array(reader, raw->members_count, sizeof(*router->members));
	for (size_t i = 0; router->members && i < raw->members_count; i++) {
		struct config_path member = config_path("%s.members[%zu]", path, i);

		build_member(reader, member.text, &raw->members[i], model, router->port,
			&router->members[i]);
		for (size_t j = 0; j < i; j++) {
			if (router->members[j].node == router->members[i].node)
				config_fail(reader, member.text, "node", "'%s' is a member already",
					raw->members[i].node);
		}
		router->n_members = i + 1;
	}
}

static const struct virtual_router *
find_holder(const struct model *model, const struct addr *addr)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		for (size_t j = 0; j < model->routers[i].n_addresses; j++) {
			if (addr_equal(&model->routers[i].addresses[j], addr))
				return &model->routers[i];
		}
	}
	return NULL;
}

static void
build_addresses(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	if (raw->addresses_count < 1 || raw->addresses_count > MODEL_VIPS_MAX)
		config_fail(reader, path, raw->addresses_count ? "addresses" : NULL,
			"%u addresses: give from 1 to %d", raw->addresses_count, MODEL_VIPS_MAX);
	router->addresses = config_array(reader, raw->addresses_count, sizeof(struct addr));
	for (size_t i = 0; router->addresses && i < raw->addresses_count; i++) {
		struct config_path item = config_path("%s.addresses[%zu]", path, i);
		struct addr addr = config_addr(reader, item.text, NULL, raw->addresses[i]);
		const struct virtual_router *other = find_holder(model, &addr);

		if (other)
			config_fail(reader, item.text, NULL,
				"'%s' belongs to virtual router '%s' already", raw->addresses[i],
				other->name);
		for (size_t j = 0; j < i; j++) {
			if (addr_equal(&router->addresses[j], &addr))
				config_fail(reader, item.text, NULL, "'%s' is given twice",
					raw->addresses[i]);
		}
		if (i > 0 && addr.family != router->addresses[0].family)
			config_fail(reader, item.text, NULL,
				"'%s' is of another family than '%s': VRRP needs one virtual "
				"router for each",
				raw->addresses[i], raw->addresses[0]);
		router->addresses[i] = addr;
		router->n_addresses = i + 1;
	}
	if (router->n_addresses > 0)
		router->family = (enum addr_family)router->addresses[0].family;
}

static void
build_router(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	uint64_t advert_ms;

	router->name = config_name(reader, path, "name", raw->name);
	router->vrid = (uint8_t)config_number(
		reader, path, "vrid", raw->vrid, (struct config_range){1, 255, CONFIG_REQUIRED});
	router->port = config_name(reader, path, "port", raw->port);
	advert_ms = config_number(reader, path, "advert_ms", raw->advert_ms,
		(struct config_range){ADVERT_MS_MIN, ADVERT_MS_MAX, 1000});
	if (advert_ms % 10 != 0)
		config_fail(reader, path, "advert_ms",
			"'%s' is not a multiple of 10: VRRP counts in hundredths of a second",
			raw->advert_ms);
	router->advert_cs = (uint32_t)(advert_ms / 10);
	router->preempt = config_bool(reader, path, "preempt", raw->preempt, true);
	router->preempt_delay_ms = (uint32_t)config_number(reader, path, "preempt_delay_ms",
		raw->preempt_delay_ms, (struct config_range){0, DELAY_MS_MAX, 0});
	build_addresses(reader, path, raw, model, router);
	build_members(reader, path, raw, model, router);
	for (size_t i = 0; i < model->n_routers; i++) {
		const struct virtual_router *other = &model->routers[i];

		if (strcmp(other->name, router->name) == 0)
			config_fail(reader, path, "name", "'%s' is used twice", router->name);
		if (other->vrid == router->vrid && other->family == router->family &&
			strcmp(other->port, router->port) == 0)
			config_fail(reader, path, "vrid", "%u is taken by '%s' on the same port",
				router->vrid, other->name);
	}
}

void
config_build_check(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	check->port = (uint16_t)config_number(
		reader, path, "port", raw->port, (struct config_range){1, 65535, 0});
	check->path = config_text(reader, path, "path", raw->path, "/");
	if (check->path[0] != '/' || strpbrk(check->path, " \r\n\t"))
		config_fail(reader, path, "path", "'%s' must begin with '/' and have no spaces",
			check->path);
	check->host = config_text(reader, path, "host", raw->host, NULL);
	check->expect_status = (uint16_t)config_number(reader, path, "expect_status",
		raw->expect_status, (struct config_range){100, 599, 200});
	check->interval_ms = (uint32_t)config_number(reader, path, "interval_ms", raw->interval_ms,
		(struct config_range){CHECK_MS_MIN, CHECK_MS_MAX, 2000});
	check->timeout_ms = (uint32_t)config_number(reader, path, "timeout_ms", raw->timeout_ms,
		(struct config_range){CHECK_MS_MIN, CHECK_MS_MAX, 1000});
	check->rise = (uint32_t)config_number(
		reader, path, "rise", raw->rise, (struct config_range){1, RISE_FALL_MAX, 2});
	check->fall = (uint32_t)config_number(
		reader, path, "fall", raw->fall, (struct config_range){1, RISE_FALL_MAX, 3});
}

static void
build_named_check(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	static const char *const types[] = {"tcp", "http", NULL};

	check->name = config_name(reader, path, "name", raw->name);
	check->type = config_word(reader, path, "type", raw->type, types, -1) == 0 ? CHECK_TCP
										   : CHECK_HTTP;
	config_build_check(reader, path, raw, check);
	if (check->type == CHECK_TCP && (raw->path || raw->host || raw->expect_status))
		config_fail(reader, path, "type",
			"a tcp check has no use for path, host and expect_status: did you mean "
			"http?");
}

static void
build_backend(struct config_reader *reader, const char *path, const struct raw_backend *raw,
	const struct pool *pool, struct backend *backend)
{
	backend->name = config_name(reader, path, "name", raw->name);
	backend->addr = config_addr(reader, path, "address", raw->address);
	backend->weight = (uint16_t)config_number(reader, path, "weight", raw->weight,
		(struct config_range){0, MODEL_WEIGHT_MAX, 100});
	backend->max_flows = (uint32_t)config_number(reader, path, "max_flows", raw->max_flows,
		(struct config_range){1, MODEL_FLOWS_MAX, 0});
	backend->port = (uint16_t)config_number(
		reader, path, "port", raw->port, (struct config_range){1, 65535, 0});
	for (size_t i = 0; i < pool->n_backends; i++) {
		if (strcmp(pool->backends[i].name, backend->name) == 0)
			config_fail(reader, path, "name", "'%s' is used twice in this pool",
				backend->name);
		if (addr_equal(&pool->backends[i].addr, &backend->addr))
			config_fail(reader, path, "address", "'%s' is used twice in this pool",
				raw->address);
	}
	if (pool->n_backends > 0 && pool->backends[0].addr.family != backend->addr.family)
		config_fail(reader, path, "address",
			"'%s' is of another family than the pool's first backend: make a pool for "
			"each",
			raw->address);
}

static void
build_pool(struct config_reader *reader, const char *path, const struct raw_pool *raw,
	const struct model *model, struct pool *pool)
{
	pool->name = config_name(reader, path, "name", raw->name);
	for (size_t i = 0; raw->check && i < model->n_checks; i++) {
		if (strcmp(model->checks[i].name, raw->check) == 0)
			pool->check = &model->checks[i];
	}
	if (raw->check && !pool->check)
		config_fail(reader, path, "check", "there is no check called '%s'", raw->check);
	if (raw->backends_count > BACKENDS_MAX)
		config_fail(reader, path, "backends", "%u backends: at most %d in a pool",
			raw->backends_count, BACKENDS_MAX);
	pool->slow_start_ms =
		1000 * (uint32_t)config_number(reader, path, "slow_start_s", raw->slow_start_s,
			       (struct config_range){0, SLOW_START_S_MAX, 0});
	if (raw->slow_start_s && !pool->check)
		config_fail(reader, path, "slow_start_s",
			"a pool without a check never sees a backend come back: give it a check");
	pool->backends = config_array(reader, raw->backends_count, sizeof(*pool->backends));
	for (size_t i = 0; pool->backends && i < raw->backends_count; i++) {
		struct config_path backend = config_path("%s.backends[%zu]", path, i);

		build_backend(reader, backend.text, &raw->backends[i], pool, &pool->backends[i]);
		pool->n_backends = i + 1;
	}
}

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

/* Whether 'addr' is a local address of a node or port before port 'p' of node 'n', or there before
 * address 'i'. */
static bool
is_taken(const struct model *model, size_t n, size_t p, size_t i)
{
	const struct addr *addr = &model->nodes[n].lb.ports[p].locals[i];

	for (size_t m = 0; m <= n; m++) {
		for (size_t q = 0; q < model->nodes[m].lb.n_ports && (m < n || q <= p); q++) {
			const struct lb_port *port = &model->nodes[m].lb.ports[q];
			size_t end = m == n && q == p ? i : port->n_locals;

			for (size_t j = 0; j < end; j++)
				if (addr_equal(&port->locals[j], addr))
					return true;
		}
	}
	return false;
}

/* Local addresses are one port's alone: somebody must be the one who answers for them. */
static void
check_locals(struct config_reader *reader, const struct model *model, size_t n, size_t p)
{
	const struct lb_port *port = &model->nodes[n].lb.ports[p];
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < port->n_locals; i++) {
		struct config_path path =
			config_path("nodes[%zu].lb.ports[%zu].local_addresses[%zu]", n, p, i);
		const struct virtual_router *router = find_holder(model, &port->locals[i]);

		addr_format(&port->locals[i], text, sizeof(text));
		if (router)
			config_fail(reader, path.text, NULL, "'%s' belongs to virtual router '%s'",
				text, router->name);
		if (is_taken(model, n, p, i))
			config_fail(reader, path.text, NULL,
				"'%s' is given twice: each port of each node has local addresses "
				"of its own",
				text);
	}
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
	const struct model *model, struct service *service)
{
	static const char *const protocols[] = {"tcp", "udp", NULL};
	static const char *const modes[] = {"dr", "tunnel", "nat", "fullnat", NULL};
	static const char *const schedulers[] = {
		"maglev", "round-robin", "least-connections", "source-hash", NULL};
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
	service->router = find_holder(model, &service->address);
	if (!service->router)
		config_fail(reader, path, "address",
			"'%s' is not an address of any virtual router, so no node would answer for "
			"it",
			raw->address);
	pool = config_name(reader, path, "pool", raw->pool);
	for (size_t i = 0; i < model->n_pools; i++) {
		if (strcmp(model->pools[i].name, pool) == 0)
			service->pool = &model->pools[i];
	}
	if (!service->pool)
		config_fail(reader, path, "pool", "there is no pool called '%s'", pool);
	else if (service->mode != MODE_TUNNEL && service->pool->n_backends > 0 &&
		 service->pool->backends[0].addr.family != service->address.family)
		config_fail(reader, path, "pool",
			"mode %s keeps a packet's family: the backends of '%s' must have the "
			"family of '%s'",
			forward_mode_name(service->mode), pool, raw->address);
	check_probe_port(reader, path, service);
	config_build_tunnel(reader, path, raw, model, service);
	if (service->pool && service->router)
		check_mode(reader, path, service);
}

static void
build_services(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	if (raw->services_count > SERVICES_MAX)
		config_fail(reader, "services", NULL, "%u services: at most %d",
			raw->services_count, SERVICES_MAX);
	model->services = config_array(reader, raw->services_count, sizeof(*model->services));
	for (size_t i = 0; model->services && i < raw->services_count && reader->code == 0; i++) {
		struct config_path path = config_path("services[%zu]", i);
		struct service *service = &model->services[i];

		build_service(reader, path.text, &raw->services[i], model, service);
		for (size_t j = 0; j < i; j++) {
			const struct service *other = &model->services[j];

			if (strcmp(other->name, service->name) == 0)
				config_fail(reader, path.text, "name", "'%s' is used twice",
					service->name);
			if (addr_equal(&other->address, &service->address) &&
				other->port == service->port &&
				other->protocol == service->protocol)
				config_fail(reader, path.text, "address",
					"'%s' has the same address, port and protocol",
					other->name);
		}
		model->n_services = i + 1;
	}
}

void
config_build_balancing(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	if (raw->virtual_routers_count > MODEL_ROUTERS_MAX)
		config_fail(reader, "virtual_routers", NULL, "%u virtual routers: at most %d",
			raw->virtual_routers_count, MODEL_ROUTERS_MAX);
	model->routers = config_array(reader, raw->virtual_routers_count, sizeof(*model->routers));
	model->checks = config_array(reader, raw->checks_count, sizeof(*model->checks));
	model->pools = config_array(reader, raw->pools_count, sizeof(*model->pools));
	if (reader->code < 0)
		return;
	for (size_t i = 0; i < raw->virtual_routers_count; i++) {
		struct config_path path = config_path("virtual_routers[%zu]", i);

		build_router(
			reader, path.text, &raw->virtual_routers[i], model, &model->routers[i]);
		model->n_routers = i + 1;
	}
	for (size_t i = 0; i < raw->checks_count; i++) {
		struct config_path path = config_path("checks[%zu]", i);

		build_named_check(reader, path.text, &raw->checks[i], &model->checks[i]);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(model->checks[j].name, model->checks[i].name) == 0)
				config_fail(reader, path.text, "name", "'%s' is used twice",
					model->checks[i].name);
		}
		model->n_checks = i + 1;
	}
	for (size_t i = 0; i < raw->pools_count; i++) {
		struct config_path path = config_path("pools[%zu]", i);

		build_pool(reader, path.text, &raw->pools[i], model, &model->pools[i]);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(model->pools[j].name, model->pools[i].name) == 0)
				config_fail(reader, path.text, "name", "'%s' is used twice",
					model->pools[i].name);
		}
		model->n_pools = i + 1;
	}
	for (size_t i = 0; i < model->n_nodes; i++)
		for (size_t j = 0; j < model->nodes[i].lb.n_ports; j++)
			check_locals(reader, model, i, j);
	build_services(reader, raw, model);
}
