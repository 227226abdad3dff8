/* SPDX-License-Identifier: BSD-3-Clause */
/* Which backends are checked, at first and after a reload: those that are still there and are
 * checked in the same way keep their machine and even the probe that is under way, however often
 * somebody reloads. */
#include "controlplane/health_data.h"

#include "common/clock.h"
#include "common/config.h"
#include "common/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The port at which a backend of 'pool' is probed: the check's, or its own, or that of the first
 * service that uses the pool; 0 if none says. */
static uint16_t
port_of(const struct model *model, const struct pool *pool, const struct backend *backend)
{
	if (pool->check->port != 0)
		return pool->check->port;
	if (backend->port != 0)
		return backend->port;
	for (size_t i = 0; i < model->n_services; i++) {
		if (model->services[i].pool == pool)
			return model->services[i].port;
	}
	return 0;
}

/* Where a backend is probed: itself, or the virtual address by the local port that is its own. */
static void
aim(struct check_target *what, const struct model *model, const struct pool *pool, size_t index)
{
	const struct backend *backend = &pool->backends[index];

	what->local_port = 0;
	what->endpoint = (struct endpoint){backend->addr, port_of(model, pool, backend)};
	for (size_t i = 0; pool->check->via_vip && i < model->n_services; i++) {
		const struct service *service = &model->services[i];

		if (service->pool != pool || service->probe_port == 0)
			continue;
		what->endpoint.addr = service->address;
		what->endpoint.port = service->port ? service->port : pool->check->port;
		what->local_port = (uint16_t)(service->probe_port + index);
		return;
	}
}

/* Points the target into the latest model. */
static void
point(struct target *target, struct model *model)
{
	const struct pool *pool = &model->pools[target->pool];
	const struct backend *backend = &pool->backends[target->backend];
	struct model *former = target->model;

	target->model = model_share(model);
	target->what.check = pool->check;
	target->what.backend = backend->name;
	target->addr = backend->addr;
	aim(&target->what, model, pool, target->backend);
	target->pool_name = pool->name;
	target->backend_name = backend->name;
	model_free(former);
}

/* After a reload, when no probe looks at the former model any more. */
void
health_settle(struct target *target)
{
	if (target->model != target->health->model)
		point(target, target->health->model);
}

static struct health_fsm_config
fsm_config(const struct check *check)
{
	return (struct health_fsm_config){
		.interval_ns = check->interval_ms * NS_PER_MS,
		.timeout_ns = check->timeout_ms * NS_PER_MS,
		.jitter_ns = check->interval_ms * NS_PER_MS * check->jitter_pct / 100,
		.start = health_start(check),
		.rise = check->rise,
		.fall = check->fall,
	};
}

static int
make_engine(
	struct health *health, const struct check_kind *kind, enum check_type type, struct err *err)
{
	if (!kind->engine_new || health->engines[type])
		return 0;
	return kind->engine_new(&health->engines[type], health->loop, err);
}

/* A target that does not run yet; NULL with 'err' set. */
static struct target *
make_target(
	struct health *health, struct model *model, size_t pool, size_t backend, struct err *err)
{
	const struct check *check = model->pools[pool].check;
	struct health_fsm_config config = fsm_config(check);
	struct target *target;

	if (make_engine(health, health_kinds[check->type], check->type, err) < 0)
		return NULL;
	target = calloc(1, sizeof(*target));
	if (!target) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	target->health = health;
	target->kind = health_kinds[check->type];
	target->engine = health->engines[check->type];
	target->what.loop = health->loop;
	target->pool = pool;
	target->backend = backend;
	point(target, model);
	health_fsm_init(&target->fsm, &config, clock_now_ns(), arc4random());
	return target;
}

static void
run_target(struct target *target)
{
	struct health *health = target->health;

	uv_timer_init(health->loop, &target->timer);
	target->timer.data = target;
	uv_timer_start(&target->timer, health_on_timer, 0, 0);
	health->n_handles++;
}

static void
free_target(struct target *target)
{
	model_free(target->model);
	free(target);
}

void
health_release(struct health *health)
{
	if (!health->freed || health->n_handles > 0)
		return;
	model_free(health->model);
	free(health);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct target *target = handle->data;
	struct health *health = target->health;

	health->n_handles--;
	free_target(target);
	health_release(health);
}

void
health_end_target(struct target *target)
{
	if (target->probe)
		target->kind->cancel(target->probe);
	target->probe = NULL;
	uv_close((uv_handle_t *)&target->timer, on_timer_closed);
}

/* --- The targets of a model, which may be the first or a later one --- */

/* What becomes of the targets. */
struct change {
	struct target **targets; /* Those of the new model ... */
	bool *is_new;            /* ... that were made for it. */
	size_t n;
	bool *is_kept; /* Of the former ones. */
};

static void
fini_change(struct change *change)
{
	free(change->targets);
	free(change->is_new);
	free(change->is_kept);
}

static int
init_change(struct change *change, const struct health *health, const struct model *model)
{
	size_t n = 1;

	for (size_t i = 0; i < model->n_pools; i++)
		n += model->pools[i].n_backends;
	*change = (struct change){
		.targets = calloc(n, sizeof(struct target *)),
		.is_new = calloc(n, sizeof(bool)),
		.is_kept = calloc(health->n_targets + 1, sizeof(bool)),
	};
	if (change->targets && change->is_new && change->is_kept)
		return 0;
	fini_change(change);
	return -ENOMEM;
}

/* The target of the same backend in the former model, or the number of targets. Most are where they
 * were, so the search begins at 'hint'. */
static size_t
find_former(const struct health *health, const struct pool *pool, const struct backend *backend,
	size_t hint)
{
	for (size_t i = 0; i < health->n_targets; i++) {
		size_t j = (hint + i) % health->n_targets;
		const struct target *target = health->targets[j];

		if (strcmp(target->backend_name, backend->name) == 0 &&
			strcmp(target->pool_name, pool->name) == 0 &&
			addr_equal(&target->addr, &backend->addr))
			return j;
	}
	return health->n_targets;
}

static bool
is_aimed_alike(const struct check_target *a, const struct check_target *b)
{
	return a->endpoint.port == b->endpoint.port && a->local_port == b->local_port &&
	       addr_equal(&a->endpoint.addr, &b->endpoint.addr);
}

static int
plan_target(struct health *health, struct change *change, struct model *model, size_t pool,
	size_t backend, struct err *err)
{
	const struct pool *config = &model->pools[pool];
	const struct backend *entry = &config->backends[backend];
	size_t place = find_former(health, config, entry, change->n);
	struct target *former = place < health->n_targets ? health->targets[place] : NULL;
	struct check_target what = {.check = NULL};
	struct target *target;

	aim(&what, model, config, backend);
	if (former && is_aimed_alike(&former->what, &what) &&
		plan_same_check(former->what.check, config->check)) {
		change->is_kept[place] = true;
		change->targets[change->n++] = former;
		return 0;
	}
	target = make_target(health, model, pool, backend, err);
	if (!target)
		return -ENOMEM;
	/* Probed in another way from now on, but what was found holds until there is more. */
	if (former)
		target->fsm.state = former->fsm.state;
	change->is_new[change->n] = true;
	change->targets[change->n++] = target;
	return 0;
}

static int
plan_targets(struct health *health, struct change *change, struct model *model, struct err *err)
{
	for (size_t i = 0; i < model->n_pools; i++) {
		const struct pool *pool = &model->pools[i];

		if (!pool->check || pool->check->type == CHECK_NONE)
			continue;
		for (size_t j = 0; j < pool->n_backends; j++) {
			if (!pool_checks(pool, &pool->backends[j]))
				continue;
			if (plan_target(health, change, model, i, j, err) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* The indices come from the order in which the targets were planned. */
static void
renumber(const struct change *change, const struct model *model)
{
	size_t n = 0;

	for (size_t i = 0; i < model->n_pools; i++) {
		const struct pool *pool = &model->pools[i];

		if (!pool->check || pool->check->type == CHECK_NONE)
			continue;
		for (size_t j = 0; j < pool->n_backends; j++) {
			if (!pool_checks(pool, &pool->backends[j]))
				continue;
			change->targets[n]->pool = i;
			change->targets[n++]->backend = j;
		}
	}
}

static void
carry_out(struct health *health, struct change *change, struct model *model)
{
	struct target **former = health->targets;
	size_t n_former = health->n_targets;
	struct model *former_model = health->model;

	renumber(change, model);
	for (size_t i = 0; i < n_former; i++) {
		if (!change->is_kept[i])
			health_end_target(former[i]);
	}
	health->model = model_share(model);
	health->targets = change->targets;
	health->n_targets = change->n;
	for (size_t i = 0; i < change->n; i++) {
		if (change->is_new[i])
			run_target(change->targets[i]);
		else if (!change->targets[i]->probe)
			health_settle(change->targets[i]);
	}
	model_free(former_model);
	change->targets = former;
}

int
health_reload(struct health *health, struct model *model, struct err *err)
{
	struct change change;
	int rc = init_change(&change, health, model);

	if (rc < 0)
		return err_set(err, rc, "health checks: out of memory");
	rc = plan_targets(health, &change, model, err);
	if (rc == 0) {
		carry_out(health, &change, model);
	} else {
		err_prefix(err, "health checks");
		for (size_t i = 0; i < change.n; i++) {
			if (change.is_new[i])
				free_target(change.targets[i]);
		}
	}
	fini_change(&change);
	return rc;
}
