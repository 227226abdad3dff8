/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets of probes. */
#ifndef CONTROLPLANE_CHECK_SOCKET_H
#define CONTROLPLANE_CHECK_SOCKET_H

#include "controlplane/check.h"

/* Makes a socket of 'type' and 'protocol' that does not block, bound to the target's local port if
 * it has one, and begins to connect it. Closing one of TCP sends a reset, so that probes leave no
 * connections behind in TIME_WAIT that use up local ports. Returns it, or a negative errno. */
int check_socket_connect(const struct check_target *target, int type, int protocol);

#endif /* CONTROLPLANE_CHECK_SOCKET_H */
