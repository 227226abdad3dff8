/* SPDX-License-Identifier: BSD-3-Clause */
/* What every process says about itself on /metrics. */
#ifndef COMMON_PROCESS_METRICS_H
#define COMMON_PROCESS_METRICS_H

#include "common/metrics.h"

/* Adds weir_node_info{node,role,version}, weir_start_time_seconds, process_cpu_seconds_total,
 * process_resident_memory_bytes, process_open_fds and process_max_fds. What the system does not
 * tell is left out. */
void process_metrics(struct metrics *metrics, const char *node, const char *role);

#endif /* COMMON_PROCESS_METRICS_H */
