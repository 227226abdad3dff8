/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/migration_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder with files, removed at the end. */
struct folder {
	char path[64];
	const char *names[4];
	size_t n;
};

static void
folder_init(struct folder *folder)
{
	*folder = (struct folder){.path = "/tmp/weir-migrations-XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
}

static void
folder_add(struct folder *folder, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	folder->names[folder->n++] = name;
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
folder_fini(struct folder *folder)
{
	char path[128];

	for (size_t i = 0; i < folder->n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, folder->names[i]);
		unlink(path);
	}
	rmdir(folder->path);
}

/* Loads a folder that must be refused, for a reason that 'word' is part of. */
static void
assert_refused(struct folder *folder, const char *word)
{
	struct migration_files files = {0};
	struct err err;

	assert_true(migration_files_load(&files, folder->path, &err) < 0);
	assert_non_null(strstr(err.text, word));
	assert_null(files.list);
	folder_fini(folder);
}

static void
files_are_ordered_by_number_and_hashed(void **state)
{
	struct migration_files files;
	struct folder folder;
	struct err err;

	(void)state;
	folder_init(&folder);
	folder_add(&folder, "0010_later.sql", "abc");
	folder_add(&folder, "0002_first.sql", "");
	folder_add(&folder, "README", "not a migration");
	assert_int_equal(migration_files_load(&files, folder.path, &err), 0);
	assert_int_equal(files.n, 2);
	assert_int_equal(files.list[0].version, 2);
	assert_int_equal(files.list[0].size, 0);
	assert_string_equal(files.list[1].name, "0010_later.sql");
	assert_string_equal(files.list[1].sql, "abc");
	assert_string_equal(files.list[1].hash,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	migration_files_fini(&files);
	folder_fini(&folder);
}

static void
a_number_given_twice_is_refused(void **state)
{
	struct folder folder;

	(void)state;
	folder_init(&folder);
	folder_add(&folder, "0001_a.sql", "");
	folder_add(&folder, "1_b.sql", "");
	assert_refused(&folder, "same number");
}

static void
a_name_without_a_number_is_refused(void **state)
{
	static const char *const names[] = {"links.sql", "0000_a.sql", "1.sql", "-1_a.sql"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct folder folder;

		folder_init(&folder);
		folder_add(&folder, names[i], "");
		assert_refused(&folder, "begins with its number");
	}
}

static void
an_empty_or_missing_folder_is_refused(void **state)
{
	struct folder folder;

	(void)state;
	folder_init(&folder);
	assert_refused(&folder, "no migrations");
	assert_refused(&folder, "No such file");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_ordered_by_number_and_hashed),
		cmocka_unit_test(a_number_given_twice_is_refused),
		cmocka_unit_test(a_name_without_a_number_is_refused),
		cmocka_unit_test(an_empty_or_missing_folder_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
