/* SPDX-License-Identifier: BSD-3-Clause */
/* Notify commands; see notifier.h. */
#include "controlplane/notifier.h"

#include "common/log.h"
#include "controlplane/command.h"
#include "controlplane/timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("notify");

struct notifier {
	uv_loop_t *loop;
	const struct virtual_router *router;
	const char *node;
	struct transition queue[NOTIFY_QUEUE_MAX];
	size_t n_queued; /* The first is the oldest. */
	struct command *command;
	uv_timer_t timer;
};

#define N_SETTINGS 5

/* The next one is the timer's business. */
static void
on_done(void *ctx, bool ok, const char *why)
{
	struct notifier *notifier = ctx;

	notifier->command = NULL;
	if (!ok)
		LOG_LIMITED(LOG_WARN, "%s: notify command: %s", notifier->router->name, why);
	timer_set(&notifier->timer, 1);
}

static int
run(struct notifier *notifier, const struct transition *transition)
{
	const char *words[MODEL_COMMAND_MAX + 4];
	char texts[N_SETTINGS][32 + VRRP_WHY_SIZE];
	const char *settings[N_SETTINGS + 1] = {
		texts[0], texts[1], texts[2], texts[3], texts[4], NULL};
	const char *from = vrrp_state_name(transition->from);
	const char *to = vrrp_state_name(transition->to);
	size_t n = 0;

	for (; notifier->router->notify[n]; n++)
		words[n] = notifier->router->notify[n];
	words[n++] = notifier->router->name;
	words[n++] = from;
	words[n++] = to;
	words[n] = NULL;
	snprintf(texts[0], sizeof(texts[0]), "WEIR_NODE=%s", notifier->node);
	snprintf(texts[1], sizeof(texts[1]), "WEIR_ROUTER=%s", notifier->router->name);
	snprintf(texts[2], sizeof(texts[2]), "WEIR_FROM=%s", from);
	snprintf(texts[3], sizeof(texts[3]), "WEIR_TO=%s", to);
	snprintf(texts[4], sizeof(texts[4]), "WEIR_WHY=%s", transition->why);
	return command_start(
		&notifier->command, notifier->loop, words, settings, on_done, notifier);
}

static void
start_next(struct notifier *notifier)
{
	while (!notifier->command && notifier->n_queued > 0) {
		struct transition next = notifier->queue[0];
		int rc;

		notifier->n_queued--;
		memmove(notifier->queue, notifier->queue + 1,
			notifier->n_queued * sizeof(notifier->queue[0]));
		rc = run(notifier, &next);
		if (rc < 0)
			LOG_LIMITED(LOG_WARN, "%s: cannot run the notify command: %s",
				notifier->router->name, strerror(-rc));
		else
			timer_set(&notifier->timer, NOTIFY_TIMEOUT_MS);
	}
}

/* The command has had its time, or has ended. */
static void
on_timer(uv_timer_t *timer)
{
	struct notifier *notifier = timer->data;

	uv_timer_stop(timer);
	if (notifier->command) {
		command_kill(notifier->command);
		on_done(notifier, false, "killed, took too long");
	}
	uv_timer_stop(timer);
	start_next(notifier);
}

int
notifier_new(struct notifier **out, uv_loop_t *loop, const struct virtual_router *router,
	const char *node)
{
	struct notifier *notifier = calloc(1, sizeof(*notifier));

	if (!notifier)
		return -ENOMEM;
	notifier->loop = loop;
	notifier->router = router;
	notifier->node = node;
	timer_init(loop, &notifier->timer, on_timer, notifier);
	*out = notifier;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
notifier_free(struct notifier *notifier)
{
	if (!notifier)
		return;
	if (notifier->command)
		command_leave(notifier->command);
	notifier->command = NULL;
	if (notifier->n_queued > 0 && run(notifier, &notifier->queue[notifier->n_queued - 1]) == 0)
		command_leave(notifier->command);
	uv_close((uv_handle_t *)&notifier->timer, on_closed);
}

void
notifier_set_router(struct notifier *notifier, const struct virtual_router *router)
{
	notifier->router = router;
}

void
notifier_tell(struct notifier *notifier, const struct transition *transition)
{
	if (notifier->n_queued == NOTIFY_QUEUE_MAX) {
		LOG_LIMITED(LOG_WARN, "%s: notify commands are too slow: one is left out",
			notifier->router->name);
		notifier->n_queued--;
		memmove(notifier->queue, notifier->queue + 1,
			notifier->n_queued * sizeof(notifier->queue[0]));
	}
	notifier->queue[notifier->n_queued++] = *transition;
	start_next(notifier);
}
