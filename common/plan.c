/* SPDX-License-Identifier: BSD-3-Clause */
/* The difference of two models; see plan.h. */
#include "common/plan.h"

#include "common/log.h"
#include "common/plan_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("config");

static const char *const process_names[PLAN_N_PROCESSES] = {
	"dataplane", "controlplane", "webtier", "apptier", "monitor"};

static const char *const action_names[] = {
	[PLAN_ADDED] = "added",
	[PLAN_REMOVED] = "removed",
	[PLAN_CHANGED] = "changed",
};

/* Where in the file, while it is walked. */
struct place {
	const char *path; /* "" for the whole. */
	const char *node; /* NULL: not within a node. */
};

/* An object among its siblings. */
struct entry {
	char *id;
	const void *object;
	size_t index;
	bool matched;
};

struct siblings {
	struct entry *entries; /* In the order of their ids. */
	size_t n;
};

/* --- Texts --- */

/* What 'format' writes, as a new string. */
static char *
write_text(plan_format_fn format, const void *field, const void *object)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	format(out, field, object);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static const void *
field_of(const void *object, size_t offset)
{
	return (const char *)object + offset;
}

static char *
join_path(const struct place *place, const char *name, const char *id)
{
	char *path;
	const char *dot = *place->path && *name ? "." : "";
	int rc;

	if (id)
		rc = asprintf(&path, "%s%s%s[%s]", place->path, dot, name, id);
	else
		rc = asprintf(&path, "%s%s%.*s", place->path, dot, (int)strcspn(name, "|"), name);
	return rc < 0 ? NULL : path;
}

/* --- The list --- */

/* Takes over 'path'. */
static struct plan_change *
add_change(struct plan *plan, enum plan_action action, char *path, const struct place *place,
	const struct plan_treatment *treatment)
{
	struct plan_change *changes, *change;

	/* The room doubles each time that the number reaches a power of two. */
	if (path && (plan->n_changes & (plan->n_changes - 1)) == 0)
		changes = realloc(plan->changes,
			(plan->n_changes ? 2 * plan->n_changes : 1) * sizeof(*changes));
	else
		changes = plan->changes;
	if (!path || !changes) {
		free(path);
		return NULL;
	}
	plan->changes = changes;
	change = &changes[plan->n_changes++];
	*change = (struct plan_change){
		.action = action,
		.path = path,
		.reload = treatment->reload,
		.restart = treatment->restart,
		.effect = treatment->effect,
	};
	if (treatment->here)
		change->node = strdup(place->node);
	return !treatment->here || change->node ? change : NULL;
}

static int
compare_key(struct plan *plan, const struct plan_key *key, const struct place *place,
	const void *from, const void *to)
{
	char *before = write_text(key->format, field_of(from, key->offset), from);
	char *after = write_text(key->format, field_of(to, key->offset), to);
	struct plan_change *change = NULL;
	int rc = before && after ? 0 : -ENOMEM;

	if (rc == 0 && strcmp(before, after) != 0) {
		change = add_change(plan, PLAN_CHANGED, join_path(place, key->names, NULL), place,
			key->treat ? key->treat(to) : key->treatment);
		rc = change ? 0 : -ENOMEM;
	}
	if (!change) {
		free(before);
		free(after);
		return rc;
	}
	change->from = before;
	change->to = after;
	return 0;
}

static int
add_object(struct plan *plan, enum plan_action action, const struct plan_class *class,
	const struct place *place, const struct entry *entry)
{
	const struct plan_treatment *treatment =
		action == PLAN_ADDED ? class->added : class->removed;
	char *path = join_path(place, class->name, entry->id);

	if (class->treat)
		treatment = class->treat(action, entry->object);
	return add_change(plan, action, path, place, treatment) ? 0 : -ENOMEM;
}

/* --- Siblings --- */

static int
compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static void
free_siblings(struct siblings *siblings)
{
	for (size_t i = 0; i < siblings->n; i++)
		free(siblings->entries[i].id);
	free(siblings->entries);
}

static int
list_siblings(struct siblings *out, const struct plan_class *class, const void *parent)
{
	size_t n = 0;
	const char *objects = class->find(parent, &n);

	*out = (struct siblings){.entries = calloc(n + 1, sizeof(*out->entries))};
	if (!out->entries)
		return -ENOMEM;
	for (; out->n < n; out->n++) {
		struct entry *entry = &out->entries[out->n];

		entry->object = objects + out->n * class->size;
		entry->index = out->n;
		entry->id = write_text(class->identify, entry->object, entry->object);
		if (!entry->id)
			return -ENOMEM;
	}
	if (n > 0)
		qsort(out->entries, n, sizeof(*out->entries), compare_entries);
	return 0;
}

static struct entry *
find_entry(const struct siblings *siblings, const struct entry *like)
{
	if (siblings->n == 0)
		return NULL;
	return bsearch(
		like, siblings->entries, siblings->n, sizeof(*siblings->entries), compare_entries);
}

static int
report_unmatched(struct plan *plan, enum plan_action action, const struct plan_class *class,
	const struct place *place, const struct siblings *siblings)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < siblings->n; i++) {
		if (!siblings->entries[i].matched)
			rc = add_object(plan, action, class, place, &siblings->entries[i]);
	}
	return rc;
}

static int compare_parts(struct plan *plan, const struct plan_class *const *classes,
	const struct place *place, const void *from, const void *to);

static int
compare_objects(struct plan *plan, const struct plan_class *class, const struct place *place,
	const void *from, const void *to)
{
	int rc = 0;

	for (const struct plan_key *key = class->keys; rc == 0 && key->names; key++)
		rc = compare_key(plan, key, place, from, to);
	if (rc == 0 && class->parts)
		rc = compare_parts(plan, class->parts, place, from, to);
	return rc;
}

static int
compare_pair(struct plan *plan, const struct plan_class *class, const struct place *place,
	const struct entry *from, const struct entry *to)
{
	struct place inside = *place;
	char *path = join_path(place, class->name, class->id_name ? from->id : NULL);
	int rc;

	if (!path)
		return -ENOMEM;
	inside.path = path;
	if (class == &plan_nodes)
		inside.node = from->id;
	rc = compare_objects(plan, class, &inside, from->object, to->object);
	free(path);
	return rc;
}

static int
compare_siblings(struct plan *plan, const struct plan_class *class, const struct place *place,
	const struct siblings *from, const struct siblings *to)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->n; i++) {
		struct entry *entry = &from->entries[i];
		struct entry *other = find_entry(to, entry);

		if (!other)
			continue;
		entry->matched = other->matched = true;
		rc = compare_pair(plan, class, place, entry, other);
	}
	if (rc == 0)
		rc = report_unmatched(plan, PLAN_REMOVED, class, place, from);
	if (rc == 0)
		rc = report_unmatched(plan, PLAN_ADDED, class, place, to);
	return rc;
}

static int
compare_parts(struct plan *plan, const struct plan_class *const *classes, const struct place *place,
	const void *from, const void *to)
{
	int rc = 0;

	for (; rc == 0 && *classes; classes++) {
		const struct plan_class *class = *classes;
		struct siblings before, after = {NULL, 0};

		rc = list_siblings(&before, class, from);
		if (rc == 0)
			rc = list_siblings(&after, class, to);
		if (rc == 0)
			rc = compare_siblings(plan, class, place, &before, &after);
		free_siblings(&before);
		free_siblings(&after);
	}
	return rc;
}

/* --- Plans --- */

int
plan_new(struct plan **out, const struct model *from, const struct model *to)
{
	const struct place whole = {.path = ""};
	struct plan *plan = calloc(1, sizeof(*plan));
	int rc;

	if (!plan)
		return -ENOMEM;
	rc = compare_objects(plan, &plan_file, &whole, from, to);
	if (rc < 0) {
		plan_free(plan);
		return rc;
	}
	*out = plan;
	return 0;
}

void
plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_changes; i++) {
		struct plan_change *change = &plan->changes[i];

		free(change->path);
		free(change->from);
		free(change->to);
		free(change->node);
	}
	free(plan->changes);
	free(plan);
}

static unsigned int
processes_of(enum node_role role)
{
	static const unsigned int processes[] = {
		[ROLE_LB] = PLAN_DATAPLANE | PLAN_CONTROLPLANE,
		[ROLE_WEB] = PLAN_WEBTIER,
		[ROLE_APP] = PLAN_APPTIER,
		[ROLE_DB] = 0,
		[ROLE_MONITOR] = PLAN_MONITOR,
	};

	return processes[role];
}

unsigned int
plan_restart(const struct plan *plan, const struct node *node)
{
	unsigned int restart = 0;

	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct plan_change *change = &plan->changes[i];

		if (!change->node || strcmp(change->node, node->name) == 0)
			restart |= change->restart;
	}
	return restart & processes_of(node->role);
}

static void
log_change(const struct plan_change *change, bool restart)
{
	const char *later = restart ? " (not before a restart)" : "";

	if (change->action == PLAN_CHANGED)
		LOG_INFORM("%s: %.80s -> %.80s%s", change->path,
			*change->from ? change->from : "not given",
			*change->to ? change->to : "not given", later);
	else
		LOG_INFORM("%s: %s%s", change->path, action_names[change->action], later);
}

void
plan_log(const struct plan *plan, const struct node *node)
{
	unsigned int own = processes_of(node->role);
	size_t n = 0;

	for (size_t i = 0; i < plan->n_changes; i++) {
		const struct plan_change *change = &plan->changes[i];
		bool here = !change->node || strcmp(change->node, node->name) == 0;
		bool restart = here && (change->restart & own) != 0;

		if (!restart && (change->reload & own) == 0)
			continue;
		log_change(change, restart);
		n++;
	}
	if (n == 0)
		LOG_INFORM("reloaded: nothing changes here");
}

static bool
same(const struct plan_key *keys, const void *a, const void *b)
{
	const struct place nowhere = {.path = ""};
	struct plan plan = {.changes = NULL};
	bool is_same = true;

	for (const struct plan_key *key = keys; key->names && is_same; key++)
		is_same = compare_key(&plan, key, &nowhere, a, b) == 0 && plan.n_changes == 0;
	for (size_t i = 0; i < plan.n_changes; i++) {
		free(plan.changes[i].path);
		free(plan.changes[i].from);
		free(plan.changes[i].to);
	}
	free(plan.changes);
	return is_same;
}

bool
plan_same_check(const struct check *a, const struct check *b)
{
	return same(plan_check_keys, a, b);
}

bool
plan_same_script(const struct script *a, const struct script *b)
{
	return same(plan_script_keys, a, b);
}

const char *
plan_process_name(enum plan_process process)
{
	size_t i = 0;

	while (i + 1 < PLAN_N_PROCESSES && !(process & (1u << i)))
		i++;
	return process_names[i];
}

const char *
plan_action_name(enum plan_action action)
{
	return action_names[action];
}

/* --- JSON --- */

static json_t *
list_processes(unsigned int processes)
{
	json_t *names = json_array();

	for (size_t i = 0; i < PLAN_N_PROCESSES; i++) {
		if (processes & (1u << i))
			json_array_append_new(names, json_string(process_names[i]));
	}
	return names;
}

/* One entry for each process and node, in which "no node" stands for all. */
static void
add_restarts(json_t *restarts, const struct plan_change *change)
{
	for (size_t i = 0; i < PLAN_N_PROCESSES; i++) {
		json_t *restart, *other;
		size_t j;
		bool known = false;

		if (!(change->restart & (1u << i)))
			continue;
		restart =
			json_pack("{s:s, s:s*}", "process", process_names[i], "node", change->node);
		json_array_foreach(restarts, j, other) known = known || json_equal(other, restart);
		if (known)
			json_decref(restart);
		else
			json_array_append_new(restarts, restart);
	}
}

static json_t *
change_json(const struct plan_change *change)
{
	const char *from = change->from && *change->from ? change->from : NULL;
	const char *to = change->to && *change->to ? change->to : NULL;

	return json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:o, s:o, s:s}", "action",
		action_names[change->action], "path", change->path, "from", from, "to", to, "node",
		change->node, "reload", list_processes(change->reload), "restart",
		list_processes(change->restart), "effect", change->effect);
}

json_t *
plan_json(const struct plan *plan)
{
	json_t *changes = json_array(), *restarts = json_array();

	for (size_t i = 0; i < plan->n_changes; i++) {
		json_array_append_new(changes, change_json(&plan->changes[i]));
		add_restarts(restarts, &plan->changes[i]);
	}
	return json_pack("{s:o, s:o}", "changes", changes, "restart", restarts);
}
