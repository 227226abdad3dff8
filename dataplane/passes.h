/* SPDX-License-Identifier: BSD-3-Clause */
/* The heart of the packet path: a burst is gone through several times. For pipeline.c, which counts
 * what comes in and what is decided. */
#ifndef DATAPLANE_PASSES_H
#define DATAPLANE_PASSES_H

#include "dataplane/pipeline_data.h"

/* Decides about 'n' packets, at least one, rewrites those that leave and counts the verdicts.
 * Returns how many bytes came. */
uint64_t passes_run(struct pipeline *pipeline, const struct snapshot *snapshot,
	struct packet *packets, unsigned int n, uint64_t now_ns);

#endif /* DATAPLANE_PASSES_H */
