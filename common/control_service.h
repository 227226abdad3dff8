/* SPDX-License-Identifier: BSD-3-Clause */
/* A service in control messages; internal to control.c. */
#ifndef COMMON_CONTROL_SERVICE_H
#define COMMON_CONTROL_SERVICE_H

#include "common/control.h"

/* Returns a new JSON object (the caller's), or NULL when memory is short. */
json_t *control_service_encode(const struct control_service *service);

/* Reads a service of 'state', which has its pools and lists already. Returns 0, or -EINVAL with
 * 'err' naming the member. */
int control_service_decode(json_t *json, const struct control_state *state,
	struct control_service *out, struct err *err);

#endif /* COMMON_CONTROL_SERVICE_H */
