/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of one worker; see stats.h. */
#include "dataplane/stats.h"

#include <errno.h>

#define LINE_BYTES 64

static const struct {
	const char *name;
	const char *help;
} flow_events[N_FLOW_EVENTS] = {
#define FLOW_EVENT(id, name, help) [FLOW_##id] = {name, help},
	FLOW_EVENTS
#undef FLOW_EVENT
};

static const struct {
	const char *name;
	const char *help;
} path_events[N_PATH_EVENTS] = {
#define PATH_EVENT(id, name, help) [PATH_##id] = {name, help},
	PATH_EVENTS
#undef PATH_EVENT
};

int
stats_new(struct stats **out, const struct memory *memory)
{
	struct stats *stats = memory->alloc(memory->ctx, sizeof(*stats), LINE_BYTES);

	if (!stats)
		return -ENOMEM;
	stats->memory = *memory;
	stats->services = memory->alloc(
		memory->ctx, STATS_SERVICES_MAX * sizeof(*stats->services), LINE_BYTES);
	stats->backends = memory->alloc(
		memory->ctx, STATS_BACKENDS_MAX * sizeof(*stats->backends), LINE_BYTES);
	stats->signs =
		memory->alloc(memory->ctx, STATS_BACKENDS_MAX * sizeof(*stats->signs), LINE_BYTES);
	if (!stats->services || !stats->backends || !stats->signs) {
		stats_free(stats);
		return -ENOMEM;
	}
	*out = stats;
	return 0;
}

void
stats_free(struct stats *stats)
{
	struct memory memory;

	if (!stats)
		return;
	memory = stats->memory;
	memory.free(memory.ctx, stats->services);
	memory.free(memory.ctx, stats->backends);
	memory.free(memory.ctx, stats->signs);
	memory.free(memory.ctx, stats);
}

const char *
flow_event_name(enum flow_event event)
{
	return flow_events[event].name;
}

const char *
flow_event_help(enum flow_event event)
{
	return flow_events[event].help;
}

const char *
path_event_name(enum path_event event)
{
	return path_events[event].name;
}

const char *
path_event_help(enum path_event event)
{
	return path_events[event].help;
}
