/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefixes, and lists of them in files. */
#include "common/prefix.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void
prefixes_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *again; /* NULL: the same. */
		uint8_t family, bits;
	} examples[] = {
		{"192.0.2.0/24", NULL, ADDR_V4, 24},
		{"192.0.2.7", NULL, ADDR_V4, 32},
		{"192.0.2.7/32", "192.0.2.7", ADDR_V4, 32},
		{"0.0.0.0/0", NULL, ADDR_V4, 0},
		{"128.0.0.0/1", NULL, ADDR_V4, 1},
		{"10.32.0.0/11", NULL, ADDR_V4, 11},
		{"255.255.255.254/31", NULL, ADDR_V4, 31},
		{"2001:db8::/32", NULL, ADDR_V6, 32},
		{"2001:0DB8:0::/33", "2001:db8::/33", ADDR_V6, 33},
		{"::/0", NULL, ADDR_V6, 0},
		{"::1", NULL, ADDR_V6, 128},
		{"2001:db8::fffe/127", NULL, ADDR_V6, 127},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct prefix prefix;
		char text[PREFIX_TEXT_SIZE];
		struct err err = {""};

		assert_int_equal(prefix_parse(examples[i].text, &prefix, &err), 0);
		assert_int_equal(prefix.addr.family, examples[i].family);
		assert_int_equal(prefix.bits, examples[i].bits);
		assert_string_equal(prefix_format(&prefix, text, sizeof(text)),
			examples[i].again ? examples[i].again : examples[i].text);
	}
}

static void
what_is_no_prefix_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} examples[] = {
		{"", "is not an address or prefix"},
		{"/8", "is not an address or prefix"},
		{"300.0.0.0/8", "is not an address or prefix"},
		{"10.0.0/8", "is not an address or prefix"},
		{"10.0.0.0 /8", "is not an address or prefix"},
		{"example.org", "is not an address or prefix"},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", "is not an address"},
		{"10.0.0.0/", "from 0 to 32"},
		{"10.0.0.0/33", "from 0 to 32"},
		{"10.0.0.0/-1", "from 0 to 32"},
		{"10.0.0.0/8/8", "from 0 to 32"},
		{"10.0.0.0/4294967304", "from 0 to 32"},
		{"2001:db8::/129", "from 0 to 128"},
		{"10.0.0.1/8", "did you mean 10.0.0.0/8?"},
		{"10.0.128.0/16", "did you mean 10.0.0.0/16?"},
		{"192.0.2.1/0", "did you mean 0.0.0.0/0?"},
		{"2001:db8::1/32", "did you mean 2001:db8::/32?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct prefix prefix;
		struct err err = {""};

		assert_int_equal(prefix_parse(examples[i].text, &prefix, &err), -EINVAL);
		if (!strstr(err.text, examples[i].says))
			fail_msg("'%s': %s", examples[i].text, err.text);
	}
}

static void
a_file_has_comments_and_empty_lines(void **state)
{
	static const char text[] =
		"# All of it.\n\n10.0.0.0/8 # the first\r\n\t 2001:db8::/32\t\n#\n  \n192.0.2.1";
	struct prefix_list list;
	struct err err = {""};

	(void)state;
	assert_int_equal(prefix_list_parse(&list, text, strlen(text), "list", &err), 0);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.prefixes[0].bits, 8);
	assert_int_equal(list.prefixes[1].addr.family, ADDR_V6);
	assert_int_equal(list.prefixes[2].bits, 32);
	prefix_list_fini(&list);
	assert_int_equal(prefix_list_parse(&list, "", 0, "list", &err), 0);
	assert_int_equal(list.n, 0);
	prefix_list_fini(&list);
}

static void
a_files_mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text;
		size_t size; /* 0: up to its end. */
		const char *says;
	} examples[] = {
		{"10.0.0.0/8\n\n10.0.0.0/99\n", 0, "list:3: '10.0.0.0/99': the prefix length"},
		{"10.0.0.0/8 11.0.0.0/8\n", 0, "list:1: '10.0.0.0/8 11.0.0.0/8': the prefix"},
		{"# fine\r\n10.0.0.1/8", 0, "list:2: '10.0.0.1/8' has bits set"},
		{"10.0.0.0/8\n1\0002\n", 15, "list:2: is not text"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		size_t size = examples[i].size ? examples[i].size : strlen(examples[i].text);
		struct prefix_list list = {.n = 0};
		struct err err = {""};

		assert_int_equal(
			prefix_list_parse(&list, examples[i].text, size, "list", &err), -EINVAL);
		assert_null(list.prefixes);
		if (strncmp(err.text, examples[i].says, strlen(examples[i].says)) != 0)
			fail_msg("example %zu: %s", i, err.text);
	}
}

static void
a_list_has_an_end(void **state)
{
	static const char line[] = "::1\n";
	size_t n = PREFIX_LIST_MAX + 1, size = strlen(line);
	struct prefix_list list = {.n = 0};
	char *text = malloc(n * size);
	struct err err = {""};

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * size, line, size);
	assert_int_equal(prefix_list_parse(&list, text, n * size, "list", &err), -E2BIG);
	assert_string_equal(err.text, "list:1000001: more than 1000000 prefixes");
	assert_int_equal(prefix_list_parse(&list, text, (n - 1) * size, "list", &err), 0);
	assert_int_equal(list.n, PREFIX_LIST_MAX);
	prefix_list_fini(&list);
	free(text);
}

static void
write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
a_files_stamp_changes_with_the_file(void **state)
{
	char folder[] = "/tmp/prefix_testXXXXXX", path[64], other[64];
	char first[PREFIX_STAMP_SIZE], second[PREFIX_STAMP_SIZE];
	struct prefix_list list;
	struct err err = {""};

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/list", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	write_text(path, "10.0.0.0/8\n");
	assert_int_equal(prefix_list_read(&list, path, first, &err), 0);
	assert_int_equal(list.n, 1);
	prefix_list_fini(&list);
	assert_int_equal(prefix_list_read(&list, path, second, &err), 0);
	prefix_list_fini(&list);
	assert_string_equal(first, second);
	/* As editors do it: the same size, maybe within the clock's tick, but another file. */
	write_text(other, "11.0.0.0/8\n");
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(prefix_list_read(&list, path, second, &err), 0);
	assert_int_equal(list.prefixes[0].addr.bytes[0], 11);
	prefix_list_fini(&list);
	assert_string_not_equal(first, second);
	unlink(path);
	rmdir(folder);
}

static void
what_cannot_be_read_is_refused(void **state)
{
	char folder[] = "/tmp/prefix_testXXXXXX", path[64], wanted[256];
	struct prefix_list list = {.n = 0};
	struct err err = {""};

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/list", folder);
	assert_int_equal(prefix_list_read(&list, path, NULL, &err), -ENOENT);
	snprintf(wanted, sizeof(wanted), "%s: cannot be read: No such file or directory", path);
	assert_string_equal(err.text, wanted);
	assert_int_equal(prefix_list_read(&list, folder, NULL, &err), -EISDIR);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(prefix_list_read(&list, path, NULL, &err), -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s: cannot be read: not a regular file", path);
	assert_string_equal(err.text, wanted);
	assert_int_equal(unlink(path), 0);
	write_text(path, "");
	assert_int_equal(truncate(path, 65 << 20), 0);
	assert_int_equal(prefix_list_read(&list, path, NULL, &err), -EFBIG);
	assert_null(list.prefixes);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_are_read_and_written),
		cmocka_unit_test(what_is_no_prefix_is_refused),
		cmocka_unit_test(a_file_has_comments_and_empty_lines),
		cmocka_unit_test(a_files_mistakes_are_told_with_their_line),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(a_files_stamp_changes_with_the_file),
		cmocka_unit_test(what_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
