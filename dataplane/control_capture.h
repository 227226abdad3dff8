/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures: the control socket's methods that begin one, read what it has caught as a pcapng file,
 * piece by piece, and end it. There is one at a time; whoever has begun it must go on reading, or
 * it ends by itself. Main thread. */
#ifndef DATAPLANE_CONTROL_CAPTURE_H
#define DATAPLANE_CONTROL_CAPTURE_H

#include "common/err.h"

#include <jansson.h>

struct capture;
struct dataplane;

/* RPC handlers (control.h); 'ctx' is the struct dataplane. */
json_t *capture_start(void *ctx, json_t *params, struct err *err);
json_t *capture_read(void *ctx, json_t *params, struct err *err);
json_t *capture_stop(void *ctx, json_t *params, struct err *err);

/* Ends the capture, if there is one. The workers may run, or have ended. */
void capture_end(struct dataplane *dataplane);

#endif /* DATAPLANE_CONTROL_CAPTURE_H */
