/* SPDX-License-Identifier: BSD-3-Clause */
/* What a snapshot holds ready for schedulers. A part of building it, see snapshot.c. */
#ifndef DATAPLANE_SNAPSHOT_SCHEDULE_H
#define DATAPLANE_SNAPSHOT_SCHEDULE_H

#include "dataplane/snapshot.h"

/* Makes the schedule of the service that was added last, of which 'from' is the description, and
 * what its pool needs for it. 'previous' may be NULL. Returns 0 or -ENOMEM. */
int snapshot_add_schedule(struct snapshot *snapshot, const struct snapshot *previous,
	const struct control_service *from);

#endif /* DATAPLANE_SNAPSHOT_SCHEDULE_H */
