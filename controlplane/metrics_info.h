/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of what things are, and for how long: what 'weirctl' shows beside counters. */
#ifndef CONTROLPLANE_METRICS_INFO_H
#define CONTROLPLANE_METRICS_INFO_H

#include "common/metrics.h"
#include "controlplane/cluster.h"

#include <jansson.h>

/* 'stats' are the dataplane's; NULL: none. */
void metrics_info_write(
	struct metrics *metrics, const struct cluster *cluster, json_t *stats, uint64_t now_ns);

#endif /* CONTROLPLANE_METRICS_INFO_H */
