/* SPDX-License-Identifier: BSD-3-Clause */
/* Diverts the host's probes by virtual addresses (probe.h) from the exception path. Main thread. */
#ifndef DATAPLANE_EXCEPTION_PROBES_H
#define DATAPLANE_EXCEPTION_PROBES_H

#include <jansson.h>

struct dataplane;
struct exception_probes;

/* Begins to divert. 'dataplane' has its ports, workers and host interfaces, and keeps them for
 * longer. Returns 0 or -ENOMEM. */
int exception_probes_new(struct exception_probes **out, struct dataplane *dataplane);
/* The host interfaces do not read any more. NULL is allowed. */
void exception_probes_free(struct exception_probes *probes);

/* {sent, answered, dropped}: a new object, the caller's. */
json_t *exception_probes_show(const struct exception_probes *probes);

#endif /* DATAPLANE_EXCEPTION_PROBES_H */
