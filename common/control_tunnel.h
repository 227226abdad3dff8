/* SPDX-License-Identifier: BSD-3-Clause */
/* The members 'tunnel' and 'mss' of a service in control messages; internal to control_service.c.
 */
#ifndef COMMON_CONTROL_TUNNEL_H
#define COMMON_CONTROL_TUNNEL_H

#include "common/control.h"

/* Adds what the service has of them to 'json'. Returns 0 or -ENOMEM. */
int control_tunnel_encode(json_t *json, const struct control_service *service);

/* Reads what there is of them; address, protocol and mode are in 'out' already. Returns 0, or
 * -EINVAL with 'err' naming the member. */
int control_tunnel_decode(json_t *json, struct control_service *out, struct err *err);

#endif /* COMMON_CONTROL_TUNNEL_H */
