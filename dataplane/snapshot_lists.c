/* SPDX-License-Identifier: BSD-3-Clause */
/* Source lists of a snapshot; see snapshot_lists.h. */
#include "dataplane/snapshot_lists.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct snapshot_list *
snapshot_lists_find(const struct snapshot_lists *lists, const char *file, const char *stamp)
{
	for (size_t i = 0; lists && i < lists->n_lists; i++) {
		const struct snapshot_list *list = &lists->lists[i];

		if (list->file && strcmp(list->file, file) == 0 && strcmp(list->stamp, stamp) == 0)
			return list;
	}
	return NULL;
}

static int
add_list(struct snapshot_lists *lists, const struct control_list *from,
	const struct snapshot_lists *previous)
{
	struct snapshot_list *list = &lists->lists[lists->n_lists++];
	const struct snapshot_list *old = NULL;

	snprintf(list->name, sizeof(list->name), "%s", from->name);
	snprintf(list->stamp, sizeof(list->stamp), "%s", from->stamp);
	if (from->file) {
		old = snapshot_lists_find(previous, from->file, from->stamp);
		list->file = strdup(from->file);
		if (!list->file)
			return -ENOMEM;
	}
	if (!old)
		return prefix_set_new(&list->set, from->content.prefixes, from->content.n);
	list->set = prefix_set_ref(old->set);
	return 0;
}

static int
take_sets(const struct snapshot_lists *lists, const struct control_lists *from,
	const struct prefix_set **sets)
{
	for (size_t i = 0; i < from->n; i++) {
		if (from->lists[i] >= lists->n_lists)
			return -EINVAL;
		sets[i] = lists->lists[from->lists[i]].set;
	}
	return 0;
}

static int
add_service(
	struct snapshot_lists *lists, size_t i, const struct control_service *from, struct err *err)
{
	struct path_lists *path = &lists->services[i];

	if (take_sets(lists, &from->block, path->block) < 0 ||
		take_sets(lists, &from->allow, path->allow) < 0)
		return err_set(err, -EINVAL, "service %s: there is no such list", from->name);
	path->n_block = from->block.n;
	path->n_allow = from->allow.n;
	return 0;
}

int
snapshot_lists_new(struct snapshot_lists **out, const struct control_state *state,
	const struct snapshot_lists *previous, struct err *err)
{
	struct snapshot_lists *lists = calloc(1, sizeof(*lists));
	int rc = lists ? 0 : -ENOMEM;

	if (rc == 0) {
		lists->services = calloc(state->n_services + 1, sizeof(*lists->services));
		lists->lists = calloc(state->n_lists + 1, sizeof(*lists->lists));
		rc = lists->services && lists->lists ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < state->n_lists && rc == 0; i++)
		rc = add_list(lists, &state->lists[i], previous);
	if (rc < 0)
		err_set(err, rc, "not enough memory for the lists of prefixes");
	for (size_t i = 0; i < state->n_services && rc == 0; i++)
		rc = add_service(lists, i, &state->services[i], err);
	if (rc < 0) {
		snapshot_lists_free(lists);
		return rc;
	}
	*out = lists;
	return 0;
}

void
snapshot_lists_free(struct snapshot_lists *lists)
{
	if (!lists)
		return;
	for (size_t i = 0; i < lists->n_lists; i++) {
		free(lists->lists[i].file);
		prefix_set_unref(lists->lists[i].set);
	}
	free(lists->lists);
	free(lists->services);
	free(lists);
}
