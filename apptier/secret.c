/* SPDX-License-Identifier: BSD-3-Clause */
/* Passwords and keys from files; see secret.h. */
#include "apptier/secret.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_MODULE("secret");

static int
read_text(int fd, char *text, const char *path, struct err *err)
{
	size_t size = 0;

	for (;;) {
		ssize_t n = read(fd, text + size, SECRET_SIZE_MAX + 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > SECRET_SIZE_MAX)
			return err_set(
				err, -EFBIG, "%s has more than %d bytes", path, SECRET_SIZE_MAX);
	}
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		size--;
	text[size] = '\0';
	if (size == 0)
		return err_set(err, -EINVAL, "%s is empty", path);
	if (strlen(text) != size)
		return err_set(
			err, -EINVAL, "%s has a zero byte in it; write the secret as text", path);
	return 0;
}

int
secret_read(const char *path, const char *what, char **out, struct err *err)
{
	struct stat st;
	char *text;
	int fd, rc;

	if (!path)
		return err_set(err, -EINVAL, "the cluster file does not set %s", what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		return err_set(err, rc,
			"cannot open %s (%s): %s; create it or correct the cluster file", path,
			what, strerror(-rc));
	}
	if (fstat(fd, &st) == 0 && st.st_mode & S_IROTH)
		LOG_WARNING("%s may be read by everybody; chmod o-r it", path);
	text = calloc(1, SECRET_SIZE_MAX + 2);
	rc = text ? read_text(fd, text, path, err) : err_set(err, -ENOMEM, "out of memory");
	close(fd);
	if (rc < 0) {
		secret_free(text);
		return rc;
	}
	*out = text;
	return 0;
}

void
secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
