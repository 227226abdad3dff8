/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of flow sync, made of the dataplane's answer to "stats". */
#ifndef CONTROLPLANE_METRICS_SYNC_H
#define CONTROLPLANE_METRICS_SYNC_H

#include "common/metrics.h"

#include <jansson.h>

/* 'sync' is the member of that name (control.h); nothing is written if it is not an object. */
void metrics_sync_write(struct metrics *metrics, json_t *sync);

#endif /* CONTROLPLANE_METRICS_SYNC_H */
