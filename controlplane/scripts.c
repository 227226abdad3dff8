/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked scripts; see scripts.h. */
#include "controlplane/scripts.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/command.h"
#include "controlplane/health_fsm.h"
#include "controlplane/timer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("script");

/* Scripts that begin together drift apart by this part of their interval at each run. */
#define JITTER_PART 10

struct entry {
	struct scripts *scripts;
	const struct script *config;
	size_t index; /* In the model. */
	struct health_fsm fsm;
	uv_timer_t timer;
	struct command *command; /* NULL: does not run. */
};

struct scripts {
	uv_loop_t *loop;
	scripts_result_fn on_result;
	void *ctx;
	struct entry entries[MODEL_SCRIPTS_MAX];
	size_t n_entries;
	size_t n_handles; /* Timers whose close callback has not run. */
};

static void
arm(struct entry *entry)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t deadline_ns = entry->fsm.deadline_ns;

	timer_set(&entry->timer, deadline_ns > now_ns ? (deadline_ns - now_ns) / NS_PER_MS + 1 : 1);
}

static void
finish(struct entry *entry, bool ok, const char *why)
{
	struct scripts *scripts = entry->scripts;
	enum health_state before = entry->fsm.state;

	entry->command = NULL;
	if (health_fsm_result(&entry->fsm, ok, clock_now_ns(), arc4random()))
		log_write(ok ? LOG_INFO : LOG_WARN, log_module, "script %s: %s -> %s: %s",
			entry->config->name, health_state_name(before),
			health_state_name(entry->fsm.state), why);
	scripts->on_result(scripts->ctx, entry->index, entry->fsm.state == HEALTH_UP, why);
}

static void
on_done(void *ctx, bool ok, const char *why)
{
	struct entry *entry = ctx;

	finish(entry, ok, why);
	arm(entry);
}

static void
give_up(struct entry *entry)
{
	char why[COMMAND_WHY_SIZE];

	command_kill(entry->command);
	snprintf(why, sizeof(why), "took longer than %u ms", entry->config->timeout_ms);
	finish(entry, false, why);
}

static void
on_timer(uv_timer_t *timer)
{
	struct entry *entry = timer->data;
	int rc;

	switch (health_fsm_run(&entry->fsm, clock_now_ns())) {
	case HEALTH_WAIT:
		break;
	case HEALTH_PROBE:
		rc = command_start(&entry->command, entry->scripts->loop, entry->config->command,
			NULL, on_done, entry);
		if (rc < 0)
			finish(entry, false, strerror(-rc));
		break;
	case HEALTH_GIVE_UP:
		give_up(entry);
		break;
	}
	arm(entry);
}

static bool
is_tracked(const struct model *model, const struct node *node, const struct script *script)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		const struct virtual_router *router = &model->routers[i];
		bool tracks = false, member = false;

		for (size_t j = 0; j < router->n_tracks; j++)
			tracks = tracks || router->tracks[j].script == script;
		for (size_t j = 0; j < router->n_members; j++)
			member = member || router->members[j].node == node;
		if (tracks && member)
			return true;
	}
	return false;
}

int
scripts_new(struct scripts **out, uv_loop_t *loop, const struct model *model,
	const struct node *node, scripts_result_fn on_result, void *ctx)
{
	struct scripts *scripts = calloc(1, sizeof(*scripts));

	if (!scripts)
		return -ENOMEM;
	scripts->loop = loop;
	scripts->on_result = on_result;
	scripts->ctx = ctx;
	for (size_t i = 0; i < model->n_scripts; i++) {
		const struct script *config = &model->scripts[i];
		struct entry *entry = &scripts->entries[scripts->n_entries];
		struct health_fsm_config fsm_config = {
			.interval_ns = config->interval_ms * NS_PER_MS,
			.timeout_ns = config->timeout_ms * NS_PER_MS,
			.jitter_ns = config->interval_ms * NS_PER_MS / JITTER_PART,
			.rise = config->rise,
			.fall = config->fall,
		};

		if (!is_tracked(model, node, config))
			continue;
		*entry = (struct entry){.scripts = scripts, .config = config, .index = i};
		/* At once: without a first result nothing is held. */
		health_fsm_init(&entry->fsm, &fsm_config, clock_now_ns(), 0);
		timer_init(loop, &entry->timer, on_timer, entry);
		arm(entry);
		scripts->n_entries++;
		scripts->n_handles++;
	}
	*out = scripts;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct entry *entry = handle->data;

	if (--entry->scripts->n_handles == 0)
		free(entry->scripts);
}

void
scripts_free(struct scripts *scripts)
{
	size_t n;

	if (!scripts)
		return;
	n = scripts->n_entries;
	for (size_t i = 0; i < n; i++) {
		struct entry *entry = &scripts->entries[i];

		if (entry->command)
			command_kill(entry->command);
		uv_close((uv_handle_t *)&entry->timer, on_closed);
	}
	if (n == 0)
		free(scripts);
}
