/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files share that build a snapshot: snapshot.c, snapshot_pool.c and snapshot_service.c.
 */
#ifndef DATAPLANE_SNAPSHOT_BUILD_H
#define DATAPLANE_SNAPSHOT_BUILD_H

#include "dataplane/snapshot_data.h"

/* One build. */
struct snapshot_build {
	struct snapshot *snapshot;
	const struct control_state *state;
	const struct snapshot *previous;
	struct err *err;
};

/* Returns -ENOMEM with a message. */
int snapshot_no_memory(const struct snapshot_build *build);

/* Adds a VIP to the set. Returns -EEXIST, without a message, if it is there already. */
int snapshot_add_vip(
	const struct snapshot_build *build, const struct addr *addr, uint16_t lease, uint16_t port);

/* Add all of the state's; services need the pools. Return 0 or a negative errno with a message. */
int snapshot_add_pools(const struct snapshot_build *build);
int snapshot_add_seeds(const struct snapshot_build *build);
int snapshot_add_services(const struct snapshot_build *build);

#endif /* DATAPLANE_SNAPSHOT_BUILD_H */
