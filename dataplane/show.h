/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's methods that show counters and flows: rpc handlers whose 'ctx' is the
 * 'struct dataplane'. What workers count is read while they run. */
#ifndef DATAPLANE_SHOW_H
#define DATAPLANE_SHOW_H

#include "common/err.h"

#include <jansson.h>

json_t *show_signs(void *ctx, json_t *params, struct err *err);
json_t *show_stats(void *ctx, json_t *params, struct err *err);
json_t *show_sync(void *ctx, json_t *params, struct err *err);
json_t *show_flows(void *ctx, json_t *params, struct err *err);
json_t *show_trace(void *ctx, json_t *params, struct err *err);

struct dataplane;

/* The array 'workers' of the stats. */
json_t *show_workers(const struct dataplane *dataplane);

#endif /* DATAPLANE_SHOW_H */
