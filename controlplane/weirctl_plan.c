/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans for people; see weirctl_plan.h. */
#include "controlplane/weirctl_plan.h"

#include "common/config.h"
#include "common/plan.h"
#include "common/source_lists.h"
#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 60 /* Letters of a value that are shown; --json has all. */

/* --- Making one --- */

/* The model in force, from the text that the control plane has. */
static struct model *
ask_model(const struct arguments *arguments, struct err *err)
{
	char *socket = request_socket(arguments, err);
	json_t *answer = socket ? request_send(socket, "config", NULL, err) : NULL;
	const char *text = text_of(answer, "text");
	struct model *model = NULL;

	free(socket);
	if (!answer)
		return NULL;
	if (config_parse(text, strlen(text), text_of(answer, "file"), &model, err) < 0) {
		err_prefix(
			err, "the configuration in force, from a control plane of another release");
		model = NULL;
	}
	json_decref(answer);
	return model;
}

static struct model *
load_model(const char *path, struct err *err)
{
	struct model *model;

	if (config_load(path, &model, err) < 0)
		return NULL;
	if (source_lists_read(model, err) == 0)
		return model;
	model_free(model);
	return NULL;
}

/* What the file means where the one in force is: relative paths are relative to that one's folder.
 */
static struct model *
move_model(struct model *model, const struct model *place, struct err *err)
{
	struct model *moved = NULL;

	if (config_parse(model->text, strlen(model->text), place->path, &moved, err) < 0)
		moved = NULL;
	/* So that lists are compared as they are on both sides, if they can be read. */
	if (moved)
		source_lists_read(moved, NULL);
	model_free(model);
	return moved;
}

static json_t *
compare(const struct model *from, const struct model *to, struct err *err)
{
	struct plan *plan;
	json_t *answer;

	if (plan_new(&plan, from, to) < 0) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	answer = plan_json(plan);
	plan_free(plan);
	return answer;
}

json_t *
plan_files(const struct arguments *arguments, struct err *err)
{
	const char *against = json_string_value(json_object_get(arguments->params, "against"));
	struct model *to = load_model(text_of(arguments->params, "file"), err);
	struct model *from = NULL;
	json_t *answer = NULL;

	if (to)
		from = against ? load_model(against, err) : ask_model(arguments, err);
	if (from && !against) {
		source_lists_read(from, NULL);
		to = move_model(to, from, err);
	}
	if (from && to)
		answer = compare(from, to, err);
	model_free(from);
	model_free(to);
	return answer;
}

/* --- Showing it --- */

static const char *
mark_of(const char *action)
{
	if (strcmp(action, plan_action_name(PLAN_ADDED)) == 0)
		return "+";
	return strcmp(action, plan_action_name(PLAN_REMOVED)) == 0 ? "-" : "~";
}

static void
print_value(json_t *change, const char *key, FILE *file)
{
	const char *text = text_of(change, key);

	if (*text == '\0')
		text = "not given";
	fprintf(file, "%.*s%s", VALUE_MAX, text, strlen(text) > VALUE_MAX ? "..." : "");
}

static void
print_change(json_t *change, FILE *file)
{
	const char *action = text_of(change, "action");

	fprintf(file, "%s %s", mark_of(action), text_of(change, "path"));
	if (strcmp(action, plan_action_name(PLAN_CHANGED)) == 0) {
		fputs(": ", file);
		print_value(change, "from", file);
		fputs(" -> ", file);
		print_value(change, "to", file);
	}
	fputs("\n", file);
}

static void
print_restarts(json_t *change, FILE *file)
{
	json_t *processes = json_object_get(change, "restart"), *process;
	const char *node = text_of(change, "node");
	size_t i;

	if (json_array_size(processes) == 0)
		return;
	fputs("    takes a restart of ", file);
	json_array_foreach(processes, i, process)
		fprintf(file, "%sweir-%s", i > 0 ? " and " : "", json_string_value(process));
	fprintf(file, " on %s\n", *node ? node : "all their nodes");
}

/* What several changes in a row do is said once. */
static void
print_changes(json_t *changes, FILE *file)
{
	for (size_t i = 0; i < json_array_size(changes); i++) {
		json_t *change = json_array_get(changes, i);
		json_t *next = json_array_get(changes, i + 1);

		print_change(change, file);
		if (next && strcmp(text_of(change, "effect"), text_of(next, "effect")) == 0 &&
			json_equal(json_object_get(change, "restart"),
				json_object_get(next, "restart")) &&
			strcmp(text_of(change, "node"), text_of(next, "node")) == 0)
			continue;
		fprintf(file, "    flows: %s\n", text_of(change, "effect"));
		print_restarts(change, file);
	}
}

void
print_plan(json_t *answer, FILE *file)
{
	json_t *changes = json_object_get(answer, "changes");
	json_t *restarts = json_object_get(answer, "restart");

	if (json_array_size(changes) == 0) {
		fputs("nothing changes\n", file);
		return;
	}
	print_changes(changes, file);
	fprintf(file, "%zu change%s; %s\n", json_array_size(changes),
		json_array_size(changes) == 1 ? "" : "s",
		json_array_size(restarts) == 0 ? "no process has to restart"
					       : "the rest is done by a reload alone");
}

void
print_reloaded(json_t *answer, FILE *file)
{
	print_plan(answer, file);
	fputs("reloaded\n", file);
}
