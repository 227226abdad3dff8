/* SPDX-License-Identifier: BSD-3-Clause */
/* The pools of a snapshot, their backends and the tables that choose among them; see
 * snapshot_build.h. */
#include "dataplane/snapshot_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct backend_key {
	char pool[CONTROL_NAME_SIZE];
	char name[CONTROL_NAME_SIZE];
	struct addr addr;
};

static_assert(sizeof(struct backend_key) <= IDS_KEY_MAX, "fits");

static int
add_backend(const struct snapshot_build *build, const struct control_pool *pool,
	const struct control_backend *from, uint16_t pool_index)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_backend *backend = &s->backends[s->n_backends];
	struct backend_key key = {.addr = from->addr};
	struct path_backend *path;

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
	backend->nexthop = s->hops[s->n_backends++];
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
make_maglev(const struct snapshot_build *build, struct snapshot_pool *pool,
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
		       ? snapshot_no_memory(build)
		       : 0;
}

static int
add_pool(const struct snapshot_build *build, const struct control_pool *from)
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
		return snapshot_no_memory(build);
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

int
snapshot_add_pools(const struct snapshot_build *build)
{
	for (size_t i = 0; i < build->state->n_pools; i++) {
		int rc = add_pool(build, &build->state->pools[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}
