/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts a snapshot in force: workers, ports, announcements and flow sync go by it from then on. Main
 * thread. */
#ifndef DATAPLANE_PUBLISH_H
#define DATAPLANE_PUBLISH_H

#include "dataplane/dataplane.h"

/* Puts 'snapshot' in force and frees the one before, when the last worker has let go of it. Returns
 * 0, or -ENOMEM with 'err' set: then the one before stays and 'snapshot' is the caller's. */
int dataplane_publish(struct dataplane *dataplane, struct snapshot *snapshot, struct err *err);

#endif /* DATAPLANE_PUBLISH_H */
