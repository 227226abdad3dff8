/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers of a UNIX socket; see rpc_access.h. */
#include "common/rpc_access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKUP_SIZE 65536 /* A group with many members needs some. */
#define GROUPS_MAX 1024   /* That a peer is in; the kernel allows 65536, nobody has them. */
#define KEEP ((uid_t)-1)  /* What chown() leaves alone; the same for groups. */

struct rpc_access {
	uid_t owner;
	gid_t group;
	mode_t mode;
	uid_t *users; /* That may change something. */
	size_t n_users;
	gid_t *groups;
	size_t n_groups;
};

static int
find_user(const char *name, uid_t *out, struct err *err)
{
	char *room = malloc(LOOKUP_SIZE);
	struct passwd entry, *found = NULL;
	int code = room ? getpwnam_r(name, &entry, room, LOOKUP_SIZE, &found) : ENOMEM;

	if (found)
		*out = found->pw_uid;
	free(room);
	if (found)
		return 0;
	return err_set(err, code ? -code : -ENOENT, "there is no user '%s'%s%s: create it first",
		name, code ? ": " : "", code ? strerror(code) : "");
}

static int
find_group(const char *name, gid_t *out, struct err *err)
{
	char *room = malloc(LOOKUP_SIZE);
	struct group entry, *found = NULL;
	int code = room ? getgrnam_r(name, &entry, room, LOOKUP_SIZE, &found) : ENOMEM;

	if (found)
		*out = found->gr_gid;
	free(room);
	if (found)
		return 0;
	return err_set(err, code ? -code : -ENOENT, "there is no group '%s'%s%s: create it first",
		name, code ? ": " : "", code ? strerror(code) : "");
}

static size_t
count(const char *const *names)
{
	size_t n = 0;

	while (names && names[n])
		n++;
	return n;
}

static int
find_lists(struct rpc_access *access, const struct socket_access *config, struct err *err)
{
	size_t n_users = count(config->write_users), n_groups = count(config->write_groups);
	int rc = 0;

	access->users = calloc(n_users + 1, sizeof(*access->users));
	access->groups = calloc(n_groups + 1, sizeof(*access->groups));
	if (!access->users || !access->groups)
		return err_set(err, -ENOMEM, "out of memory");
	for (; rc == 0 && access->n_users < n_users; access->n_users++)
		rc = find_user(
			config->write_users[access->n_users], &access->users[access->n_users], err);
	for (; rc == 0 && access->n_groups < n_groups; access->n_groups++)
		rc = find_group(config->write_groups[access->n_groups],
			&access->groups[access->n_groups], err);
	return rc;
}

int
rpc_access_new(struct rpc_access **out, const struct socket_access *config, struct err *err)
{
	struct rpc_access *access = calloc(1, sizeof(*access));
	int rc;

	if (!access)
		return err_set(err, -ENOMEM, "out of memory");
	access->owner = KEEP;
	access->group = (gid_t)KEEP;
	access->mode = config->mode;
	rc = find_lists(access, config, err);
	if (rc == 0 && config->owner)
		rc = find_user(config->owner, &access->owner, err);
	if (rc == 0 && config->group)
		rc = find_group(config->group, &access->group, err);
	if (rc < 0) {
		rpc_access_free(access);
		return rc;
	}
	*out = access;
	return 0;
}

void
rpc_access_free(struct rpc_access *access)
{
	if (!access)
		return;
	free(access->users);
	free(access->groups);
	free(access);
}

/* Nobody may get in between who is not to be let in by both the old and the new. */
int
rpc_access_apply(const struct rpc_access *access, const char *path, struct err *err)
{
	uid_t owner = access->owner == KEEP ? geteuid() : access->owner;
	gid_t group = access->group == (gid_t)KEEP ? getegid() : access->group;

	if (chmod(path, 0600) == 0 && chown(path, owner, group) == 0 &&
		chmod(path, access->mode) == 0)
		return 0;
	return err_set(err, -errno, "%s: cannot set its owner and mode: %s", path, strerror(errno));
}

/* --- Peers --- */

static void
name_user(uid_t uid, char out[static RPC_USER_SIZE])
{
	char *room = malloc(LOOKUP_SIZE);
	struct passwd entry, *found = NULL;

	if (room && getpwuid_r(uid, &entry, room, LOOKUP_SIZE, &found) == 0 && found)
		snprintf(out, RPC_USER_SIZE, "%s", found->pw_name);
	else
		snprintf(out, RPC_USER_SIZE, "%u", (unsigned int)uid);
	free(room);
}

static bool
has_group(const struct rpc_access *access, gid_t group)
{
	for (size_t i = 0; i < access->n_groups; i++) {
		if (access->groups[i] == group)
			return true;
	}
	return false;
}

static bool
is_named(const struct rpc_access *access, const struct ucred *cred, int fd)
{
	gid_t groups[GROUPS_MAX];
	socklen_t size = sizeof(groups);

	for (size_t i = 0; i < access->n_users; i++) {
		if (access->users[i] == cred->uid)
			return true;
	}
	if (access->n_groups == 0)
		return false;
	if (has_group(access, cred->gid))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++) {
		if (has_group(access, groups[i]))
			return true;
	}
	return false;
}

void
rpc_access_identify(const struct rpc_access *access, int fd, struct rpc_peer *out)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
		*out = (struct rpc_peer){.uid = KEEP, .user = "unknown"};
		return;
	}
	*out = (struct rpc_peer){
		.uid = cred.uid,
		.pid = cred.pid,
		.may_change = cred.uid == 0 || cred.uid == geteuid() ||
			      (access && is_named(access, &cred, fd)),
	};
	name_user(cred.uid, out->user);
}
