/* SPDX-License-Identifier: BSD-3-Clause */
/* Scripts, and what virtual routers track, run and belong to; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

#define SCRIPT_MS_MIN 10
#define SCRIPT_MS_MAX 3600000
#define RISE_FALL_MAX 100
#define TRACK_BACKENDS_MAX 1000
#define PRIORITY_OWNER 255

static void
build_script(struct config_reader *reader, const char *path, const struct raw_script *raw,
	struct script *script)
{
	const struct config_range ms = {SCRIPT_MS_MIN, SCRIPT_MS_MAX, 1000};
	const struct config_range times = {1, RISE_FALL_MAX, 1};

	script->name = config_name(reader, path, "name", raw->name);
	if (raw->command_count == 0)
		config_fail(reader, path, NULL, "the list 'command' is missing or empty");
	script->command = config_command(reader, path, "command", raw->command, raw->command_count);
	script->interval_ms =
		(uint32_t)config_number(reader, path, "interval_ms", raw->interval_ms, ms);
	script->timeout_ms =
		(uint32_t)config_number(reader, path, "timeout_ms", raw->timeout_ms, ms);
	script->rise = (uint32_t)config_number(reader, path, "rise", raw->rise, times);
	script->fall = (uint32_t)config_number(reader, path, "fall", raw->fall, times);
}

static void
build_scripts(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	if (raw->scripts_count > MODEL_SCRIPTS_MAX)
		config_fail(reader, "scripts", NULL, "%u scripts: at most %d", raw->scripts_count,
			MODEL_SCRIPTS_MAX);
	model->scripts = config_array(reader, raw->scripts_count, sizeof(*model->scripts));
	for (size_t i = 0; reader->code == 0 && i < raw->scripts_count; i++) {
		struct config_path path = config_path("scripts[%zu]", i);

		build_script(reader, path.text, &raw->scripts[i], &model->scripts[i]);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(model->scripts[j].name, model->scripts[i].name) == 0)
				config_fail(reader, path.text, "name", "'%s' is used twice",
					model->scripts[i].name);
		}
		model->n_scripts = i + 1;
	}
}

/* --- What a router tracks --- */

static bool
has_port(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->lb.n_ports; i++) {
		if (strcmp(node->lb.ports[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
track_port(struct config_reader *reader, const char *path, const struct raw_track *raw,
	const struct virtual_router *router, struct track *track)
{
	track->kind = TRACK_PORT;
	track->port = config_name(reader, path, "port", raw->port);
	if (strcmp(track->port, router->port) == 0)
		config_fail(reader, path, "port",
			"'%s' is the router's own: without its link it holds nothing, whatever is "
			"tracked",
			track->port);
	for (size_t i = 0; i < router->n_members; i++) {
		if (!has_port(router->members[i].node, track->port))
			config_fail(reader, path, "port", "node '%s' has no port called '%s'",
				router->members[i].node->name, track->port);
	}
}

static void
track_pool(struct config_reader *reader, const char *path, const struct raw_track *raw,
	const struct model *model, struct track *track)
{
	const char *name = config_name(reader, path, "pool", raw->pool);
	size_t n = 0;

	track->kind = TRACK_POOL;
	track->min_up = (uint32_t)config_number(reader, path, "min_up", raw->min_up,
		(struct config_range){1, TRACK_BACKENDS_MAX, 1});
	for (size_t i = 0; i < model->n_pools; i++) {
		if (strcmp(model->pools[i].name, name) == 0)
			track->pool = &model->pools[i];
	}
	for (size_t i = 0; track->pool && i < track->pool->n_backends; i++)
		n += !track->pool->backends[i].sorry;
	if (!track->pool)
		config_fail(reader, path, "pool", "there is no pool called '%s'", name);
	else if (!track->pool->check)
		config_fail(reader, path, "pool",
			"the backends of '%s' count as up always: give the pool a check", name);
	else if (track->min_up > n)
		config_fail(reader, path, raw->min_up ? "min_up" : "pool",
			"%u backends can never be up: '%s' has %zu", track->min_up, name, n);
}

static void
track_script(struct config_reader *reader, const char *path, const struct raw_track *raw,
	const struct model *model, struct track *track)
{
	const char *name = config_name(reader, path, "script", raw->script);

	track->kind = TRACK_SCRIPT;
	for (size_t i = 0; i < model->n_scripts; i++) {
		if (strcmp(model->scripts[i].name, name) == 0)
			track->script = &model->scripts[i];
	}
	if (!track->script)
		config_fail(reader, path, "script", "there is no script called '%s'", name);
}

static void
build_track(struct config_reader *reader, const char *path, const struct raw_track *raw,
	const struct model *model, const struct virtual_router *router, struct track *track)
{
	if (!!raw->port + !!raw->pool + !!raw->script != 1) {
		config_fail(reader, path, NULL,
			"give one of 'port', 'pool' and 'script': each thing is tracked apart");
		return;
	}
	track->weight = (uint8_t)config_number(
		reader, path, "weight", raw->weight, (struct config_range){1, 253, 0});
	for (size_t i = 0; i < router->n_members; i++) {
		if (track->weight && router->members[i].priority == PRIORITY_OWNER)
			config_fail(reader, path, "weight",
				"node '%s' owns the addresses (priority 255), and an owner's "
				"priority never changes: leave the weight out, which makes it a "
				"fault",
				router->members[i].node->name);
	}
	if (raw->min_up && !raw->pool)
		config_fail(reader, path, "min_up", "goes with 'pool' alone");
	if (raw->port)
		track_port(reader, path, raw, router, track);
	else if (raw->pool)
		track_pool(reader, path, raw, model, track);
	else
		track_script(reader, path, raw, model, track);
}

static void
build_tracks(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	if (raw->track_count > MODEL_TRACKS_MAX)
		config_fail(reader, path, "track", "%u entries: at most %d", raw->track_count,
			MODEL_TRACKS_MAX);
	router->tracks = config_array(reader, raw->track_count, sizeof(*router->tracks));
	for (size_t i = 0; reader->code == 0 && i < raw->track_count; i++) {
		struct config_path track = config_path("%s.track[%zu]", path, i);

		build_track(reader, track.text, &raw->track[i], model, router, &router->tracks[i]);
		router->n_tracks = i + 1;
	}
}

/* --- Sync groups --- */

static const struct router_member *
find_member(const struct virtual_router *router, const struct node *node)
{
	for (size_t i = 0; i < router->n_members; i++) {
		if (router->members[i].node == node)
			return &router->members[i];
	}
	return NULL;
}

/* What moves together must want to go to the same place. */
static void
check_pair(struct config_reader *reader, const char *path, const struct virtual_router *router,
	const struct virtual_router *other)
{
	for (size_t i = 0; i < router->n_members; i++) {
		const struct router_member *member = &router->members[i];
		const struct router_member *there = find_member(other, member->node);

		if (!there || other->n_members != router->n_members)
			config_fail(reader, path, "sync_group",
				"'%s' of the same group has other members: give both the same "
				"nodes",
				other->name);
		else if (there->priority != member->priority)
			config_fail(reader, path, "sync_group",
				"'%s' of the same group gives node '%s' priority %u and not %u: "
				"what moves together needs the same",
				other->name, member->node->name, there->priority, member->priority);
	}
}

static void
check_group(struct config_reader *reader, const char *path, const struct model *model,
	const struct virtual_router *router)
{
	size_t n_others = 0;

	for (size_t i = 0; i < model->n_routers; i++) {
		const struct virtual_router *other = &model->routers[i];

		if (other == router || !other->group || strcmp(other->group, router->group) != 0)
			continue;
		n_others++;
		if (other < router)
			check_pair(reader, path, router, other);
	}
	if (n_others == 0)
		config_fail(reader, path, "sync_group",
			"'%s' has no other virtual router: a group needs two at least",
			router->group);
}

void
config_build_tracking(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	build_scripts(reader, raw, model);
	for (size_t i = 0; reader->code == 0 && i < model->n_routers; i++) {
		struct config_path path = config_path("virtual_routers[%zu]", i);
		const struct raw_router *from = &raw->virtual_routers[i];
		struct virtual_router *router = &model->routers[i];

		build_tracks(reader, path.text, from, model, router);
		if (from->notify_count > 0)
			router->notify = config_command(
				reader, path.text, "notify", from->notify, from->notify_count);
		if (from->sync_group)
			router->group =
				config_name(reader, path.text, "sync_group", from->sync_group);
	}
	for (size_t i = 0; reader->code == 0 && i < model->n_routers; i++) {
		struct config_path path = config_path("virtual_routers[%zu]", i);

		if (model->routers[i].group)
			check_group(reader, path.text, model, &model->routers[i]);
	}
}
