/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of a "stats" reply (common/control.h) that tell of the state in force. */
#ifndef DATAPLANE_SHOW_STATE_H
#define DATAPLANE_SHOW_STATE_H

#include "dataplane/snapshot.h"

#include <jansson.h>

/* 'snapshot' is NULL before the first state. Return a new object, the caller's. */
json_t *show_source_lists(const struct snapshot *snapshot);
json_t *show_flow_timeouts(const struct snapshot *snapshot);

#endif /* DATAPLANE_SHOW_STATE_H */
