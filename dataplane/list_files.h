/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of source lists on their way from a state into a snapshot. */
#ifndef DATAPLANE_LIST_FILES_H
#define DATAPLANE_LIST_FILES_H

#include "common/control.h"
#include "common/err.h"
#include "dataplane/snapshot.h"

/* Reads those files of 'state' that 'previous' (NULL: none) does not have with the same stamp.
 * Returns 0, or a negative errno with the file, and the line where it is one's fault, in 'err'.
 * Control thread. */
int list_files_read(struct control_state *state, const struct snapshot *previous, struct err *err);

#endif /* DATAPLANE_LIST_FILES_H */
