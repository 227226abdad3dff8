/* SPDX-License-Identifier: BSD-3-Clause */
/* Quorum; see quorum.h. */
#include "controlplane/quorum.h"

#include <stdint.h>

/* Counts the pool's own backends, its sorry ones left out, that take flows or may turn out to. */
static void
count(const struct cluster_pool *pool, uint32_t *n_up, uint32_t *n_unknown)
{
	*n_up = 0;
	*n_unknown = 0;
	for (size_t i = 0; i < pool->n_backends; i++) {
		const struct cluster_backend *backend = &pool->backends[i];

		if (backend->config->sorry || backend->drained ||
			cluster_backend_full_weight(backend) == 0)
			continue;
		*n_up += backend->health == HEALTH_UP;
		*n_unknown += backend->health == HEALTH_UNKNOWN;
	}
}

static bool
has_sorry_backends(const struct cluster_pool *pool)
{
	for (size_t i = 0; i < pool->n_backends; i++) {
		if (pool->backends[i].config->sorry)
			return true;
	}
	return false;
}

bool
quorum_update(struct cluster_pool *pool)
{
	bool was_lost = pool->quorum_lost;
	uint32_t n_up, n_unknown;

	if (!has_sorry_backends(pool))
		return false;
	count(pool, &n_up, &n_unknown);
	if (was_lost)
		pool->quorum_lost = n_up < pool->config->quorum + pool->config->quorum_hysteresis;
	else
		pool->quorum_lost = n_up + n_unknown < pool->config->quorum;
	for (size_t i = 0; i < pool->n_backends; i++)
		pool->backends[i].rests = pool->backends[i].config->sorry != pool->quorum_lost;
	return pool->quorum_lost != was_lost;
}
