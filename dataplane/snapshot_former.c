/* SPDX-License-Identifier: BSD-3-Clause */
/* Former tables; see snapshot_former.h. */
#include "dataplane/snapshot_former.h"

#include "common/clock.h"
#include "dataplane/scheduler.h"
#include "dataplane/sync_views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Places in flow_timeout_fields. */
#define TIMEOUT_ESTABLISHED 1
#define TIMEOUT_UDP 5

static const struct snapshot_router *
router_of(const struct snapshot *s, uint16_t lease)
{
	for (size_t i = 0; i < s->n_routers; i++)
		if (s->routers[i].lease == lease)
			return &s->routers[i];
	return NULL;
}

/* A table of just these members that there is already, or NULL. */
static struct maglev *
find_table(const struct snapshot *s, const struct maglev_member *members, uint32_t n)
{
	for (size_t i = 0; s && i < s->n_formers; i++)
		if (maglev_is_of(s->formers[i], members, n))
			return s->formers[i];
	return NULL;
}

/* Makes the table of the takers, or finds it; it is NULL if it is the pool's own. */
static int
add_table(const struct snapshot_build *build, uint32_t pool, const struct sync_view_pool *view,
	const struct maglev **out)
{
	struct snapshot *s = build->snapshot;
	struct maglev_member *members = calloc(view->n, sizeof(*members));
	struct maglev *table;
	int rc = 0;

	if (!members)
		return -ENOMEM;
	for (uint32_t i = 0; i < view->n; i++) {
		uint16_t id = snapshot_backend_by_seed(s, pool, view->takers[i].seed);

		/* Those that this node does not know have their places all the same. */
		members[i] = (struct maglev_member){.seed = view->takers[i].seed,
			.id = id ? id : SNAPSHOT_BACKEND_ELSEWHERE,
			.weight = view->takers[i].weight};
	}
	table = s->pools[pool].maglev;
	if (table && maglev_is_of(table, members, view->n))
		goto out;
	table = find_table(s, members, view->n);
	if (!table) {
		table = find_table(build->previous, members, view->n);
		if (table)
			maglev_ref(table);
		else
			rc = maglev_new(&table, members, view->n, MAGLEV_SIZE_DEFAULT);
		if (rc == 0)
			s->formers[s->n_formers++] = table;
	}
	if (rc == 0)
		*out = table;
out:
	free(members);
	return rc;
}

int
snapshot_add_former(const struct snapshot_build *build)
{
	struct snapshot *s = build->snapshot;

	s->former_tcp_ns =
		flow_timeout_get(&s->flow_timeouts, TIMEOUT_ESTABLISHED) * (uint64_t)NS_PER_MS;
	s->former_udp_ns = flow_timeout_get(&s->flow_timeouts, TIMEOUT_UDP) * (uint64_t)NS_PER_MS;
	s->formers = calloc(s->n_services + 1, sizeof(struct maglev *));
	if (!s->formers)
		return snapshot_no_memory(build);
	for (size_t i = 0; i < s->n_services; i++) {
		const struct snapshot_service *service = &s->services[i];
		const struct snapshot_vip *vip = snapshot_vip_by_addr(s, &service->address);
		const struct snapshot_router *router = vip ? router_of(s, vip->lease) : NULL;
		const struct sync_view_pool *view = NULL;

		if (router && s->tables.views)
			view = sync_views_find(
				s->tables.views, router->name, s->pools[service->pool].name);
		if (!view || view->n == 0)
			continue;
		s->schedules[i].lease = vip->lease;
		if (add_table(build, service->pool, view, &s->schedules[i].former) < 0)
			return snapshot_no_memory(build);
	}
	return 0;
}

void
snapshot_free_former(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n_formers; i++)
		maglev_unref(snapshot->formers[i]);
	free(snapshot->formers);
}

const struct service_slot *
former_service(const struct snapshot *snapshot, const struct flow_key *key)
{
	const struct snapshot_vip *vip = snapshot->vips_by_id[key->vip];
	struct service_key wanted = {
		.port = key->vip_port, .protocol = key->protocol, .family = key->family};

	if (!vip)
		return NULL;
	memcpy(wanted.address, vip->addr.bytes, sizeof(wanted.address));
	return service_find(&snapshot->table, &wanted, service_hash(&wanted));
}

/* Whether the own table is not to be used yet, or no more. */
static bool
is_in_force(const struct schedule *schedule, const struct lease_table *leases, uint64_t limit_ns,
	uint64_t now_ns)
{
	return schedule->former && (!lease_held(leases, schedule->lease, now_ns) ||
					   lease_age(leases, schedule->lease, now_ns) < limit_ns);
}

const struct maglev *
former_table(const struct snapshot *snapshot, uint32_t service, const struct lease_table *leases,
	uint64_t now_ns)
{
	const struct schedule *schedule = &snapshot->schedules[service];

	return is_in_force(schedule, leases, snapshot->former_tcp_ns, now_ns) ? schedule->former
									      : schedule->maglev;
}

bool
former_ends_within(const struct snapshot *snapshot, const struct lease_table *leases,
	uint16_t lease, uint64_t within_ns, uint64_t now_ns)
{
	uint64_t age_ns = lease_age(leases, lease, now_ns);

	return lease_held(leases, lease, now_ns) && age_ns < snapshot->former_tcp_ns &&
	       age_ns + within_ns >= snapshot->former_tcp_ns;
}

/* Whether nodes with the same table choose alike. */
static bool
agrees(const struct schedule *schedule)
{
	return schedule->scheduler->agrees && schedule->persistence_timeout_s == 0;
}

static uint16_t
pick(const struct schedule *schedule, const struct maglev *table, const struct flow_key *key)
{
	struct schedule copy = *schedule;

	copy.maglev = table;
	/* Schedulers on which all nodes agree have nothing of the worker's. */
	return copy.scheduler->pick(&copy, NULL, key);
}

bool
former_computes(const struct snapshot *snapshot, uint32_t service, const struct lease_table *leases,
	const struct flow_entry *flow, uint64_t now_ns)
{
	const struct schedule *schedule = &snapshot->schedules[service];
	const struct maglev *table = former_table(snapshot, service, leases, now_ns);

	return table && agrees(schedule) && pick(schedule, table, &flow->key) == flow->backend;
}

uint16_t
former_choice(const struct snapshot *snapshot, uint32_t service, const struct lease_table *leases,
	const struct flow_key *key, bool begins, uint64_t now_ns)
{
	const struct schedule *schedule = &snapshot->schedules[service];
	uint64_t limit_ns = begins ? snapshot->former_udp_ns : snapshot->former_tcp_ns;
	const struct path_backend *path;
	uint16_t backend;

	if (!agrees(schedule) || !is_in_force(schedule, leases, limit_ns, now_ns))
		return 0;
	backend = pick(schedule, schedule->former, key);
	if (backend == SNAPSHOT_BACKEND_ELSEWHERE)
		return 0;
	path = &snapshot->path_backends[backend];
	if (!path->usable || path->pool != schedule->pool || (begins && path->weight == 0))
		return 0;
	return backend;
}
