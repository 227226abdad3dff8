/* SPDX-License-Identifier: BSD-3-Clause */
/* The requests of the admin socket that change something: drains, weights, failovers, reloads. What
 * they do is logged; who asked for it, the RPC server logs. */
#include "common/clock.h"
#include "common/json_field.h"
#include "common/log.h"
#include "controlplane/admin_data.h"

#include <errno.h>
#include <string.h>

LOG_MODULE("admin");

/* Has 'change' done to all backends that the parameters 'backend' and 'pool' mean. Returns what it
 * returned of each, or NULL with 'err' set. */
static json_t *
change_backends(struct admin *admin, json_t *params, const void *wanted,
	json_t *(*change)(struct admin *admin, size_t pool, size_t backend, const void *wanted),
	struct err *err)
{
	char pool_buf[CONTROL_NAME_SIZE], name[CONTROL_NAME_SIZE];
	const char *pool_name;
	json_t *touched;

	if (admin_optional_name(params, "pool", pool_buf, &pool_name, err) < 0 ||
		json_field_name(params, "backend", name, err) < 0 ||
		admin_check_backend(admin, pool_name, name, err) < 0)
		return NULL;
	touched = json_array();
	for (size_t i = 0; i < cluster_n_pools(admin->cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(admin->cluster, i);

		if (pool_name && strcmp(pool->config->name, pool_name) != 0)
			continue;
		for (size_t j = 0; j < pool->n_backends; j++) {
			if (strcmp(pool->backends[j].config->name, name) == 0)
				json_array_append_new(touched, change(admin, i, j, wanted));
		}
	}
	return json_pack("{s:o}", "backends", touched);
}

static json_t *
set_drained(struct admin *admin, size_t pool_index, size_t backend_index, const void *wanted)
{
	const struct cluster_pool *pool = cluster_pool(admin->cluster, pool_index);
	const struct cluster_backend *backend = &pool->backends[backend_index];
	bool drained = *(const bool *)wanted;
	bool changed = backend->drained != drained;

	if (changed)
		LOG_INFORM("backend %s of pool %s: %s by the operator", backend->config->name,
			pool->config->name, drained ? "drained" : "undrained");
	cluster_backend_set_drained(
		admin->cluster, pool_index, backend_index, drained, clock_now_ns());
	return json_pack("{s:s, s:s, s:b}", "pool", pool->config->name, "backend",
		backend->config->name, "changed", (int)changed);
}

json_t *
admin_drain(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"pool", "backend", NULL};
	const bool drained = true;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	return change_backends(ctx, params, &drained, set_drained, err);
}

json_t *
admin_undrain(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"pool", "backend", NULL};
	const bool drained = false;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	return change_backends(ctx, params, &drained, set_drained, err);
}

/* 'wanted' is NULL for the configured weight. */
static json_t *
set_weight(struct admin *admin, size_t pool_index, size_t backend_index, const void *wanted)
{
	const struct cluster_pool *pool = cluster_pool(admin->cluster, pool_index);
	const struct cluster_backend *backend = &pool->backends[backend_index];
	uint16_t before = cluster_backend_full_weight(backend);
	bool was_set = backend->weight_set;
	bool changed;

	if (wanted)
		cluster_backend_set_weight(
			admin->cluster, pool_index, backend_index, *(const uint16_t *)wanted);
	else
		cluster_backend_reset_weight(admin->cluster, pool_index, backend_index);
	changed = was_set != backend->weight_set || before != cluster_backend_full_weight(backend);
	if (changed)
		LOG_INFORM("backend %s of pool %s: weight %u -> %u%s by the operator",
			backend->config->name, pool->config->name, before,
			cluster_backend_full_weight(backend), wanted ? "" : " (configured)");
	return json_pack("{s:s, s:s, s:b, s:i, s:i}", "pool", pool->config->name, "backend",
		backend->config->name, "changed", (int)changed, "weight",
		(int)cluster_backend_full_weight(backend), "configured_weight",
		(int)backend->config->weight);
}

json_t *
admin_weight(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"pool", "backend", "weight", "reset", NULL};
	bool resets = json_is_true(json_object_get(params, "reset"));
	uint64_t number = 0;
	uint16_t weight;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	if (resets == (json_object_get(params, "weight") != NULL)) {
		err_set(err, -EINVAL, "give either a weight from 0 to %d, or --reset",
			MODEL_WEIGHT_MAX);
		return NULL;
	}
	if (!resets && json_field_integer(params, "weight", 0, MODEL_WEIGHT_MAX, &number, err) < 0)
		return NULL;
	weight = (uint16_t)number;
	return change_backends(ctx, params, resets ? NULL : &weight, set_weight, err);
}

json_t *
admin_failover(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"router", NULL};
	struct admin *admin = ctx;
	char buf[CONTROL_NAME_SIZE];
	const char *router;
	int n_moving;

	if (json_fields_known(params, keys, err) < 0 ||
		admin_optional_name(params, "router", buf, &router, err) < 0)
		return NULL;
	n_moving = cluster_failover(admin->cluster, router, err);
	if (n_moving < 0)
		return NULL;
	LOG_INFORM("failover of %s asked for by the operator", router ? router : "all");
	return json_pack("{s:i}", "moving", n_moving);
}

static void
on_reloaded(void *ctx, json_t *plan, const char *error)
{
	rpc_answer(ctx, json_incref(plan), error);
}

json_t *
admin_reload_config(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {NULL};
	struct admin *admin = ctx;
	struct rpc_pending *pending;
	struct err why = {""};

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	if (!admin->reload) {
		err_set(err, -EAGAIN, "the control plane is starting or stopping: try again");
		return NULL;
	}
	pending = rpc_defer(admin->server);
	if (!pending)
		err_set(err, -ENOMEM, "out of memory");
	else if (reload_start(admin->reload, on_reloaded, pending, &why) < 0)
		rpc_answer(pending, NULL, why.text);
	return NULL;
}
