/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks; see health.h. */
#include "controlplane/health.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/check.h"
#include "controlplane/health_fsm.h"

#include <errno.h>
#include <stdlib.h>

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
	struct check_stats *stats;
	struct check_stats uncounted; /* 'stats' until there are others. */
	void *engines[N_KINDS];       /* NULL: not needed so far. */
	struct target *targets;
	size_t n_targets;
	size_t n_unknown; /* Targets without a verdict. */
	size_t n_handles; /* Open handles in this memory. */
};

static void
finish_probe(struct target *target, bool ok, const char *why)
{
	struct health *health = target->health;
	enum health_state before = target->fsm.state;

	target->probe = NULL;
	if (ok)
		health->stats->n_good++;
	else
		health->stats->n_bad++;
	if (health_fsm_result(&target->fsm, ok, clock_now_ns(), arc4random())) {
		log_write(target->fsm.state == HEALTH_UP ? LOG_INFO : LOG_WARN, log_module,
			"backend %s of pool %s: %s -> %s: %s", target->backend_name,
			target->pool_name, health_state_name(before),
			health_state_name(target->fsm.state), why);
		if (before == HEALTH_UNKNOWN)
			health->n_unknown--;
	}
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

	target->health->stats->n_timeouts++;
	snprintf(why, sizeof(why), "no %s within %u ms", awaited, target->what.check->timeout_ms);
	finish_probe(target, false, why);
}

static void
on_timer(uv_timer_t *timer)
{
	struct target *target = timer->data;
	uint64_t due_ns = target->fsm.deadline_ns;
	uint64_t now_ns = clock_now_ns();

	switch (health_fsm_run(&target->fsm, now_ns)) {
	case HEALTH_WAIT:
		break;
	case HEALTH_PROBE:
		check_stats_begin(target->health->stats, now_ns - due_ns);
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

static int
add_target(struct health *health, const struct model *model, size_t pool_index,
	size_t backend_index, struct err *err)
{
	const struct pool *pool = &model->pools[pool_index];
	const struct backend *backend = &pool->backends[backend_index];
	const struct check *check = pool->check;
	const struct check_kind *kind = kinds[check->type];
	struct target *target = &health->targets[health->n_targets];
	struct health_fsm_config config = {
		.interval_ns = check->interval_ms * NS_PER_MS,
		.timeout_ns = check->timeout_ms * NS_PER_MS,
		.jitter_ns = check->interval_ms * NS_PER_MS * check->jitter_pct / 100,
		.start = health_start(check),
		.rise = check->rise,
		.fall = check->fall,
	};
	int rc;

	if (kind->engine_new && !health->engines[check->type]) {
		rc = kind->engine_new(&health->engines[check->type], health->loop, err);
		if (rc < 0)
			return rc;
	}
	*target = (struct target){
		.health = health,
		.kind = kind,
		.engine = health->engines[check->type],
		.what = {.loop = health->loop, .check = check, .backend = backend->name},
		.pool_name = pool->name,
		.backend_name = backend->name,
		.pool = pool_index,
		.backend = backend_index,
	};
	aim(&target->what, model, pool, backend_index);
	health_fsm_init(&target->fsm, &config, clock_now_ns(), arc4random());
	uv_timer_init(health->loop, &target->timer);
	target->timer.data = target;
	uv_timer_start(&target->timer, on_timer, 0, 0);
	health->n_targets++;
	if (config.start == HEALTH_UNKNOWN)
		health->n_unknown++;
	health->n_handles++;
	return 0;
}

int
health_new(struct health **out, uv_loop_t *loop, const struct model *model,
	health_result_fn on_result, void *ctx, struct err *err)
{
	struct health *health = calloc(1, sizeof(*health));
	size_t n_backends = 0;
	int rc = 0;

	for (size_t i = 0; i < model->n_pools; i++)
		n_backends += model->pools[i].n_backends;
	if (health)
		health->targets = calloc(n_backends + 1, sizeof(*health->targets));
	if (!health || !health->targets) {
		free(health);
		return err_set(err, -ENOMEM, "health checks: out of memory");
	}
	health->loop = loop;
	health->stats = &health->uncounted;
	health->on_result = on_result;
	health->ctx = ctx;
	for (size_t i = 0; i < model->n_pools && rc == 0; i++) {
		const struct pool *pool = &model->pools[i];

		if (!pool->check || pool->check->type == CHECK_NONE)
			continue;
		for (size_t j = 0; j < pool->n_backends && rc == 0; j++) {
			if (pool_checks(pool, &pool->backends[j]))
				rc = add_target(health, model, i, j, err);
		}
	}
	if (rc < 0) {
		err_prefix(err, "health checks");
		health_free(health);
		return rc;
	}
	*out = health;
	return 0;
}

void
health_count(struct health *health, struct check_stats *stats)
{
	health->stats = stats;
}

static void
release(struct health *health)
{
	free(health->targets);
	free(health);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct target *target = handle->data;

	if (--target->health->n_handles == 0)
		release(target->health);
}

void
health_free(struct health *health)
{
	if (!health)
		return;
	for (size_t i = 0; i < health->n_targets; i++) {
		struct target *target = &health->targets[i];

		if (target->probe)
			target->kind->cancel(target->probe);
		uv_close((uv_handle_t *)&target->timer, on_timer_closed);
	}
	for (size_t i = 0; i < N_KINDS; i++) {
		if (kinds[i] && health->engines[i])
			kinds[i]->engine_free(health->engines[i]);
	}
	if (health->n_handles == 0)
		release(health);
}

/* Targets are in the order of the model. */
static struct target *
find_target(const struct health *health, size_t pool, size_t backend)
{
	size_t low = 0, high = health->n_targets;

	while (low < high) {
		size_t i = low + (high - low) / 2;
		struct target *target = &health->targets[i];

		if (target->pool == pool && target->backend == backend)
			return target;
		if (target->pool < pool || (target->pool == pool && target->backend < backend))
			low = i + 1;
		else
			high = i;
	}
	return NULL;
}

void
health_hurry(struct health *health, size_t pool, size_t backend)
{
	struct target *target = find_target(health, pool, backend);

	if (!target || !health_fsm_hurry(&target->fsm, clock_now_ns()))
		return;
	health->stats->n_hurried++;
	LOG_DBG("backend %s of pool %s: probed at once, the dataplane has seen trouble",
		target->backend_name, target->pool_name);
	arm(target);
}

bool
health_all_known(const struct health *health)
{
	return health->n_unknown == 0;
}
