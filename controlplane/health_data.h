/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside the health checks. For health.c and health_reload.c; everybody else uses health.h.
 */
#ifndef CONTROLPLANE_HEALTH_DATA_H
#define CONTROLPLANE_HEALTH_DATA_H

#include "controlplane/check.h"
#include "controlplane/health.h"
#include "controlplane/health_fsm.h"

/* One backend in one pool. */
struct target {
	struct health *health;
	struct model
		*model; /* That the pointers here go to: until a probe ends, that of its start. */
	const struct check_kind *kind;
	void *engine;
	struct check_target what;
	const char *pool_name;
	const char *backend_name;
	struct addr addr; /* Of the backend, wherever it is probed. */
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
	void *engines[N_CHECK_TYPES]; /* NULL: not needed so far. */
	struct model *model;          /* The latest. */
	struct target **targets;
	size_t n_targets;
	size_t n_handles; /* Timers whose close callback has not run. */
	bool freed;
};

extern const struct check_kind *const health_kinds[N_CHECK_TYPES]; /* CHECK_NONE has none. */

/* Callback of a target's timer. */
void health_on_timer(uv_timer_t *timer);

/* Has the target look at the latest model; no probe of it may be under way. */
void health_settle(struct target *target);

/* Ends a target, with the probe that may be under way. */
void health_end_target(struct target *target);

/* Frees the memory if it is time. */
void health_release(struct health *health);

#endif /* CONTROLPLANE_HEALTH_DATA_H */
