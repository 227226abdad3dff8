/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading list files; see list_files.h. */
#include "dataplane/list_files.h"

#include "common/log.h"
#include "dataplane/snapshot_data.h"

#include <string.h>

LOG_MODULE("lists");

int
list_files_read(struct control_state *state, const struct snapshot *previous, struct err *err)
{
	const struct snapshot_lists *lists = previous ? previous->lists : NULL;

	for (size_t i = 0; i < state->n_lists; i++) {
		struct control_list *list = &state->lists[i];
		char stamp[PREFIX_STAMP_SIZE];
		int rc;

		if (!list->file || snapshot_lists_find(lists, list->file, list->stamp))
			continue;
		rc = prefix_list_read(&list->content, list->file, stamp, err);
		if (rc < 0) {
			err_prefix(err, "source list %s", list->name);
			return rc;
		}
		if (strcmp(stamp, list->stamp) != 0)
			LOG_WARNING("source list %s: %s has changed since the control plane read "
				    "it; what is there now is in force",
				list->name, list->file);
		LOG_INFORM("source list %s: %zu prefixes from %s", list->name, list->content.n,
			list->file);
	}
	return 0;
}
