/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracking; see track.h. */
#include "controlplane/track.h"

#include <stdio.h>
#include <string.h>

static size_t
count_up(const struct cluster *cluster, const struct pool *config)
{
	const struct cluster_pool *pool =
		cluster_pool(cluster, (size_t)(config - cluster_model(cluster)->pools));
	size_t n_up = 0;

	for (size_t i = 0; i < pool->n_backends; i++)
		n_up += !pool->backends[i].config->sorry && pool->backends[i].health == HEALTH_UP;
	return n_up;
}

/* Returns whether what is tracked is as it should be; if not, 'why' says what is wrong. */
static bool
is_good(const struct cluster *cluster, const struct track *track, char *why, size_t size)
{
	const struct cluster_script *script;
	size_t n_up;

	switch (track->kind) {
	case TRACK_PORT:
		snprintf(why, size, "port %s has no link", track->port);
		return cluster_port_has_link(cluster, track->port);
	case TRACK_POOL:
		n_up = count_up(cluster, track->pool);
		snprintf(why, size, "pool %s has %zu of %u backends up", track->pool->name, n_up,
			track->min_up);
		return n_up >= track->min_up;
	case TRACK_SCRIPT:
		script = cluster_script(
			cluster, (size_t)(track->script - cluster_model(cluster)->scripts));
		snprintf(why, size, "script %s: %.64s", track->script->name,
			script->why[0] ? script->why : "no result yet");
		return script->state == HEALTH_UP;
	}
	return true;
}

static void
add(const struct cluster *cluster, const struct virtual_router *router, struct track_verdict *out)
{
	char why[VRRP_WHY_SIZE];

	for (size_t i = 0; i < router->n_tracks; i++) {
		const struct track *track = &router->tracks[i];

		if (is_good(cluster, track, why, sizeof(why)))
			continue;
		/* A fault's reason goes before that of a lower priority. */
		if (!out->why[0] || (track->weight == 0 && !out->fault))
			snprintf(out->why, sizeof(out->why), "%s", why);
		out->fault = out->fault || track->weight == 0;
		out->burden += track->weight;
	}
}

void
track_judge(const struct cluster *cluster, const struct virtual_router *router,
	struct track_verdict *out)
{
	*out = (struct track_verdict){.fault = false};
	for (size_t i = 0; i < cluster_n_routers(cluster); i++) {
		const struct virtual_router *other = cluster_router(cluster, i)->config;

		if (other == router ||
			(router->group && other->group && strcmp(other->group, router->group) == 0))
			add(cluster, other, out);
	}
}

uint8_t
track_priority(uint8_t priority, unsigned int burden)
{
	return burden < priority ? (uint8_t)(priority - burden) : 1;
}
