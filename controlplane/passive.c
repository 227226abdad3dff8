/* SPDX-License-Identifier: BSD-3-Clause */
/* Passive signs of trouble; see passive.h. */
#include "controlplane/passive.h"

#include <string.h>

/* Finds what an element of the answer is about. Returns false for what is not configured. */
static bool
find(const struct cluster *cluster, json_t *sign, size_t *pool_index, size_t *backend_index)
{
	const char *pool = json_string_value(json_object_get(sign, "pool"));
	const char *backend = json_string_value(json_object_get(sign, "name"));

	for (size_t i = 0; pool && backend && i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *candidate = cluster_pool(cluster, i);

		if (strcmp(candidate->config->name, pool) != 0)
			continue;
		for (size_t j = 0; j < candidate->n_backends; j++) {
			if (strcmp(candidate->backends[j].config->name, backend) != 0)
				continue;
			*pool_index = i;
			*backend_index = j;
			return true;
		}
	}
	return false;
}

void
passive_take(struct cluster *cluster, struct health *health, json_t *backends)
{
	json_t *sign;
	size_t i;

	json_array_foreach(backends, i, sign)
	{
		struct cluster_signs signs = {
			.n_resets = (uint64_t)json_integer_value(json_object_get(sign, "resets")),
			.n_unreachables =
				(uint64_t)json_integer_value(json_object_get(sign, "unreachables")),
		};
		size_t pool, backend;

		if (find(cluster, sign, &pool, &backend) &&
			cluster_backend_set_signs(cluster, pool, backend, &signs) && health)
			health_hurry(health, pool, backend);
	}
}
