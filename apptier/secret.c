/* SPDX-License-Identifier: BSD-3-Clause */
/* Passwords and keys from files; see secret.h. */
#include "apptier/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file with a secret may not allow. */
#define MODE_REFUSED (S_IRWXO | S_IWGRP)

static int
check_mode(int fd, const char *path, const char *what, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s (%s): %s", path, what, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s (%s) is no file", path, what);
	if (st.st_mode & MODE_REFUSED)
		return err_set(err, -EPERM,
			"%s (%s) has mode %03o: others may read or change the secret; chmod 600 it",
			path, what, (unsigned int)st.st_mode & 0777);
	return 0;
}

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
	text = calloc(1, SECRET_SIZE_MAX + 2);
	rc = text ? check_mode(fd, path, what, err) : err_set(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = read_text(fd, text, path, err);
	close(fd);
	if (rc < 0) {
		secret_free(text);
		return rc;
	}
	*out = text;
	return 0;
}

int
secret_read_line(const char *path, const char *what, char **out, struct err *err)
{
	char *text;
	size_t length;
	int rc = secret_read(path, what, &text, err);

	if (rc < 0)
		return rc;
	length = strcspn(text, "\r\n");
	explicit_bzero(text + length, strlen(text + length));
	if (length == 0) {
		secret_free(text);
		return err_set(err, -EINVAL, "the first line of %s (%s) is empty", path, what);
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
