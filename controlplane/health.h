/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks of all backends: probes them in turn and reports verdicts.
 *
 * Every backend of a pool with a check is probed at the check's interval, spread in time so that
 * many checks do not fall together. A rise/fall machine (health_fsm.h) turns results into verdicts;
 * a table of check kinds (check.h) knows how to probe. Backends without a check are not touched.
 * Belongs to one loop and its thread. */
#ifndef CONTROLPLANE_HEALTH_H
#define CONTROLPLANE_HEALTH_H

#include "common/err.h"
#include "common/model.h"
#include "controlplane/check_stats.h"
#include "controlplane/health_fsm.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct health;

/* Called after each result with the verdict that holds now and the reason of the last result
 * ("connection refused", "status 200"). 'pool' and 'backend' are indices in the model. Must not
 * free the health checks. */
typedef void (*health_result_fn)(void *ctx, size_t pool, size_t backend, bool up, const char *why);

/* What a backend counts as before the first result of 'check', which NULL never gets. */
enum health_state health_start(const struct check *check);

/* Starts all checks of 'model', which must outlive them. Without a start state the first result of
 * a backend is its first verdict. Returns 0, or a negative errno with 'err' set. */
int health_new(struct health **out, uv_loop_t *loop, const struct model *model,
	health_result_fn on_result, void *ctx, struct err *err);

/* From now on counts in 'stats', which outlives the checks. */
void health_count(struct health *health, struct check_stats *stats);

/* Stops all checks; no callback comes after it. Memory goes when the loop has run its close
 * callbacks. NULL is allowed. */
void health_free(struct health *health);

/* The dataplane has seen a sign of trouble with a backend: it is probed at once, unless that was
 * done within its interval already, or it is not checked. */
void health_hurry(struct health *health, size_t pool, size_t backend);

/* True when each checked backend has had its first verdict. */
bool health_all_known(const struct health *health);

#endif /* CONTROLPLANE_HEALTH_H */
