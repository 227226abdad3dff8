/* SPDX-License-Identifier: BSD-3-Clause */
/* What a snapshot knows of the prefixes that clients of its services may or may not come from. */
#ifndef DATAPLANE_SNAPSHOT_LISTS_H
#define DATAPLANE_SNAPSHOT_LISTS_H

#include "common/control.h"
#include "common/err.h"
#include "dataplane/prefix_set.h"

/* What a service goes by. */
struct path_lists {
	const struct prefix_set *block[MODEL_SERVICE_LISTS_MAX];
	const struct prefix_set *allow[MODEL_SERVICE_LISTS_MAX];
	uint8_t n_block, n_allow;
};

struct snapshot_list {
	char name[CONTROL_NAME_SIZE];
	char *file;                    /* NULL: given in the state. */
	char stamp[PREFIX_STAMP_SIZE]; /* Of the file. */
	struct prefix_set *set;        /* Of a file: shared with other snapshots. */
};

struct snapshot_lists {
	struct path_lists *services; /* In the order of the state. */
	struct snapshot_list *lists;
	size_t n_lists;
};

/* Sets of files are those of
 * 'previous' (may be NULL) where the stamp is the same. Returns 0 or a negative errno with 'err'
 * set. */
int snapshot_lists_new(struct snapshot_lists **out, const struct control_state *state,
	const struct snapshot_lists *previous, struct err *err);
void snapshot_lists_free(struct snapshot_lists *lists);

/* The list of that file and stamp, or NULL; 'lists' may be NULL. */
const struct snapshot_list *snapshot_lists_find(
	const struct snapshot_lists *lists, const char *file, const char *stamp);

#endif /* DATAPLANE_SNAPSHOT_LISTS_H */
