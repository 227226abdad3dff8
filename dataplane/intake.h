/* SPDX-License-Identifier: BSD-3-Clause */
/* States on their way into force, without holding up the control thread, which has leases to renew
 * and announcements to send: with 10000 services a state takes longer to be made ready than a short
 * lease lasts.
 *
 *   control thread          thread beside it
 *   intake_take()        -> decode, read list files
 *   claim slots          -> build the snapshot
 *   publish, answer
 *
 * One state at a time is under way, and one waits; a newer one takes the place of that, which is
 * answered with an error: it never came into force. So states come into force in their order, and
 * who pushes faster than they can be built makes nothing pile up.
 *
 * The thread beside reads the snapshot in force, which stays because only the control thread
 * publishes, after this build; it counts users of the tables that snapshots share, which only
 * builds and snapshot_free() do, and the latter never runs during a build. Everything else that
 * the control thread and snapshots share (leases, next hops) is claimed by the control thread in
 * between: snapshot_begin(). */
#ifndef DATAPLANE_INTAKE_H
#define DATAPLANE_INTAKE_H

#include "common/rpc.h"

struct dataplane;
struct intake;

/* Returns 0 or -ENOMEM. The loop of 'dataplane' is there already. */
int intake_new(struct intake **out, struct dataplane *dataplane);

/* Nothing comes into force any more. The memory goes when the loop has run what was under way. NULL
 * is allowed. */
void intake_free(struct intake *intake);

/* Takes a state in its JSON form (borrowed) and answers 'pending' when it is in force or refused.
 */
void intake_take(struct intake *intake, json_t *state, struct rpc_pending *pending);

#endif /* DATAPLANE_INTAKE_H */
