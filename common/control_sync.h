/* SPDX-License-Identifier: BSD-3-Clause */
/* The member 'sync' of a state in control messages; internal to control*.c. */
#ifndef COMMON_CONTROL_SYNC_H
#define COMMON_CONTROL_SYNC_H

#include "common/control.h"

/* Adds it to 'json', if there is flow sync. Returns 0 or -ENOMEM. */
int control_sync_encode(json_t *json, const struct flow_sync *sync);

/* Reads it if it is there. Returns 0, or -EINVAL with 'err' naming the member. */
int control_sync_decode(json_t *json, struct flow_sync *out, struct err *err);

#endif /* COMMON_CONTROL_SYNC_H */
