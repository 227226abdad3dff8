/* SPDX-License-Identifier: BSD-3-Clause */
/* What the web tier says about itself on /metrics: the sum over its workers. */
#ifndef WEBTIER_METRICS_PAGE_H
#define WEBTIER_METRICS_PAGE_H

#include "common/metrics.h"
#include "webtier/front.h"
#include "webtier/worker.h"

struct metrics_source {
	const char *node;
	struct worker **workers;
	size_t n_workers;
	const struct upstream_set *upstreams;
	struct access_log *access_log; /* NULL: none. */
	const struct front *front;     /* NULL: no TLS and no limits of clients. */
	const atomic_bool *is_draining;
};

/* Writes the page of a 'struct metrics_source', which is what 'ctx' points to. */
void metrics_page_fill(void *ctx, struct metrics *metrics);

#endif /* WEBTIER_METRICS_PAGE_H */
