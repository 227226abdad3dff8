/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct file {
	char path[64];
};

static int
make_file(void **state)
{
	struct file *file = calloc(1, sizeof(*file));
	int fd;

	if (!file)
		return -1;
	snprintf(file->path, sizeof(file->path), "/tmp/weir-secret-XXXXXX");
	fd = mkstemp(file->path);
	if (fd < 0)
		return -1;
	close(fd);
	*state = file;
	return 0;
}

static int
remove_file(void **state)
{
	struct file *file = *state;

	unlink(file->path);
	free(file);
	return 0;
}

static void
put(const struct file *file, const char *text, size_t size)
{
	FILE *stream = fopen(file->path, "we");

	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, size, stream), size);
	assert_int_equal(fclose(stream), 0);
}

static void
a_secret_is_read_without_its_newline(void **state)
{
	const struct file *file = *state;
	char *secret;
	struct err err;

	put(file, "one two\r\n", 9);
	assert_int_equal(secret_read(file->path, "a.key", &secret, &err), 0);
	assert_string_equal(secret, "one two");
	secret_free(secret);
}

static void
a_password_is_the_first_line(void **state)
{
	const struct file *file = *state;
	char *secret;
	struct err err;

	put(file, "one\ntwo\n", 8);
	assert_int_equal(secret_read(file->path, "a.key", &secret, &err), 0);
	assert_string_equal(secret, "one\ntwo");
	secret_free(secret);
	assert_int_equal(secret_read_line(file->path, "a.key", &secret, &err), 0);
	assert_string_equal(secret, "one");
	secret_free(secret);
	put(file, "\ntwo\n", 5);
	assert_int_equal(secret_read_line(file->path, "a.key", &secret, &err), -EINVAL);
}

static void
a_file_that_others_may_use_is_refused(void **state)
{
	static const mode_t refused[] = {0644, 0604, 0602, 0620, 0601, 0660, 0777};
	static const mode_t fine[] = {0600, 0400, 0640, 0440};
	const struct file *file = *state;
	char *secret = NULL;
	struct err err;

	put(file, "secret\n", 7);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(chmod(file->path, refused[i]), 0);
		assert_int_equal(secret_read(file->path, "a.key", &secret, &err), -EPERM);
		assert_non_null(strstr(err.text, "a.key"));
		assert_non_null(strstr(err.text, "chmod 600"));
		assert_null(strstr(err.text, "secret\n"));
		assert_null(secret);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		assert_int_equal(chmod(file->path, fine[i]), 0);
		assert_int_equal(secret_read(file->path, "a.key", &secret, &err), 0);
		secret_free(secret);
		secret = NULL;
	}
}

static void
what_is_no_secret_is_refused(void **state)
{
	const struct file *file = *state;
	char large[SECRET_SIZE_MAX + 1];
	char *secret = NULL;
	struct err err;

	assert_int_equal(secret_read(NULL, "a.key", &secret, &err), -EINVAL);
	assert_int_equal(secret_read("/nowhere", "a.key", &secret, &err), -ENOENT);
	assert_int_equal(secret_read("/tmp", "a.key", &secret, &err), -EINVAL);
	put(file, "\n", 1);
	assert_int_equal(secret_read(file->path, "a.key", &secret, &err), -EINVAL);
	put(file, "a\0b", 3);
	assert_int_equal(secret_read(file->path, "a.key", &secret, &err), -EINVAL);
	memset(large, 'a', sizeof(large));
	put(file, large, sizeof(large));
	assert_int_equal(secret_read(file->path, "a.key", &secret, &err), -EFBIG);
	assert_null(secret);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_secret_is_read_without_its_newline, make_file, remove_file),
		cmocka_unit_test_setup_teardown(
			a_password_is_the_first_line, make_file, remove_file),
		cmocka_unit_test_setup_teardown(
			a_file_that_others_may_use_is_refused, make_file, remove_file),
		cmocka_unit_test_setup_teardown(
			what_is_no_secret_is_refused, make_file, remove_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
