/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked scripts; see scripts.h. */
#include "controlplane/scripts.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/plan.h"
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
	struct entry *entries[MODEL_SCRIPTS_MAX];
	size_t n_entries;
	size_t n_handles; /* Timers whose close callback has not run. */
	bool freed;
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

static struct entry *
make_entry(struct scripts *scripts, const struct script *config)
{
	struct health_fsm_config fsm_config = {
		.interval_ns = config->interval_ms * NS_PER_MS,
		.timeout_ns = config->timeout_ms * NS_PER_MS,
		.jitter_ns = config->interval_ms * NS_PER_MS / JITTER_PART,
		.rise = config->rise,
		.fall = config->fall,
	};
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->scripts = scripts;
	entry->config = config;
	/* At once: without a first result nothing is held. */
	health_fsm_init(&entry->fsm, &fsm_config, clock_now_ns(), 0);
	return entry;
}

static void
run_entry(struct entry *entry)
{
	timer_init(entry->scripts->loop, &entry->timer, on_timer, entry);
	arm(entry);
	entry->scripts->n_handles++;
}

static void
release(struct scripts *scripts)
{
	if (scripts->freed && scripts->n_handles == 0)
		free(scripts);
}

static void
on_closed(uv_handle_t *handle)
{
	struct entry *entry = handle->data;
	struct scripts *scripts = entry->scripts;

	free(entry);
	scripts->n_handles--;
	release(scripts);
}

static void
end_entry(struct entry *entry)
{
	if (entry->command)
		command_kill(entry->command);
	entry->command = NULL;
	uv_close((uv_handle_t *)&entry->timer, on_closed);
}

/* The entry of a script of the same name that is run in the same way. */
static struct entry *
find_entry(const struct scripts *scripts, const struct script *config)
{
	for (size_t i = 0; i < scripts->n_entries; i++) {
		struct entry *entry = scripts->entries[i];

		if (strcmp(entry->config->name, config->name) == 0 &&
			plan_same_script(entry->config, config))
			return entry;
	}
	return NULL;
}

static bool
contains(struct entry *const *entries, size_t n, const struct entry *entry)
{
	for (size_t i = 0; i < n; i++) {
		if (entries[i] == entry)
			return true;
	}
	return false;
}

/* The new entries take the place of the old ones. */
static void
replace(struct scripts *scripts, struct entry **entries, size_t n, const struct model *model,
	const size_t *indices)
{
	struct entry *former[MODEL_SCRIPTS_MAX];
	size_t n_former = scripts->n_entries;

	memcpy(former, scripts->entries, sizeof(former));
	for (size_t i = 0; i < n_former; i++) {
		if (!contains(entries, n, former[i]))
			end_entry(former[i]);
	}
	for (size_t i = 0; i < n; i++) {
		entries[i]->index = indices[i];
		entries[i]->config = &model->scripts[indices[i]];
		if (!contains(former, n_former, entries[i]))
			run_entry(entries[i]);
		scripts->entries[i] = entries[i];
	}
	scripts->n_entries = n;
}

int
scripts_reload(struct scripts *scripts, const struct model *model, const struct node *node)
{
	struct entry *entries[MODEL_SCRIPTS_MAX];
	size_t indices[MODEL_SCRIPTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < model->n_scripts; i++) {
		const struct script *config = &model->scripts[i];

		if (!is_tracked(model, node, config))
			continue;
		entries[n] = find_entry(scripts, config);
		if (!entries[n])
			entries[n] = make_entry(scripts, config);
		if (!entries[n])
			goto fail;
		indices[n++] = i;
	}
	replace(scripts, entries, n, model, indices);
	return 0;
fail:
	while (n-- > 0) {
		if (!contains(scripts->entries, scripts->n_entries, entries[n]))
			free(entries[n]);
	}
	return -ENOMEM;
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
	if (scripts_reload(scripts, model, node) < 0) {
		scripts_free(scripts);
		return -ENOMEM;
	}
	*out = scripts;
	return 0;
}

void
scripts_free(struct scripts *scripts)
{
	if (!scripts)
		return;
	for (size_t i = 0; i < scripts->n_entries; i++)
		end_entry(scripts->entries[i]);
	scripts->freed = true;
	release(scripts);
}
