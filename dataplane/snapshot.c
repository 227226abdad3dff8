/* SPDX-License-Identifier: BSD-3-Clause */
/* Building snapshots; see snapshot.h. The pieces are built in an order in which each needs only
 * the earlier ones: routers and VIPs, pools with their backends, services. A snapshot that is not
 * finished can be freed. */
#include "dataplane/snapshot.h"

#include "dataplane/scheduler.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/snapshot_nat.h"
#include "dataplane/snapshot_schedule.h"
#include "dataplane/stats.h"
#include "dataplane/tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIP_ID_MAX UINT16_MAX
#define SERVICE_ID_MAX (STATS_SERVICES_MAX - 1)
#define BACKEND_ID_MAX (STATS_BACKENDS_MAX - 1)
#define POOL_ID_MAX UINT16_MAX

/* Half of the ids, so that a state of entirely new things always finds free ones. */
#define VIPS_MAX (VIP_ID_MAX / 2)
#define BACKENDS_MAX (BACKEND_ID_MAX / 2)
#define POOLS_MAX (POOL_ID_MAX / 2)

static_assert(CONTROL_SERVICES_MAX <= SERVICE_ID_MAX / 2, "see above");

/* One build. */
struct build {
	struct snapshot *snapshot;
	const struct control_state *state;
	const struct snapshot *previous;
	struct err *err;
};

struct backend_key {
	char pool[CONTROL_NAME_SIZE];
	char name[CONTROL_NAME_SIZE];
	struct addr addr;
};

static_assert(sizeof(struct backend_key) <= IDS_KEY_MAX, "fits");

static int
no_memory(const struct build *build)
{
	return err_set(build->err, -ENOMEM, "not enough memory for the configuration");
}

static int
check_limits(const struct build *build)
{
	const struct control_state *state = build->state;
	size_t n_vips = state->n_services;
	size_t n_backends = 0;

	for (size_t i = 0; i < state->n_routers; i++)
		n_vips += state->routers[i].n_addresses;
	for (size_t i = 0; i < state->n_locals; i++)
		n_vips += state->locals[i].n_addresses;
	for (size_t i = 0; i < state->n_pools; i++)
		n_backends += state->pools[i].n_backends;
	if (state->n_services > CONTROL_SERVICES_MAX)
		return err_set(build->err, -E2BIG, "%zu services; there may be %d",
			state->n_services, CONTROL_SERVICES_MAX);
	if (n_vips > VIPS_MAX)
		return err_set(build->err, -E2BIG,
			"%zu addresses of routers and services; there may be %d", n_vips, VIPS_MAX);
	if (n_backends > BACKENDS_MAX)
		return err_set(build->err, -E2BIG, "%zu backends in all pools; there may be %d",
			n_backends, BACKENDS_MAX);
	if (state->n_pools > POOLS_MAX)
		return err_set(build->err, -E2BIG, "%zu pools; there may be %d", state->n_pools,
			POOLS_MAX);
	return 0;
}

/* Allocates all arrays. VIPs are at most the routers' addresses and one for each service. */
static int
allocate(const struct build *build)
{
	const struct control_state *state = build->state;
	const struct snapshot *previous = build->previous;
	struct snapshot *s = build->snapshot;
	size_t n_addresses = 0;
	size_t n_vips;
	size_t n_backends = 0;

	for (size_t i = 0; i < state->n_routers; i++)
		n_addresses += state->routers[i].n_addresses;
	for (size_t i = 0; i < state->n_pools; i++)
		n_backends += state->pools[i].n_backends;
	n_vips = n_addresses + state->n_services;
	for (size_t i = 0; i < state->n_locals; i++)
		n_vips += state->locals[i].n_addresses;

	/* One more of each than needed, since an allocation of nothing may be NULL. */
	s->addresses = calloc(n_addresses + 1, sizeof(*s->addresses));
	s->routers = calloc(state->n_routers + 1, sizeof(*s->routers));
	s->vips = calloc(n_vips + 1, sizeof(*s->vips));
	s->pools = calloc(state->n_pools + 1, sizeof(*s->pools));
	s->services = calloc(state->n_services + 1, sizeof(*s->services));
	s->backends = calloc(n_backends + 1, sizeof(*s->backends));
	s->path_services = calloc(state->n_services + 1, sizeof(*s->path_services));
	s->schedules = calloc(state->n_services + 1, sizeof(*s->schedules));
	s->path_backends = calloc((size_t)BACKEND_ID_MAX + 1, sizeof(*s->path_backends));
	s->vips_by_id = calloc((size_t)VIP_ID_MAX + 1, sizeof(struct snapshot_vip *));
	s->pools_by_id = calloc((size_t)POOL_ID_MAX + 1, sizeof(*s->pools_by_id));
	s->backends_by_id = calloc((size_t)BACKEND_ID_MAX + 1, sizeof(struct snapshot_backend *));
	s->path_limits = calloc(state->n_services + 1, sizeof(*s->path_limits));
	s->path_max_flows = calloc((size_t)BACKEND_ID_MAX + 1, sizeof(*s->path_max_flows));
	s->path_encaps = calloc(state->n_services + 1, sizeof(*s->path_encaps));
	s->path_addrs = calloc((size_t)BACKEND_ID_MAX + 1, sizeof(*s->path_addrs));
	if (!s->path_limits || !s->path_max_flows || !s->path_encaps || !s->path_addrs)
		return no_memory(build);
	if (!s->addresses || !s->routers || !s->vips || !s->pools || !s->services || !s->backends ||
		!s->path_services || !s->path_backends || !s->vips_by_id || !s->pools_by_id ||
		!s->backends_by_id || !s->schedules ||
		service_table_init(&s->table, n_vips + state->n_services) < 0)
		return no_memory(build);
	if (ids_new(&s->vip_ids, (uint32_t)n_vips, VIP_ID_MAX,
		    previous ? previous->vip_ids : NULL) < 0 ||
		ids_new(&s->service_ids, (uint32_t)state->n_services, SERVICE_ID_MAX,
			previous ? previous->service_ids : NULL) < 0 ||
		ids_new(&s->backend_ids, (uint32_t)n_backends, BACKEND_ID_MAX,
			previous ? previous->backend_ids : NULL) < 0 ||
		ids_new(&s->pool_ids, (uint32_t)state->n_pools, POOL_ID_MAX,
			previous ? previous->pool_ids : NULL) < 0)
		return no_memory(build);
	return 0;
}

/* Adds a VIP to the set. Returns -EEXIST, without a message, if it is there already. */
static int
add_vip(const struct build *build, const struct addr *addr, uint16_t lease, uint16_t port)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_vip *vip = &s->vips[s->n_vips];
	struct service_key key = {.family = addr->family};
	bool is_new;
	int rc;

	vip->addr = *addr;
	vip->lease = lease;
	vip->port = port;
	rc = ids_assign(s->vip_ids, addr, sizeof(*addr), &vip->id, &is_new);
	if (rc < 0)
		return rc;
	memcpy(key.address, addr->bytes, sizeof(key.address));
	rc = service_table_add(&s->table, &key, vip->id, 0);
	if (rc < 0)
		return rc;
	s->vips_by_id[vip->id] = vip;
	s->n_vips++;
	return 0;
}

static int
add_router(const struct build *build, const struct control_router *from, struct addr *addresses)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_router *router = &s->routers[s->n_routers];
	int port = port_table_find(s->tables.ports, from->port);
	int lease;

	if (port < 0)
		return err_set(build->err, -EINVAL,
			"virtual router %s: this node has no port called %s", from->name,
			from->port);
	lease = lease_acquire(s->tables.leases, from->name);
	if (lease < 0)
		return err_set(build->err, lease, "virtual router %s: more than %d routers",
			from->name, MODEL_ROUTERS_MAX);
	router->lease = (uint16_t)lease;
	s->n_routers++; /* From here on snapshot_free() releases the lease. */
	snprintf(router->name, sizeof(router->name), "%s", from->name);
	router->port = (uint16_t)port;
	router->addresses = addresses;
	router->n_addresses = from->n_addresses;
	for (size_t i = 0; i < from->n_addresses; i++) {
		char text[ADDR_TEXT_SIZE];
		int rc = add_vip(build, &from->addresses[i], router->lease, router->port);

		if (rc < 0)
			return err_set(build->err, rc == -EEXIST ? -EINVAL : rc,
				"virtual router %s: address %s is given twice", from->name,
				addr_format(&from->addresses[i], text, sizeof(text)));
		addresses[i] = from->addresses[i];
	}
	return 0;
}

static int
add_routers(const struct build *build)
{
	struct addr *addresses = build->snapshot->addresses;

	for (size_t i = 0; i < build->state->n_routers; i++) {
		const struct control_router *router = &build->state->routers[i];
		int rc = add_router(build, router, addresses);

		if (rc < 0)
			return rc;
		addresses += router->n_addresses;
	}
	return 0;
}

static int
add_locals_of(const struct build *build, const struct control_local *from)
{
	struct snapshot *s = build->snapshot;
	int port = port_table_find(s->tables.ports, from->port);

	if (port < 0)
		return err_set(build->err, -EINVAL,
			"local addresses: this node has no port called %s", from->port);
	for (size_t i = 0; i < from->n_addresses; i++) {
		char text[ADDR_TEXT_SIZE];
		int rc = add_vip(build, &from->addresses[i], LEASE_NONE, (uint16_t)port);

		if (rc < 0)
			return err_set(build->err, rc == -EEXIST ? -EINVAL : rc,
				"local address %s is given twice, or a virtual router's",
				addr_format(&from->addresses[i], text, sizeof(text)));
		s->vips[s->n_vips - 1].local = true;
	}
	return 0;
}

static int
add_locals(const struct build *build)
{
	for (size_t i = 0; i < build->state->n_locals; i++) {
		int rc = add_locals_of(build, &build->state->locals[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
add_backend(const struct build *build, const struct control_pool *pool,
	const struct control_backend *from, uint16_t pool_index)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_backend *backend = &s->backends[s->n_backends];
	struct backend_key key = {.addr = from->addr};
	struct path_backend *path;
	int nexthop;

	snprintf(backend->pool, sizeof(backend->pool), "%s", pool->name);
	snprintf(backend->name, sizeof(backend->name), "%s", from->name);
	/* By bytes, padding included: 'key' is all zero otherwise. */
	memcpy(key.pool, backend->pool, sizeof(key.pool));
	memcpy(key.name, backend->name, sizeof(key.name));
	if (addr_size(&from->addr) == 0)
		return err_set(build->err, -EINVAL, "backend %s of pool %s has no address",
			from->name, pool->name);
	if (ids_assign(s->backend_ids, &key, sizeof(key), &backend->id, &backend->is_new) < 0)
		return err_set(build->err, -EINVAL, "backend %s is twice in pool %s", from->name,
			pool->name);
	nexthop = nexthop_acquire(s->tables.nexthops, &from->addr);
	if (nexthop < 0)
		return err_set(build->err, nexthop, "more than %d next hops", NEXTHOPS_MAX - 1);
	backend->nexthop = (uint16_t)nexthop;
	s->n_backends++; /* From here on snapshot_free() releases the next hop. */
	backend->addr = from->addr;
	backend->weight = from->weight;
	backend->up = from->up;
	s->backends_by_id[backend->id] = backend;
	path = &s->path_backends[backend->id];
	path->nexthop = backend->nexthop;
	path->pool = pool_index;
	path->usable = from->up;
	path->weight = from->up ? from->weight : 0;
	s->path_max_flows[backend->id] = from->max_flows;
	s->path_addrs[backend->id] = from->addr;
	return 0;
}

/* Finds the table of the same members in the previous snapshot, or builds one. */
static int
make_maglev(const struct build *build, struct snapshot_pool *pool,
	const struct maglev_member *members, uint32_t n_members)
{
	const struct snapshot *previous = build->previous;
	uint16_t id;

	if (n_members == 0)
		return 0;
	id = previous ? ids_find(previous->pool_ids, pool->name, strlen(pool->name)) : 0;
	if (id) {
		struct maglev *maglev = previous->pools[previous->pools_by_id[id]].maglev;

		if (maglev && maglev_is_of(maglev, members, n_members)) {
			pool->maglev = maglev_ref(maglev);
			return 0;
		}
	}
	return maglev_new(&pool->maglev, members, n_members, MAGLEV_SIZE_DEFAULT) < 0
		       ? no_memory(build)
		       : 0;
}

static int
add_pool(const struct build *build, const struct control_pool *from)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_pool *pool = &s->pools[s->n_pools];
	const struct snapshot_backend *backends = &s->backends[s->n_backends];
	struct maglev_member *members;
	uint32_t n_members = 0;
	bool is_new;
	uint16_t id;
	int rc;

	snprintf(pool->name, sizeof(pool->name), "%s", from->name);
	if (ids_assign(s->pool_ids, pool->name, strlen(pool->name), &id, &is_new) < 0)
		return err_set(build->err, -EINVAL, "pool %s is given twice", pool->name);
	s->pools_by_id[id] = (uint32_t)s->n_pools;
	pool->id = id;
	members = calloc(from->n_backends + 1, sizeof(*members));
	if (!members)
		return no_memory(build);
	for (size_t i = 0; i < from->n_backends; i++) {
		const struct control_backend *backend = &from->backends[i];

		rc = add_backend(build, from, backend, (uint16_t)s->n_pools);
		if (rc < 0)
			goto out;
		if (!backend->up || backend->weight == 0)
			continue;
		members[n_members].seed = maglev_seed(&backend->addr, backend->name);
		members[n_members].id = backends[i].id;
		members[n_members].weight = backend->weight;
		n_members++;
	}
	rc = make_maglev(build, pool, members, n_members);
	s->n_pools++;
out:
	free(members);
	return rc;
}

static int
add_pools(const struct build *build)
{
	for (size_t i = 0; i < build->state->n_pools; i++) {
		int rc = add_pool(build, &build->state->pools[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool
has_local(const struct snapshot *s, uint8_t family)
{
	for (size_t i = 0; i < s->n_vips; i++)
		if (s->vips[i].local && s->vips[i].addr.family == family)
			return true;
	return false;
}

static int
check_service(const struct build *build, const struct control_service *service)
{
	const struct control_pool *pool;

	if (service->pool >= build->state->n_pools)
		return err_set(build->err, -EINVAL, "service %s: there is no pool %u",
			service->name, service->pool);
	if (service->protocol != PROTOCOL_TCP && service->protocol != PROTOCOL_UDP)
		return err_set(build->err, -EINVAL,
			"service %s: protocol %u is neither TCP nor UDP", service->name,
			service->protocol);
	if (service->mode > MODE_FULLNAT || !scheduler_of((enum scheduler_kind)service->scheduler))
		return err_set(build->err, -EINVAL,
			"service %s: mode or scheduler unknown to this version", service->name);
	if (service->mode == MODE_TUNNEL)
		return tunnel_check(
			build->state, service, build->snapshot->tables.ports, build->err);
	if (service->mode == MODE_FULLNAT && !has_local(build->snapshot, service->address.family))
		return err_set(build->err, -EINVAL,
			"service %s: mode fullnat needs a local address of the service's family",
			service->name);
	pool = &build->state->pools[service->pool];
	for (size_t i = 0; i < pool->n_backends; i++)
		if (pool->backends[i].addr.family != service->address.family)
			return err_set(build->err, -EINVAL,
				"service %s: backend %s of pool %s is not of the same address "
				"family, which mode %s needs",
				service->name, pool->backends[i].name, pool->name,
				forward_mode_name((enum forward_mode)service->mode));
	return 0;
}

/* Fills what limits the service and its pool's backends have. */
static void
add_limits(const struct build *build, const struct control_service *from)
{
	struct snapshot *s = build->snapshot;
	const struct control_pool *pool = &build->state->pools[from->pool];
	struct path_limit *limit = &s->path_limits[s->n_services];
	uint8_t options = 0;

	limit->new_flow_ns = limit_interval(from->limits.new_flows_per_s);
	limit->packet_ns = limit_interval(from->limits.packets_per_s);
	if (limit->new_flow_ns)
		options |= PATH_LIMITED;
	if (limit->packet_ns)
		options |= PATH_METERED;
	for (size_t i = 0; i < pool->n_backends; i++)
		if (pool->backends[i].max_flows)
			options |= PATH_LIMITED;
	s->path_services[s->n_services].options |= options;
}

static bool
is_local(const struct snapshot *s, const struct addr *addr)
{
	return s->vips_by_id[ids_find(s->vip_ids, addr, sizeof(*addr))]->local;
}

static int
add_service(const struct build *build, const struct control_service *from)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_service *service = &s->services[s->n_services];
	struct path_service *path = &s->path_services[s->n_services];
	struct service_key key = {.protocol = from->protocol, .family = from->address.family};
	int rc = check_service(build, from);

	if (rc < 0)
		return rc;
	key.port = be16_from(from->port);
	memcpy(key.address, from->address.bytes, sizeof(key.address));
	if (ids_assign(s->service_ids, &key, sizeof(key), &service->id, &service->is_new) < 0)
		return err_set(build->err, -EINVAL,
			"service %s: another service has this address, port and protocol",
			from->name);
	rc = add_vip(build, &from->address, LEASE_NONE, 0);
	if (rc == -EEXIST && is_local(s, &from->address))
		return err_set(
			build->err, -EINVAL, "service %s: its address is a local one", from->name);
	if (rc < 0 && rc != -EEXIST)
		return err_set(build->err, rc, "service %s: too many addresses", from->name);
	rc = service_table_add(&s->table, &key,
		ids_find(s->vip_ids, &from->address, sizeof(from->address)),
		(uint16_t)s->n_services);
	if (rc < 0)
		return err_set(build->err, rc, "service %s is given twice", from->name);
	snprintf(service->name, sizeof(service->name), "%s", from->name);
	service->address = from->address;
	service->port = from->port;
	service->protocol = from->protocol;
	service->mode = from->mode;
	service->scheduler = from->scheduler;
	service->pool = from->pool;
	path->maglev = s->pools[from->pool].maglev;
	path->pool = from->pool;
	path->id = service->id;
	path->mode = from->mode;
	path->options |= (uint8_t)((from->mss ? PATH_MSS : 0) |
				   (from->mode == MODE_TUNNEL ? PATH_TUNNEL : 0) |
				   (mode_translates(from->mode) ? PATH_TRANSLATED : 0));
	s->path_encaps[s->n_services] = (struct path_encap){from->tunnel, from->mss};
	add_limits(build, from);
	s->n_services++;
	return snapshot_add_schedule(s, build->previous, from) < 0 ? no_memory(build) : 0;
}

static int
add_services(const struct build *build)
{
	for (size_t i = 0; i < build->state->n_services; i++) {
		int rc = add_service(build, &build->state->services[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
add_nat(const struct build *build)
{
	return snapshot_nat_new(&build->snapshot->nat, build->state, build->snapshot, build->err);
}

int
snapshot_new(struct snapshot **out, const struct control_state *state,
	const struct snapshot *previous, const struct snapshot_tables *tables, struct err *err)
{
	static int (*const steps[])(const struct build *) = {
		check_limits, allocate, add_routers, add_locals, add_pools, add_services, add_nat};
	struct build build = {.state = state, .previous = previous, .err = err};
	int rc = 0;

	build.snapshot = calloc(1, sizeof(*build.snapshot));
	if (!build.snapshot)
		return no_memory(&build);
	build.snapshot->tables = *tables;
	build.snapshot->generation = state->generation;
	for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		rc = steps[i](&build);
	if (rc < 0) {
		snapshot_free(build.snapshot);
		return rc;
	}
	ids_seal(build.snapshot->vip_ids);
	ids_seal(build.snapshot->service_ids);
	ids_seal(build.snapshot->backend_ids);
	ids_seal(build.snapshot->pool_ids);
	*out = build.snapshot;
	return 0;
}

void
snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->n_routers; i++)
		lease_release(snapshot->tables.leases, snapshot->routers[i].lease);
	for (size_t i = 0; i < snapshot->n_backends; i++)
		nexthop_release(snapshot->tables.nexthops, snapshot->backends[i].nexthop);
	for (size_t i = 0; i < snapshot->n_pools; i++) {
		maglev_unref(snapshot->pools[i].maglev);
		rota_unref(snapshot->pools[i].rota);
	}
	service_table_fini(&snapshot->table);
	snapshot_nat_free(snapshot->nat);
	ids_free(snapshot->vip_ids);
	ids_free(snapshot->service_ids);
	ids_free(snapshot->backend_ids);
	ids_free(snapshot->pool_ids);
	free(snapshot->addresses);
	free(snapshot->routers);
	free(snapshot->vips);
	free(snapshot->pools);
	free(snapshot->services);
	free(snapshot->backends);
	free(snapshot->path_services);
	free(snapshot->schedules);
	free(snapshot->path_backends);
	free(snapshot->path_encaps);
	free(snapshot->path_addrs);
	free(snapshot->vips_by_id);
	free(snapshot->path_limits);
	free(snapshot->path_max_flows);
	free(snapshot->pools_by_id);
	free(snapshot->backends_by_id);
	free(snapshot);
}
