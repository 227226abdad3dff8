/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is at the other end of a UNIX socket, and what they may do there.
 *
 * The mode and the owner of the socket's file say who gets in; whoever is in may look. Only root,
 * the user that the process itself runs as, and users and groups that are named may change
 * something. The kernel vouches for who it is (SO_PEERCRED, SO_PEERGROUPS). */
#ifndef COMMON_RPC_ACCESS_H
#define COMMON_RPC_ACCESS_H

#include "common/err.h"
#include "common/model.h"

#include <stdbool.h>
#include <sys/types.h>

#define RPC_USER_SIZE 33 /* LOGIN_NAME_MAX of most systems; longer names are cut. */

/* A process at the other end, as it was when it connected. */
struct rpc_peer {
	uid_t uid;
	pid_t pid;
	char user[RPC_USER_SIZE]; /* The user's name, or its number. */
	bool may_change;
};

struct rpc_access;

/* Looks up the names. Returns 0, or a negative errno with 'err' naming who is unknown. */
int rpc_access_new(struct rpc_access **out, const struct socket_access *config, struct err *err);
void rpc_access_free(struct rpc_access *access);

/* Gives the socket's file its owner and mode. Returns 0, or a negative errno with 'err' set. */
int rpc_access_apply(const struct rpc_access *access, const char *path, struct err *err);

/* Finds out who has connected by 'fd'. Without 'access' nobody but root and the process's own user
 * may change anything. */
void rpc_access_identify(const struct rpc_access *access, int fd, struct rpc_peer *out);

#endif /* COMMON_RPC_ACCESS_H */
