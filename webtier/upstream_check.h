/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks every app node again and again whether it is well: GET of a path, on a new connection each
 * time, so that accepting connections is part of what is checked. Runs in the main thread; the
 * workers read its verdict from the set. */
#ifndef WEBTIER_UPSTREAM_CHECK_H
#define WEBTIER_UPSTREAM_CHECK_H

#include "common/model.h"
#include "webtier/upstream_set.h"

#include <uv.h>

struct upstream_checks;

/* Starts the first check of each node at once. 'set' and 'check' outlive the checks. Returns 0 or
 * -ENOMEM. */
int upstream_checks_new(struct upstream_checks **out, uv_loop_t *loop, struct upstream_set *set,
	const struct check *check);

/* Begins to check the nodes that the set has got meanwhile and ends with those that are gone.
 * 'check' is how all are checked from now on. */
void upstream_checks_update(struct upstream_checks *checks, const struct check *check);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void upstream_checks_free(struct upstream_checks *checks);

#endif /* WEBTIER_UPSTREAM_CHECK_H */
