/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening UNIX socket; see rpc_listener.h. */
#include "common/rpc_listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Returns 1 if somebody answers at the address, 0 if not (or nothing is there), -errno if it
 * cannot be known. */
static int
is_in_use(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		rc = 1;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		rc = -errno;
	close(fd);
	return rc;
}

/* Makes way for a new socket at the address: nothing there, or a socket left by a dead process. */
static int
clear_path(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EEXIST,
			"%s: a file that is not a socket is in the way: remove it or choose "
			"another path",
			path);
	rc = is_in_use(address);
	if (rc > 0)
		return err_set(err, -EADDRINUSE,
			"%s: another process listens there: stop it or choose another path", path);
	if (rc < 0)
		return err_set(
			err, rc, "%s: cannot tell whether it is in use: %s", path, strerror(-rc));
	if (unlink(path) < 0)
		return err_set(err, -errno, "%s: cannot remove the stale socket: %s", path,
			strerror(errno));
	return 0;
}

/* The mode is narrowed before listen(), so that nobody else can ever connect. */
int
rpc_listen_at(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	rc = clear_path(&address, err);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "cannot make a UNIX socket: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		rc = err_set(err, -errno, "%s: cannot listen there: %s%s", address.sun_path,
			strerror(errno), errno == ENOENT ? ": make its folder first" : "");
	} else if (chmod(address.sun_path, 0600) < 0 || listen(fd, RPC_BACKLOG) < 0) {
		rc = err_set(err, -errno, "%s: cannot listen there: %s", address.sun_path,
			strerror(errno));
		unlink(address.sun_path);
	}
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}
