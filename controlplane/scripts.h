/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the scripts that virtual routers track, each at its interval and one at a time, and reports
 * what they say. A script that takes longer than its timeout is killed with all that it has
 * started. The rise/fall machine is that of health checks (health_fsm.h). Belongs to a libuv loop
 * and its thread. */
#ifndef CONTROLPLANE_SCRIPTS_H
#define CONTROLPLANE_SCRIPTS_H

#include "common/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct scripts;

/* Called after each run with the verdict that holds now, and how the run ended. 'script' is an
 * index in the model. */
typedef void (*scripts_result_fn)(void *ctx, size_t script, bool good, const char *why);

/* Starts the scripts of 'model' that a virtual router of 'node' tracks. Returns 0 or -ENOMEM. */
int scripts_new(struct scripts **out, uv_loop_t *loop, const struct model *model,
	const struct node *node, scripts_result_fn on_result, void *ctx);

/* Goes on with the scripts of another model: those that are the same keep what is known of them,
 * and go on if they run. Returns 0 or -ENOMEM; then nothing has changed. */
int scripts_reload(struct scripts *scripts, const struct model *model, const struct node *node);

/* Kills those that run; no callback comes after it. Memory goes when the loop has run its close
 * callbacks. NULL is allowed. */
void scripts_free(struct scripts *scripts);

#endif /* CONTROLPLANE_SCRIPTS_H */
