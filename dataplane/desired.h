/* SPDX-License-Identifier: BSD-3-Clause */
/* The desired state that is in force: kept, so that its snapshot can be made again when what else
 * goes into one has changed. Belongs to the main thread. */
#ifndef DATAPLANE_DESIRED_H
#define DATAPLANE_DESIRED_H

#include "dataplane/dataplane.h"

/* Puts 'state', which it takes over, in force. Returns 0, or a negative errno with 'err' set; then
 * the one before stays. */
int desired_set(struct dataplane *dataplane, struct control_state *state, struct err *err);

/* Makes the snapshot again, as the views of other nodes have changed. */
void desired_renew(struct dataplane *dataplane);

#endif /* DATAPLANE_DESIRED_H */
