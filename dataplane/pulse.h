/* SPDX-License-Identifier: BSD-3-Clause */
/* What the main thread looks at ten times a second: the links of the ports, which the host's
 * interfaces follow, so that the election and routing daemons see them; and claims of other
 * stations to addresses that are held here.
 *
 * It also knows thereby whether the process stood still. Adverts of VRRP that the host has sent
 * meanwhile are no longer true: another node may have taken over, and would yield to them. They are
 * dropped. Adverts of routers with a virtual MAC leave from it. Main thread. */
#ifndef DATAPLANE_PULSE_H
#define DATAPLANE_PULSE_H

#include "dataplane/dataplane.h"

struct pulse;

/* Begins to look after a dataplane whose traffic has been started. Returns 0 or -ENOMEM. */
int pulse_new(struct pulse **out, struct dataplane *dataplane);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void pulse_free(struct pulse *pulse);

#endif /* DATAPLANE_PULSE_H */
