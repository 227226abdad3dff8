/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket that a server of rpc.h listens on. */
#ifndef COMMON_RPC_LISTENER_H
#define COMMON_RPC_LISTENER_H

#include "common/err.h"

#define RPC_BACKLOG 64

/* Returns a listening UNIX socket at 'path', which no other user can connect to yet. One that a
 * dead process has left there makes way; anything else there is an error. Returns a negative errno
 * with 'err' set if it cannot be. */
int rpc_listen_at(const char *path, struct err *err);

#endif /* COMMON_RPC_LISTENER_H */
