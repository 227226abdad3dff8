/* SPDX-License-Identifier: BSD-3-Clause */
/* The member 'flow_timeouts' of a state in control messages; internal to control*.c. */
#ifndef COMMON_CONTROL_TIMEOUTS_H
#define COMMON_CONTROL_TIMEOUTS_H

#include "common/control.h"

/* Adds it to 'json'. Returns 0 or -ENOMEM. */
int control_timeouts_encode(json_t *json, const struct flow_timeouts *timeouts);

/* Reads it, or what there is of it. Returns 0, or -EINVAL with 'err' naming the member. */
int control_timeouts_decode(json_t *json, struct flow_timeouts *out, struct err *err);

#endif /* COMMON_CONTROL_TIMEOUTS_H */
