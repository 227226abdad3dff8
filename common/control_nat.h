/* SPDX-License-Identifier: BSD-3-Clause */
/* The members 'client_address' and 'syn_cookies' of a service in control messages; internal to
 * control_service.c. */
#ifndef COMMON_CONTROL_NAT_H
#define COMMON_CONTROL_NAT_H

#include "common/control.h"

/* Adds what the service has of them to 'json'. Returns 0 or -ENOMEM. */
int control_nat_encode(json_t *json, const struct control_service *service);

/* Reads what there is of them; protocol and mode are in 'out' already. Returns 0, or -EINVAL with
 * 'err' naming the member. */
int control_nat_decode(json_t *json, struct control_service *out, struct err *err);

#endif /* COMMON_CONTROL_NAT_H */
