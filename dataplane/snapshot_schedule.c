/* SPDX-License-Identifier: BSD-3-Clause */
/* Schedules of a snapshot's services; see snapshot_schedule.h. */
#include "dataplane/snapshot_schedule.h"

#include "dataplane/scheduler.h"
#include "dataplane/snapshot_data.h"

#include <errno.h>
#include <string.h>

/* The order of turns of a pool's members. A pool whose members have not changed has the very Maglev
 * table of before, and then its order is the one of before too. */
static int
make_rota(struct snapshot_pool *pool, const struct snapshot *previous)
{
	uint16_t id;

	if (!pool->maglev || pool->rota)
		return 0;
	id = previous ? ids_find(previous->pool_ids, pool->name, strlen(pool->name)) : 0;
	if (id) {
		const struct snapshot_pool *old = &previous->pools[previous->pools_by_id[id]];

		if (old->rota && old->maglev == pool->maglev) {
			pool->rota = rota_ref(old->rota);
			return 0;
		}
	}
	return rota_new(&pool->rota, pool->maglev->members, pool->maglev->n_members);
}

int
snapshot_add_schedule(struct snapshot *snapshot, const struct snapshot *previous,
	const struct control_service *from)
{
	size_t last = snapshot->n_services - 1;
	struct snapshot_pool *pool = &snapshot->pools[from->pool];
	struct path_service *path = &snapshot->path_services[last];

	if (from->scheduler == SCHEDULER_ROUND_ROBIN && make_rota(pool, previous) < 0)
		return -ENOMEM;
	if (from->scheduler != SCHEDULER_MAGLEV || from->persistence_timeout_s > 0)
		path->options |= PATH_SPECIAL;
	snapshot->schedules[last] = (struct schedule){
		.scheduler = scheduler_of((enum scheduler_kind)from->scheduler),
		.maglev = pool->maglev,
		.rota = pool->rota,
		.backends = snapshot->path_backends,
		.pool = from->pool,
		.pool_id = pool->id,
		.service_id = path->id,
		.persistence_timeout_s = from->persistence_timeout_s,
		.persistence_prefix = from->persistence_prefix,
	};
	return 0;
}
