/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the notify command of one virtual router with each of its transitions.
 *
 * The command gets the router's name, the old and the new state as further words, and the same with
 * the reason in its environment: WEIR_NODE, WEIR_ROUTER, WEIR_FROM, WEIR_TO, WEIR_WHY. One runs at
 * a time, so that they come in order; what takes longer than NOTIFY_TIMEOUT_MS is killed. When many
 * wait the oldest are left out: the last one is what matters. The election never waits for any.
 * Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_NOTIFIER_H
#define CONTROLPLANE_NOTIFIER_H

#include "common/model.h"
#include "controlplane/history.h"

#include <uv.h>

#define NOTIFY_TIMEOUT_MS 30000
#define NOTIFY_QUEUE_MAX 16

struct notifier;

/* For 'router', which has a notify command, on the node called 'node'. Returns 0 or -ENOMEM. */
int notifier_new(struct notifier **out, uv_loop_t *loop, const struct virtual_router *router,
	const char *node);

/* The command for the last transition is still run, and none is killed. Memory goes when the loop
 * has run its close callbacks. NULL is allowed. */
void notifier_free(struct notifier *notifier);

/* The same router as another model has it. */
void notifier_set_router(struct notifier *notifier, const struct virtual_router *router);

void notifier_tell(struct notifier *notifier, const struct transition *transition);

#endif /* CONTROLPLANE_NOTIFIER_H */
