/* SPDX-License-Identifier: BSD-3-Clause */
/* What a cluster's state becomes when there is another model: whatever is still there keeps what is
 * known of it. Things are matched by their names. */
#include "controlplane/cluster_data.h"
#include "controlplane/health.h"
#include "controlplane/quorum.h"

#include <string.h>

bool
cluster_router_goes_on(const struct virtual_router *before, const struct virtual_router *after)
{
	return strcmp(before->name, after->name) == 0 && before->vrid == after->vrid &&
	       strcmp(before->port, after->port) == 0 && before->family == after->family;
}

/* --- Routers and their history --- */

/* The priority follows when the election weighs anew what is tracked. */
static void
inherit_router(struct cluster_router *to, const struct cluster_router *from)
{
	const struct virtual_router *config = to->config;
	uint8_t priority = to->configured_priority;

	*to = *from;
	to->config = config;
	to->configured_priority = priority;
}

/* Where router 'i' of 'from' is in 'to'; TRANSITION_GONE: nowhere. */
static size_t
find_router(const struct cluster *to, const struct cluster *from, size_t i)
{
	for (size_t j = 0; j < to->n_routers; j++) {
		if (cluster_router_goes_on(from->routers[i].config, to->routers[j].config))
			return j;
	}
	return TRANSITION_GONE;
}

static void
inherit_history(struct cluster *to, const struct cluster *from, const size_t *places)
{
	to->history = from->history;
	for (size_t i = 0; i < HISTORY_MAX; i++) {
		struct transition *transition = &to->history.transitions[i];

		if (i < history_n(&to->history) && transition->router != TRANSITION_GONE)
			transition->router = places[transition->router];
	}
}

static void
inherit_routers(struct cluster *to, const struct cluster *from)
{
	size_t places[MODEL_ROUTERS_MAX];

	for (size_t i = 0; i < from->n_routers; i++) {
		places[i] = find_router(to, from, i);
		if (places[i] != TRANSITION_GONE)
			inherit_router(&to->routers[places[i]], &from->routers[i]);
	}
	inherit_history(to, from, places);
}

/* --- Backends and scripts --- */

/* A backend with another address is another one, though the operator may mean the same machine. */
static void
inherit_backend(const struct cluster_pool *pool, struct cluster_backend *to,
	const struct cluster_backend *from)
{
	const struct backend *config = to->config;

	if (!addr_equal(&to->config->addr, &from->config->addr)) {
		to->drained = from->drained;
		to->weight_set = from->weight_set;
		to->weight = from->weight;
		return;
	}
	*to = *from;
	to->config = config;
	if (pool->config->slow_start_ms == 0)
		slow_start_stop(&to->slow_start);
	if (!pool_checks(pool->config, config)) {
		to->health = health_start(NULL);
		to->stale = false;
		to->why[0] = '\0';
	}
}

static void
inherit_pool(struct cluster_pool *to, const struct cluster_pool *from)
{
	for (size_t i = 0; i < to->n_backends; i++) {
		const char *name = to->backends[i].config->name;

		for (size_t j = 0; j < from->n_backends; j++) {
			/* Most are where they were. */
			const struct cluster_backend *old =
				&from->backends[(i + j) % from->n_backends];

			if (strcmp(old->config->name, name) == 0) {
				inherit_backend(to, &to->backends[i], old);
				break;
			}
		}
	}
	to->quorum_lost = from->quorum_lost;
	quorum_update(to);
}

static void
inherit_pools(struct cluster *to, const struct cluster *from)
{
	size_t n = from->model->n_pools;

	for (size_t i = 0; i < to->model->n_pools; i++) {
		for (size_t j = 0; j < n; j++) {
			const struct cluster_pool *old = &from->pools[(i + j) % n];

			if (strcmp(old->config->name, to->pools[i].config->name) == 0) {
				inherit_pool(&to->pools[i], old);
				break;
			}
		}
	}
}

static void
inherit_scripts(struct cluster *to, const struct cluster *from)
{
	for (size_t i = 0; i < to->model->n_scripts; i++) {
		for (size_t j = 0; j < from->model->n_scripts; j++) {
			const struct script *config = to->scripts[i].config;

			if (strcmp(config->name, from->scripts[j].config->name) != 0)
				continue;
			to->scripts[i] = from->scripts[j];
			to->scripts[i].config = config;
		}
	}
}

void
cluster_inherit(struct cluster *to, const struct cluster *from)
{
	inherit_routers(to, from);
	inherit_pools(to, from);
	inherit_scripts(to, from);
	memcpy(to->links, from->links, sizeof(to->links));
	to->dataplane = from->dataplane;
	to->listener = from->listener;
	to->reload = from->reload;
	to->ready = from->ready;
	memcpy(to->ready_why, from->ready_why, sizeof(to->ready_why));
}

void
cluster_swap(struct cluster *a, struct cluster *b)
{
	struct cluster content = *a;

	*a = *b;
	*b = content;
	explicit_bzero(&content.sync, sizeof(content.sync));
}
