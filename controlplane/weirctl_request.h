/* SPDX-License-Identifier: BSD-3-Clause */
/* Asking the control plane that the options of the command line mean. */
#ifndef CONTROLPLANE_WEIRCTL_REQUEST_H
#define CONTROLPLANE_WEIRCTL_REQUEST_H

#include "controlplane/weirctl_args.h"

/* The admin socket as a new string; NULL with 'err' set if it cannot be known. */
char *request_socket(const struct arguments *arguments, struct err *err);

/* Sends one request to 'socket' (taking over 'params'; NULL: {}) and returns the answer, the
 * caller's, or NULL with 'err' saying what to do. */
json_t *request_send(const char *socket, const char *method, json_t *params, struct err *err);

/* Prints "weirctl: " and the error; returns 'status', for the end of a command. */
int complain(const struct err *err, int status);

#endif /* CONTROLPLANE_WEIRCTL_REQUEST_H */
