/* SPDX-License-Identifier: BSD-3-Clause */
/* Source lists in control messages: the member 'lists' of a state, and 'block' and 'allow' of its
 * services; internal to control*.c. */
#ifndef COMMON_CONTROL_LISTS_H
#define COMMON_CONTROL_LISTS_H

#include "common/control.h"

/* Adds what there is of them to 'json'. Return 0 or -ENOMEM. */
int control_lists_encode(json_t *json, const struct control_state *state);
int control_service_lists_encode(json_t *json, const struct control_service *service);

/* Read what there is of them. Return 0, or a negative errno with 'err' naming the member. */
int control_lists_decode(json_t *json, struct control_state *state, struct err *err);
int control_service_lists_decode(
	json_t *json, size_t n_lists, struct control_service *out, struct err *err);

void control_lists_free(struct control_state *state);

#endif /* COMMON_CONTROL_LISTS_H */
