/* SPDX-License-Identifier: BSD-3-Clause */
/* vrrp_sync_group; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <string.h>

static bool
names(const struct statement *group, const char *instance)
{
	const struct statement *list = statement_find(group, "group");
	const struct statement *item = list ? list->first : NULL;

	for (; item; item = item->next) {
		/* Several on a line are as good as one on each. */
		for (size_t i = 0; i < item->n_words; i++) {
			if (strcmp(item->words[i], instance) == 0)
				return true;
		}
	}
	return false;
}

const struct statement *
import_find_group(const struct import *import, const char *instance)
{
	const struct statement *group =
		statement_find(&import->views[0].tree.root, "vrrp_sync_group");

	while (group && !names(group, instance))
		group = statement_find_next(group);
	return group;
}

const char *
import_group_name(struct import *import, const char *wanted)
{
	const char *base = import_clean_name(import, wanted ? wanted : "group");
	const char *name = base;

	for (size_t i = 0; i < import->n_routers; i++) {
		if (!import->routers[i].group || strcmp(import->routers[i].group, name) != 0)
			continue;
		name = import_text(import, "%.22s-%zu", base, ++import->n_names + 1);
		i = (size_t)-1;
	}
	return name;
}

static void
take_nothing(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	(void)ctx;
	(void)statement;
}

static const struct import_keyword keywords[] = {
	{"group", take_nothing, NULL},
	{"track_interface", take_nothing, NULL},
	{"track_script", take_nothing, NULL},
	{"track_process", take_nothing, NULL},
	{"notify", take_nothing, NULL},
	{"notify_master", take_nothing, NULL},
	{"notify_backup", take_nothing, NULL},
	{"notify_fault", take_nothing, NULL},
	{"notify_stop", NULL, "a node that is stopped goes to 'init': notify_fault is run then"},
	{"notify_deleted", NULL, "a virtual router that is taken out goes without a word"},
	{"notify_priority_changes", NULL, "weirctl history tells of transitions"},
	{"track_file", NULL,
		"weir tracks ports, pools and scripts: write a script that looks at it"},
	{"track_bfd", NULL,
		"weir speaks no BFD: track the port's link, or a script that asks BIRD"},
	{"smtp_alert", NULL, "weir sends no mail: alert on /metrics, or by 'notify'"},
	{"global_tracking", NULL, ""},
	{"sync_group_tracking_weight", NULL, ""},
	{NULL, NULL, NULL},
};

/* The routers of the group's instances. */
static struct import_fate
find_routers(const struct import *import, const struct statement *group)
{
	struct import_fate fate = {.n = 0};

	for (size_t i = 0; i < import->n_routers; i++) {
		struct import_router *router = &import->routers[i];

		if (router->from && router->from->n_words > 1 &&
			import_find_group(import, router->from->words[1]) == group)
			fate.routers[fate.n++] = router;
	}
	return fate;
}

static void
read_group(struct import *import, const struct statement *group)
{
	const char *raw = statement_word(group, 1);
	struct import_fate fate = find_routers(import, group);
	const char *name = import_group_name(import, raw);
	struct import_router *first = fate.n > 0 ? fate.routers[0] : NULL;
	const char *notify;

	if (!first) {
		import_note(import, import->routers_at, group, "left out: it has no instance");
		return;
	}
	import_block(import, group, keywords, first->notes, NULL);
	for (size_t i = 0; i < fate.n; i++)
		fate.routers[i]->group = name;
	import_track(import, &fate, group);
	notify = import_notify(
		import, first->notes, group, "GROUP", raw ? raw : "", first->members[0].priority);
	if (notify && first->notify)
		first->notify = import_text(import, "%s; %s", first->notify, notify);
	else if (notify)
		first->notify = notify;
}

/* --- What moves together must want to go to the same place --- */

static bool
want_the_same(
	const struct import *import, const struct import_router *a, const struct import_router *b)
{
	for (size_t i = 0; i < import->n_nodes; i++) {
		if (a->members[i].priority != b->members[i].priority)
			return false;
	}
	return true;
}

static const struct import_router *
find_first(const struct import *import, const struct import_router *router)
{
	const struct import_router *first = import->routers;

	while (!first->group || strcmp(first->group, router->group) != 0)
		first++;
	return first;
}

static bool
is_alone(const struct import *import, const struct import_router *router)
{
	size_t n = 0;

	for (size_t i = 0; i < import->n_routers; i++)
		n += import->routers[i].group &&
		     strcmp(import->routers[i].group, router->group) == 0;
	return n < 2;
}

static void
leave(struct import *import, struct import_router *router, const char *why)
{
	document_comment(
		import->document, router->notes, "Not in sync_group '%s': %s.", router->group, why);
	router->group = NULL;
}

void
import_sync_groups(struct import *import)
{
	const struct statement *group;

	if (import->n_views == 0)
		return;
	group = statement_find(&import->views[0].tree.root, "vrrp_sync_group");
	for (; group; group = statement_find_next(group))
		read_group(import, group);
	for (size_t i = 0; i < import->n_routers; i++) {
		struct import_router *router = &import->routers[i];

		if (router->group && !want_the_same(import, find_first(import, router), router))
			leave(import, router, "what moves together needs the same priorities");
	}
	for (size_t i = 0; i < import->n_routers; i++) {
		struct import_router *router = &import->routers[i];

		if (router->group && is_alone(import, router))
			leave(import, router, "a group needs two virtual routers at least");
	}
}
