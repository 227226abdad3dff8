/* SPDX-License-Identifier: BSD-3-Clause */
/* What the app tier says in /metrics: the sum over its workers. */
#ifndef APPTIER_METRICS_PAGE_H
#define APPTIER_METRICS_PAGE_H

#include "apptier/worker.h"
#include "common/metrics.h"

/* Writes the figures of 'n_workers' workers of 'node'. */
void metrics_page_write(struct metrics *metrics, const struct worker_config *config,
	const struct worker_stats *workers, size_t n_workers);

#endif /* APPTIER_METRICS_PAGE_H */
