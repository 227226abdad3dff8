/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl drain', and how it waits for the flows to go. */
#ifndef CONTROLPLANE_WEIRCTL_DRAIN_H
#define CONTROLPLANE_WEIRCTL_DRAIN_H

#include "controlplane/weirctl_args.h"

/* Drains by the control plane at 'socket' and, with --wait, waits until few enough flows are left
 * or the time is over. Returns the answer to show, the caller's, which after waiting says also
 * {flows, waited_s, done}; or NULL with 'err' set. */
json_t *drain_send(const struct arguments *arguments, const char *socket, struct err *err);

/* The exit status that such an answer stands for. */
int drain_status(json_t *answer);

#endif /* CONTROLPLANE_WEIRCTL_DRAIN_H */
