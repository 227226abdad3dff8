/* SPDX-License-Identifier: BSD-3-Clause */
/* Live state of this node; see cluster.h. Its virtual routers are in cluster_routers.c. */
#include "controlplane/cluster.h"

#include "common/clock.h"
#include "controlplane/cluster_data.h"
#include "controlplane/health.h"
#include "controlplane/quorum.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

static int
init_pool(struct cluster_pool *pool, const struct pool *config, uint64_t now_ns)
{
	pool->config = config;
	pool->backends = calloc(config->n_backends, sizeof(*pool->backends));
	if (!pool->backends)
		return -ENOMEM;
	pool->n_backends = config->n_backends;
	for (size_t i = 0; i < config->n_backends; i++) {
		pool->backends[i].config = &config->backends[i];
		pool->backends[i].health = HEALTH_UP;
		if (pool_checks(config, &config->backends[i]))
			pool->backends[i].health = health_start(config->check);
		pool->backends[i].since_ns = now_ns;
	}
	quorum_update(pool);
	return 0;
}

int
cluster_new(
	struct cluster **out, const struct model *model, const struct node *node, uint64_t now_ns)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (!cluster)
		return -ENOMEM;
	cluster->model = model;
	cluster->node = node;
	cluster->dataplane.since_ns = now_ns;
	/* One more than there are, because calloc() of nothing may be NULL. */
	cluster->routers = calloc(model->n_routers + 1, sizeof(*cluster->routers));
	cluster->pools = calloc(model->n_pools + 1, sizeof(*cluster->pools));
	cluster->scripts = calloc(model->n_scripts + 1, sizeof(*cluster->scripts));
	if (!cluster->routers || !cluster->pools || !cluster->scripts)
		goto fail;
	for (size_t i = 0; i < model->n_scripts; i++)
		cluster->scripts[i].config = &model->scripts[i];
	for (size_t i = 0; i < MODEL_PORTS_MAX; i++)
		cluster->links[i] = true;
	cluster_init_routers(cluster, now_ns);
	for (size_t i = 0; i < model->n_pools; i++) {
		if (init_pool(&cluster->pools[i], &model->pools[i], now_ns) < 0)
			goto fail;
	}
	copy_text(cluster->ready_why, sizeof(cluster->ready_why), "starting");
	*out = cluster;
	return 0;
fail:
	cluster_free(cluster);
	return -ENOMEM;
}

void
cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return;
	for (size_t i = 0; cluster->pools && i < cluster->model->n_pools; i++)
		free(cluster->pools[i].backends);
	free(cluster->pools);
	free(cluster->scripts);
	free(cluster->routers);
	flow_sync_fini(&cluster->sync);
	free(cluster);
}

void
cluster_set_sync(struct cluster *cluster, const struct flow_sync *sync)
{
	cluster->sync = *sync;
}

const struct flow_sync *
cluster_sync(const struct cluster *cluster)
{
	return &cluster->sync;
}

void
cluster_listen(struct cluster *cluster, const struct cluster_listener *listener)
{
	cluster->listener = *listener;
}

const struct model *
cluster_model(const struct cluster *cluster)
{
	return cluster->model;
}

const struct node *
cluster_node(const struct cluster *cluster)
{
	return cluster->node;
}

size_t
cluster_n_pools(const struct cluster *cluster)
{
	return cluster->model->n_pools;
}

const struct cluster_pool *
cluster_pool(const struct cluster *cluster, size_t i)
{
	assert(i < cluster->model->n_pools);
	return &cluster->pools[i];
}

const struct cluster_dataplane *
cluster_dataplane(const struct cluster *cluster)
{
	return &cluster->dataplane;
}

const struct cluster_script *
cluster_script(const struct cluster *cluster, size_t i)
{
	assert(i < cluster->model->n_scripts);
	return &cluster->scripts[i];
}

const struct history *
cluster_history(const struct cluster *cluster)
{
	return &cluster->history;
}

bool
cluster_port_has_link(const struct cluster *cluster, const char *name)
{
	for (size_t i = 0; i < cluster->node->lb.n_ports; i++) {
		if (strcmp(cluster->node->lb.ports[i].name, name) == 0)
			return cluster->links[i];
	}
	return false;
}

bool
cluster_is_ready(const struct cluster *cluster, const char **why)
{
	if (why)
		*why = cluster->ready_why;
	return cluster->ready;
}

/* --- Health checks and operator --- */

static struct cluster_backend *
backend_at(struct cluster *cluster, size_t pool, size_t backend)
{
	assert(pool < cluster->model->n_pools);
	assert(backend < cluster->pools[pool].n_backends);
	return &cluster->pools[pool].backends[backend];
}

static void
tell_state(struct cluster *cluster)
{
	if (cluster->listener.on_state)
		cluster->listener.on_state(cluster->listener.ctx);
}

static void
tell_track(struct cluster *cluster)
{
	if (cluster->listener.on_track)
		cluster->listener.on_track(cluster->listener.ctx);
}

static void
start_slowly(
	const struct cluster *cluster, size_t pool, struct cluster_backend *entry, uint64_t now_ns)
{
	slow_start_begin(
		&entry->slow_start, cluster->pools[pool].config->slow_start_ms * NS_PER_MS, now_ns);
}

static void
look_at_quorum(struct cluster *cluster, size_t pool)
{
	if (quorum_update(&cluster->pools[pool]) && cluster->listener.on_quorum)
		cluster->listener.on_quorum(cluster->listener.ctx, pool);
}

void
cluster_backend_set_health(struct cluster *cluster, size_t pool, size_t backend,
	enum health_state health, const char *why, uint64_t now_ns)
{
	struct cluster_backend *entry = backend_at(cluster, pool, backend);

	bool was_stale = entry->stale;

	entry->stale = false;
	copy_text(entry->why, sizeof(entry->why), why);
	if (entry->health == health) {
		if (was_stale)
			tell_track(cluster);
		return;
	}
	if (entry->health != HEALTH_UNKNOWN)
		entry->n_changes++;
	if (health == HEALTH_UP && entry->health == HEALTH_DOWN)
		start_slowly(cluster, pool, entry, now_ns);
	else
		slow_start_stop(&entry->slow_start);
	entry->health = health;
	entry->since_ns = now_ns;
	look_at_quorum(cluster, pool);
	tell_state(cluster);
	tell_track(cluster);
}

void
cluster_backend_set_drained(
	struct cluster *cluster, size_t pool, size_t backend, bool drained, uint64_t now_ns)
{
	struct cluster_backend *entry = backend_at(cluster, pool, backend);

	if (entry->drained == drained)
		return;
	entry->drained = drained;
	look_at_quorum(cluster, pool);
	if (!drained && entry->health == HEALTH_UP)
		start_slowly(cluster, pool, entry, now_ns);
	tell_state(cluster);
}

static void
change_weight(struct cluster *cluster, size_t pool, size_t backend, bool set, uint16_t weight)
{
	struct cluster_backend *entry = backend_at(cluster, pool, backend);

	if (entry->weight_set == set && entry->weight == weight)
		return;
	entry->weight_set = set;
	entry->weight = weight;
	look_at_quorum(cluster, pool);
	tell_state(cluster);
}

void
cluster_backend_set_weight(struct cluster *cluster, size_t pool, size_t backend, uint16_t weight)
{
	change_weight(cluster, pool, backend, true, weight);
}

void
cluster_backend_reset_weight(struct cluster *cluster, size_t pool, size_t backend)
{
	change_weight(cluster, pool, backend, false, 0);
}

bool
cluster_backend_set_signs(
	struct cluster *cluster, size_t pool, size_t backend, const struct cluster_signs *signs)
{
	struct cluster_backend *entry = backend_at(cluster, pool, backend);
	bool more = signs->n_resets > entry->signs.n_resets ||
		    signs->n_unreachables > entry->signs.n_unreachables;

	entry->signs = *signs;
	return more;
}

void
cluster_forget_health(struct cluster *cluster, const char *why, uint64_t now_ns)
{
	for (size_t i = 0; i < cluster->model->n_pools; i++) {
		const struct cluster_pool *pool = &cluster->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++) {
			if (!pool_checks(pool->config, pool->backends[j].config))
				continue;
			pool->backends[j].health = health_start(pool->config->check);
			slow_start_stop(&pool->backends[j].slow_start);
			pool->backends[j].since_ns = now_ns;
			copy_text(pool->backends[j].why, sizeof(pool->backends[j].why), why);
		}
		quorum_update(&cluster->pools[i]);
	}
}

bool
cluster_health_is_known(const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->model->n_pools; i++) {
		const struct cluster_pool *pool = &cluster->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++) {
			if (pool->backends[j].health == HEALTH_UNKNOWN)
				return false;
		}
	}
	return true;
}

void
cluster_renew_health(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->model->n_pools; i++) {
		const struct cluster_pool *pool = &cluster->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++)
			pool->backends[j].stale =
				pool_checks(pool->config, pool->backends[j].config);
	}
}

bool
cluster_health_is_fresh(const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->model->n_pools; i++) {
		const struct cluster_pool *pool = &cluster->pools[i];

		for (size_t j = 0; j < pool->n_backends; j++) {
			if (pool->backends[j].stale)
				return false;
		}
	}
	return true;
}

void
cluster_script_set(struct cluster *cluster, size_t script, bool good, const char *why)
{
	struct cluster_script *entry = &cluster->scripts[script];
	enum health_state state = good ? HEALTH_UP : HEALTH_DOWN;
	bool changed = entry->state != state;

	assert(script < cluster->model->n_scripts);
	entry->state = state;
	copy_text(entry->why, sizeof(entry->why), why);
	if (changed)
		tell_track(cluster);
}

void
cluster_port_set_link(struct cluster *cluster, size_t port, bool link)
{
	bool changed;

	assert(port < cluster->node->lb.n_ports);
	changed = cluster->links[port] != link;
	cluster->links[port] = link;
	if (changed)
		tell_track(cluster);
}

void
cluster_advance(struct cluster *cluster, uint64_t now_ns)
{
	bool changed = false;

	for (size_t i = 0; i < cluster->model->n_pools; i++) {
		struct cluster_pool *pool = &cluster->pools[i];

		for (size_t j = 0; pool->config->slow_start_ms && j < pool->n_backends; j++)
			changed |= slow_start_advance(&pool->backends[j].slow_start, now_ns);
	}
	if (changed)
		tell_state(cluster);
}

uint64_t
cluster_deadline_ns(const struct cluster *cluster)
{
	uint64_t deadline_ns = SLOW_START_NEVER;

	for (size_t i = 0; i < cluster->model->n_pools; i++) {
		const struct cluster_pool *pool = &cluster->pools[i];

		for (size_t j = 0; pool->config->slow_start_ms && j < pool->n_backends; j++) {
			uint64_t ns = slow_start_deadline_ns(&pool->backends[j].slow_start);

			if (ns < deadline_ns)
				deadline_ns = ns;
		}
	}
	return deadline_ns;
}

/* --- Dataplane client --- */

void
cluster_dataplane_set(struct cluster *cluster, const struct cluster_dataplane *dataplane)
{
	cluster->dataplane = *dataplane;
}

void
cluster_set_ready(struct cluster *cluster, bool ready, const char *why)
{
	cluster->ready = ready;
	copy_text(cluster->ready_why, sizeof(cluster->ready_why), why);
}
