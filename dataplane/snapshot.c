/* SPDX-License-Identifier: BSD-3-Clause */
/* Building snapshots; see snapshot.h. The pieces are built in an order in which each needs only
 * the earlier ones: routers and VIPs, pools with their backends, services. A snapshot that is not
 * finished can be freed. */
#include "dataplane/snapshot.h"

#include "dataplane/scheduler.h"
#include "dataplane/snapshot_build.h"
#include "dataplane/snapshot_nat.h"
#include "dataplane/stats.h"

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

int
snapshot_no_memory(const struct snapshot_build *build)
{
	return err_set(build->err, -ENOMEM, "not enough memory for the configuration");
}

static int
check_limits(const struct snapshot_build *build)
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
allocate(const struct snapshot_build *build)
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
		return snapshot_no_memory(build);
	if (!s->addresses || !s->routers || !s->vips || !s->pools || !s->services || !s->backends ||
		!s->path_services || !s->path_backends || !s->vips_by_id || !s->pools_by_id ||
		!s->backends_by_id || !s->schedules ||
		service_table_init(&s->table, n_vips + state->n_services) < 0)
		return snapshot_no_memory(build);
	if (ids_new(&s->vip_ids, (uint32_t)n_vips, VIP_ID_MAX,
		    previous ? previous->vip_ids : NULL) < 0 ||
		ids_new(&s->service_ids, (uint32_t)state->n_services, SERVICE_ID_MAX,
			previous ? previous->service_ids : NULL) < 0 ||
		ids_new(&s->backend_ids, (uint32_t)n_backends, BACKEND_ID_MAX,
			previous ? previous->backend_ids : NULL) < 0 ||
		ids_new(&s->pool_ids, (uint32_t)state->n_pools, POOL_ID_MAX,
			previous ? previous->pool_ids : NULL) < 0)
		return snapshot_no_memory(build);
	return 0;
}

int
snapshot_add_vip(
	const struct snapshot_build *build, const struct addr *addr, uint16_t lease, uint16_t port)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_vip *vip = &s->vips[s->n_vips];
	struct service_slot slot = {.key = {.family = addr->family}};
	bool is_new;
	int rc;

	vip->addr = *addr;
	vip->lease = lease;
	vip->port = port;
	vip->accept = true;
	memcpy(vip->mac, s->tables.ports->ports[port].mac, sizeof(vip->mac));
	rc = ids_assign(s->vip_ids, addr, sizeof(*addr), &vip->id, &is_new);
	if (rc < 0)
		return rc;
	slot.vip = vip->id;
	memcpy(slot.key.address, addr->bytes, sizeof(slot.key.address));
	rc = service_table_add(&s->table, &slot);
	if (rc < 0)
		return rc;
	s->vips_by_id[vip->id] = vip;
	s->n_vips++;
	return 0;
}

/* The MAC of a router's addresses; 'port' and 'lease' are there already. */
static int
set_mac(const struct snapshot_build *build, const struct control_router *from,
	struct snapshot_router *router)
{
	struct snapshot *s = build->snapshot;
	uint8_t family = from->n_addresses > 0 ? from->addresses[0].family : ADDR_V4;
	uint16_t *lease;

	memcpy(router->mac, s->tables.ports->ports[router->port].mac, sizeof(router->mac));
	if (from->vrid == 0)
		return 0;
	if (!s->virtual_macs)
		s->virtual_macs = calloc(1, sizeof(*s->virtual_macs));
	if (!s->virtual_macs)
		return snapshot_no_memory(build);
	lease = &s->virtual_macs->leases[router->port][family == ADDR_V6][from->vrid];
	if (*lease != LEASE_NONE)
		return err_set(build->err, -EINVAL,
			"virtual router %s: vrid %u is taken by another router of its port",
			from->name, from->vrid);
	*lease = router->lease;
	router->virtual_mac = true;
	virtual_mac_make(router->mac, (enum addr_family)family, from->vrid);
	return 0;
}

static int
add_router(const struct snapshot_build *build, const struct control_router *from,
	struct addr *addresses)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_router *router = &s->routers[s->n_routers];
	int port = port_table_find(s->tables.ports, from->port);
	int rc;

	if (port < 0)
		return err_set(build->err, -EINVAL,
			"virtual router %s: this node has no port called %s", from->name,
			from->port);
	router->lease = s->leases[s->n_routers++];
	snprintf(router->name, sizeof(router->name), "%s", from->name);
	router->port = (uint16_t)port;
	router->addresses = addresses;
	router->n_addresses = from->n_addresses;
	rc = set_mac(build, from, router);
	for (size_t i = 0; rc == 0 && i < from->n_addresses; i++) {
		struct snapshot_vip *vip = &s->vips[s->n_vips];
		char text[ADDR_TEXT_SIZE];

		rc = snapshot_add_vip(build, &from->addresses[i], router->lease, router->port);
		if (rc < 0)
			return err_set(build->err, rc == -EEXIST ? -EINVAL : rc,
				"virtual router %s: address %s is given twice", from->name,
				addr_format(&from->addresses[i], text, sizeof(text)));
		vip->accept = from->accept;
		memcpy(vip->mac, router->mac, sizeof(vip->mac));
		addresses[i] = from->addresses[i];
	}
	return rc;
}

static int
add_routers(const struct snapshot_build *build)
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
add_locals_of(const struct snapshot_build *build, const struct control_local *from)
{
	struct snapshot *s = build->snapshot;
	int port = port_table_find(s->tables.ports, from->port);

	if (port < 0)
		return err_set(build->err, -EINVAL,
			"local addresses: this node has no port called %s", from->port);
	for (size_t i = 0; i < from->n_addresses; i++) {
		char text[ADDR_TEXT_SIZE];
		int rc = snapshot_add_vip(build, &from->addresses[i], LEASE_NONE, (uint16_t)port);

		if (rc < 0)
			return err_set(build->err, rc == -EEXIST ? -EINVAL : rc,
				"local address %s is given twice, or a virtual router's",
				addr_format(&from->addresses[i], text, sizeof(text)));
		s->vips[s->n_vips - 1].local = true;
	}
	return 0;
}

static int
add_locals(const struct snapshot_build *build)
{
	for (size_t i = 0; i < build->state->n_locals; i++) {
		int rc = add_locals_of(build, &build->state->locals[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
add_nat(const struct snapshot_build *build)
{
	return snapshot_nat_new(&build->snapshot->nat, build->state, build->snapshot, build->err);
}

static int
add_lists(const struct snapshot_build *build)
{
	return snapshot_lists_new(&build->snapshot->lists, build->state,
		build->previous ? build->previous->lists : NULL, build->err);
}

static int
acquire_leases(const struct snapshot_build *build)
{
	const struct control_state *state = build->state;
	struct snapshot *s = build->snapshot;

	s->leases = calloc(state->n_routers + 1, sizeof(*s->leases));
	if (!s->leases)
		return snapshot_no_memory(build);
	for (size_t i = 0; i < state->n_routers; i++) {
		int lease = lease_acquire(s->tables.leases, state->routers[i].name);

		if (lease < 0)
			return err_set(build->err, lease, "virtual router %s: more than %d routers",
				state->routers[i].name, MODEL_ROUTERS_MAX);
		s->leases[s->n_leases++] = (uint16_t)lease;
	}
	return 0;
}

static int
acquire_hops(const struct snapshot_build *build)
{
	const struct control_state *state = build->state;
	struct snapshot *s = build->snapshot;
	size_t n = 0;

	for (size_t i = 0; i < state->n_pools; i++)
		n += state->pools[i].n_backends;
	s->hops = calloc(n + 1, sizeof(*s->hops));
	if (!s->hops)
		return snapshot_no_memory(build);
	for (size_t i = 0; i < state->n_pools; i++) {
		const struct control_pool *pool = &state->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++) {
			int hop = nexthop_acquire(s->tables.nexthops, &pool->backends[j].addr);

			if (hop < 0)
				return err_set(build->err, hop, "more than %d next hops",
					NEXTHOPS_MAX - 1);
			s->hops[s->n_hops++] = (uint16_t)hop;
		}
	}
	return 0;
}

static int
run_steps(const struct snapshot_build *build, int (*const *steps)(const struct snapshot_build *))
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && steps[i]; i++)
		rc = steps[i](build);
	return rc;
}

int
snapshot_begin(struct snapshot **out, const struct control_state *state,
	const struct snapshot_tables *tables, struct err *err)
{
	static int (*const steps[])(const struct snapshot_build *) = {
		check_limits, acquire_leases, acquire_hops, NULL};
	struct snapshot_build build = {.state = state, .err = err};
	int rc;

	build.snapshot = calloc(1, sizeof(*build.snapshot));
	if (!build.snapshot)
		return snapshot_no_memory(&build);
	build.snapshot->tables = *tables;
	rc = run_steps(&build, steps);
	if (rc < 0)
		snapshot_free(build.snapshot);
	else
		*out = build.snapshot;
	return rc;
}

int
snapshot_build(struct snapshot *snapshot, const struct control_state *state,
	const struct snapshot *previous, struct err *err)
{
	static int (*const steps[])(const struct snapshot_build *) = {allocate, add_routers,
		add_locals, snapshot_add_pools, snapshot_add_services, add_nat, add_lists, NULL};
	const struct snapshot_build build = {snapshot, state, previous, err};
	int rc;

	snapshot->generation = state->generation;
	snapshot->flow_timeouts = state->flow_timeouts;
	snapshot->many_services = state->n_services >= SNAPSHOT_MANY_SERVICES;
	rc = run_steps(&build, steps);
	if (rc < 0)
		return rc;
	ids_seal(snapshot->vip_ids);
	ids_seal(snapshot->service_ids);
	ids_seal(snapshot->backend_ids);
	ids_seal(snapshot->pool_ids);
	return 0;
}

int
snapshot_new(struct snapshot **out, const struct control_state *state,
	const struct snapshot *previous, const struct snapshot_tables *tables, struct err *err)
{
	struct snapshot *snapshot = NULL;
	int rc = snapshot_begin(&snapshot, state, tables, err);

	if (rc == 0)
		rc = snapshot_build(snapshot, state, previous, err);
	if (rc < 0)
		snapshot_free(snapshot);
	else
		*out = snapshot;
	return rc;
}

void
snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->n_leases; i++)
		lease_release(snapshot->tables.leases, snapshot->leases[i]);
	for (size_t i = 0; i < snapshot->n_hops; i++)
		nexthop_release(snapshot->tables.nexthops, snapshot->hops[i]);
	free(snapshot->leases);
	free(snapshot->hops);
	for (size_t i = 0; i < snapshot->n_pools; i++) {
		maglev_unref(snapshot->pools[i].maglev);
		rota_unref(snapshot->pools[i].rota);
	}
	service_table_fini(&snapshot->table);
	snapshot_nat_free(snapshot->nat);
	free(snapshot->virtual_macs);
	snapshot_lists_free(snapshot->lists);
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
