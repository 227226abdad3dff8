/* SPDX-License-Identifier: BSD-3-Clause */
/* Which virtual routers this node holds, and telling the network so.
 *
 * The control plane renews leases; workers look at the lease table themselves. This object moves
 * the deadlines, notices when a router is gained, lost or has new addresses, and sends the
 * announcements (announce.h) when they are due. Main thread. */
#ifndef DATAPLANE_HOLDER_H
#define DATAPLANE_HOLDER_H

#include "common/control.h"
#include "common/err.h"
#include "dataplane/lease.h"
#include "dataplane/port_table.h"
#include "dataplane/snapshot.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct holder;

struct holder_config {
	struct lease_table *leases; /* Outlives the holder, as 'ports' does. */
	const struct port_table *ports;
	/* Sends a frame by a port. Returns 0, or -ENOBUFS: there is no room now. */
	int (*send)(void *ctx, uint16_t port, const uint8_t *frame, size_t size);
	void *ctx;
};

/* Returns 0 or a negative errno. */
int holder_new(struct holder **out, uv_loop_t *loop, const struct holder_config *config);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void holder_free(struct holder *holder);

/* From now on 'snapshot' is in force (borrowed until the next call; NULL: none). Held routers
 * whose addresses have changed are announced again. */
void holder_set_snapshot(struct holder *holder, const struct snapshot *snapshot);

/* Applies a lease: routers named in it are held until its time is over, the others are let go.
 * Returns 0, or -EINVAL with 'err' set and nothing changed when it names an unknown router. */
int holder_set_lease(
	struct holder *holder, const struct control_lease *lease, uint64_t now_ns, struct err *err);

/* To be called now and then: announces again what others were heard to claim. */
void holder_look(struct holder *holder, uint64_t now_ns);

#endif /* DATAPLANE_HOLDER_H */
