/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks; see health.h. */
#include "controlplane/health_data.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>

LOG_MODULE("health");

const struct check_kind *const health_kinds[N_CHECK_TYPES] = {
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
	}
	health_settle(target);
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

void
health_on_timer(uv_timer_t *timer)
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

int
health_new(struct health **out, uv_loop_t *loop, struct model *model, health_result_fn on_result,
	void *ctx, struct err *err)
{
	struct health *health = calloc(1, sizeof(*health));
	int rc;

	if (!health)
		return err_set(err, -ENOMEM, "health checks: out of memory");
	health->loop = loop;
	health->stats = &health->uncounted;
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
health_count(struct health *health, struct check_stats *stats)
{
	health->stats = stats;
}

void
health_free(struct health *health)
{
	if (!health)
		return;
	for (size_t i = 0; i < health->n_targets; i++)
		health_end_target(health->targets[i]);
	free(health->targets);
	for (size_t i = 0; i < N_CHECK_TYPES; i++) {
		if (health_kinds[i] && health->engines[i])
			health_kinds[i]->engine_free(health->engines[i]);
	}
	health->freed = true;
	health_release(health);
}

/* Targets are in the order of the model. */
static struct target *
find_target(const struct health *health, size_t pool, size_t backend)
{
	size_t low = 0, high = health->n_targets;

	while (low < high) {
		size_t i = low + (high - low) / 2;
		struct target *target = health->targets[i];

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
	for (size_t i = 0; i < health->n_targets; i++) {
		if (health->targets[i]->fsm.state == HEALTH_UNKNOWN)
			return false;
	}
	return true;
}
