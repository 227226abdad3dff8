/* SPDX-License-Identifier: BSD-3-Clause */
/* Passive signs of trouble: what the dataplane saw of backends (resets, ICMP errors) makes the
 * health checks look at them at once. Signs are never a verdict: a probe decides. */
#ifndef CONTROLPLANE_PASSIVE_H
#define CONTROLPLANE_PASSIVE_H

#include "controlplane/cluster.h"
#include "controlplane/health.h"

#include <jansson.h>

/* Takes the 'backends' of the dataplane's answer to "signs" into the cluster, and hurries the
 * checks of those that have more than before. 'health' may be NULL. */
void passive_take(struct cluster *cluster, struct health *health, json_t *backends);

#endif /* CONTROLPLANE_PASSIVE_H */
