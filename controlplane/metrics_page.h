/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /metrics of a load balancer: what the control plane knows and what the dataplane counts,
 * for Prometheus. Plain HTTP on the node's metrics address. */
#ifndef CONTROLPLANE_METRICS_PAGE_H
#define CONTROLPLANE_METRICS_PAGE_H

#include "common/err.h"
#include "common/metrics.h"
#include "controlplane/check_stats.h"
#include "controlplane/cluster.h"
#include "controlplane/dataplane_client.h"

#include <jansson.h>
#include <uv.h>

struct metrics_page;

/* Listens on the metrics address of the cluster's node. 'cluster' and 'dataplane' must outlive it.
 * Returns 0, or a negative errno with 'err' set. */
int metrics_page_new(struct metrics_page **out, uv_loop_t *loop, const struct cluster *cluster,
	const struct dataplane_client *dataplane, struct err *err);

/* Shows 'checks', which outlive the page, as well. */
void metrics_page_show_checks(struct metrics_page *page, const struct check_stats *checks);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void metrics_page_free(struct metrics_page *page);

/* Writes the page's text: 'stats' is the dataplane's last answer (control.h), or NULL. */
void metrics_page_write(struct metrics *metrics, const struct cluster *cluster, json_t *stats);

#endif /* CONTROLPLANE_METRICS_PAGE_H */
