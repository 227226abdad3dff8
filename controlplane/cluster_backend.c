/* SPDX-License-Identifier: BSD-3-Clause */
/* What a backend's state comes down to: its weight, and one word for people; see cluster.h. */
#include "controlplane/cluster.h"

uint16_t
cluster_backend_full_weight(const struct cluster_backend *backend)
{
	return backend->weight_set ? backend->weight : backend->config->weight;
}

uint16_t
cluster_backend_weight(const struct cluster_backend *backend)
{
	if (backend->drained || backend->rests)
		return 0;
	return slow_start_weight(&backend->slow_start, cluster_backend_full_weight(backend));
}

const char *
cluster_backend_state_name(const struct cluster_backend *backend)
{
	if (backend->health != HEALTH_UP)
		return backend->drained && backend->health == HEALTH_UNKNOWN
			       ? "drained"
			       : health_state_name(backend->health);
	if (backend->drained)
		return "drained";
	return backend->rests ? "standby" : health_state_name(backend->health);
}
