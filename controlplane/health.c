/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks; see health.h. */
#include "controlplane/health.h"

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/plan.h"
#include "controlplane/check.h"
#include "controlplane/health_fsm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("health");

static const struct check_kind *const kinds[] = {
	[CHECK_TCP] = &check_tcp,
	[CHECK_HTTP] = &check_http,
	[CHECK_HTTPS] = &check_http,
	[CHECK_TLS] = &check_http,
	[CHECK_UDP] = &check_udp,
	[CHECK_DNS] = &check_dns,
	[CHECK_ICMP] = &check_icmp,
	[CHECK_MARIADB] = &check_mariadb,
	[CHECK_SCRIPT] = &check_script,
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* One backend in one pool. */
struct target {
	struct health *health;
	struct model *model; /* That the pointers here go to: until a probe ends, that of its start. */
	const struct check_kind *kind;
	void *engine;
	struct check_target what;
	const char *pool_name;
	const char *backend_name;
	size_t pool;
	size_t backend;
	struct health_fsm fsm;
	uv_timer_t timer;
	void *probe; /* Under way; NULL: none. */
};

struct health {
	uv_loop_t *loop;
	health_result_fn on_result;
	void *ctx;
	void *engines[N_KINDS]; /* NULL: not needed so far. */
	struct model *model; /* The latest. */
	struct target **targets;
	size_t n_targets;
	size_t n_handles; /* Timers whose close callback has not run. */
	bool freed;
};

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
	target->what.endpoint = (struct endpoint){backend->addr, port_of(model, pool, backend)};
	target->pool_name = pool->name;
	target->backend_name = backend->name;
	model_free(former);
}

/* After a reload, when no probe looks at the former model any more. */
static void
settle(struct target *target)
{
	if (target->model != target->health->model)
		point(target, target->health->model);
}

static void
finish_probe(struct target *target, bool ok, const char *why)
{
	struct health *health = target->health;
	enum health_state before = target->fsm.state;

	target->probe = NULL;
	if (health_fsm_result(&target->fsm, ok, clock_now_ns(), arc4random())) {
		log_write(target->fsm.state == HEALTH_UP ? LOG_INFO : LOG_WARN, log_module,
			"backend %s of pool %s: %s -> %s: %s", target->backend_name,
			target->pool_name, health_state_name(before),
			health_state_name(target->fsm.state), why);
	}
	settle(target);
	health->on_result(
		health->ctx, target->pool, target->backend, target->fsm.state == HEALTH_UP, why);
}

/* Sets the timer for what the machine wants next. The timer was started with its callback when the
 * target was made; here only its delay changes. */
static void
arm(struct target *target)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t delay_ns = target->fsm.deadline_ns > now_ns ? target->fsm.deadline_ns - now_ns : 0;

	uv_timer_set_repeat(&target->timer, delay_ns / NS_PER_MS + 1);
	uv_timer_again(&target->timer);
}

static void
on_probe_done(void *ctx, bool ok, const char *why)
{
	struct target *target = ctx;

	finish_probe(target, ok, why);
	arm(target);
}

static void
start_probe(struct target *target)
{
	struct err err = {""};

	if (target->what.endpoint.port == 0 && !target->kind->needs_no_port)
		err_set(&err, -EINVAL, "no service uses the pool and its check has no port");
	else
		target->probe = target->kind->start(
			target->engine, &target->what, on_probe_done, target, &err);
	if (!target->probe)
		finish_probe(target, false, err.text);
}

static void
give_up(struct target *target)
{
	const char *awaited = target->kind->cancel(target->probe);
	char why[96];

	snprintf(why, sizeof(why), "no %s within %u ms", awaited, target->what.check->timeout_ms);
	finish_probe(target, false, why);
}

static void
on_timer(uv_timer_t *timer)
{
	struct target *target = timer->data;

	switch (health_fsm_run(&target->fsm, clock_now_ns())) {
	case HEALTH_WAIT:
		break;
	case HEALTH_PROBE:
		start_probe(target);
		break;
	case HEALTH_GIVE_UP:
		give_up(target);
		break;
	}
	arm(target);
}

enum health_state
health_start(const struct check *check)
{
	static const enum health_state states[] = {
		[CHECK_START_WAIT] = HEALTH_UNKNOWN,
		[CHECK_START_UP] = HEALTH_UP,
		[CHECK_START_DOWN] = HEALTH_DOWN,
	};

	return check ? states[check->start] : HEALTH_UP;
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
make_engine(struct health *health, const struct check_kind *kind, enum check_type type,
	struct err *err)
{
	if (!kind->engine_new || health->engines[type])
		return 0;
	return kind->engine_new(&health->engines[type], health->loop, err);
}

/* A target that does not run yet; NULL with 'err' set. */
static struct target *
make_target(struct health *health, struct model *model, size_t pool, size_t backend,
	struct err *err)
{
	const struct check *check = model->pools[pool].check;
	struct health_fsm_config config = fsm_config(check);
	struct target *target;

	if (make_engine(health, kinds[check->type], check->type, err) < 0)
		return NULL;
	target = calloc(1, sizeof(*target));
	if (!target) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	target->health = health;
	target->kind = kinds[check->type];
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
	uv_timer_start(&target->timer, on_timer, 0, 0);
	health->n_handles++;
}

static void
free_target(struct target *target)
{
	model_free(target->model);
	free(target);
}

static void
release(struct health *health)
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
	release(health);
}

static void
end_target(struct target *target)
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
			addr_equal(&target->what.endpoint.addr, &backend->addr))
			return j;
	}
	return health->n_targets;
}

static int
plan_target(struct health *health, struct change *change, struct model *model, size_t pool,
	size_t backend, struct err *err)
{
	const struct pool *config = &model->pools[pool];
	const struct backend *entry = &config->backends[backend];
	size_t place = find_former(health, config, entry, change->n);
	struct target *former = place < health->n_targets ? health->targets[place] : NULL;
	struct target *target;

	if (former && former->what.endpoint.port == port_of(model, config, entry) &&
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
			int rc = plan_target(health, change, model, i, j, err);

			if (rc < 0)
				return rc;
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
		for (size_t j = 0; j < pool->n_backends; j++, n++) {
			change->targets[n]->pool = i;
			change->targets[n]->backend = j;
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
			end_target(former[i]);
	}
	health->model = model_share(model);
	health->targets = change->targets;
	health->n_targets = change->n;
	for (size_t i = 0; i < change->n; i++) {
		if (change->is_new[i])
			run_target(change->targets[i]);
		else if (!change->targets[i]->probe)
			settle(change->targets[i]);
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

int
health_new(struct health **out, uv_loop_t *loop, struct model *model, health_result_fn on_result,
	void *ctx, struct err *err)
{
	struct health *health = calloc(1, sizeof(*health));
	int rc;

	if (!health)
		return err_set(err, -ENOMEM, "health checks: out of memory");
	health->loop = loop;
	health->on_result = on_result;
	health->ctx = ctx;
	rc = health_reload(health, model, err);
	if (rc < 0) {
		health_free(health);
		return rc;
	}
	*out = health;
	return 0;
}

void
health_free(struct health *health)
{
	if (!health)
		return;
	for (size_t i = 0; i < health->n_targets; i++)
		end_target(health->targets[i]);
	free(health->targets);
	for (size_t i = 0; i < N_KINDS; i++) {
		if (health->engines[i])
			kinds[i]->engine_free(health->engines[i]);
	}
	health->freed = true;
	release(health);
}

bool
health_all_known(const struct health *health)
{
	for (size_t i = 0; i < health->n_targets; i++) {
		if (health->targets[i]->fsm.state == HEALTH_UNKNOWN)
			return false;
	}
	return true;
}
