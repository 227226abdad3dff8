/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of migrations; see migration_files.h. */
#include "apptier/migration_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static bool
ends_with_sql(const char *name)
{
	size_t length = strlen(name);

	return length > 4 && strcmp(name + length - 4, ".sql") == 0;
}

/* Reads the number in front of '_'; 0 is not one. */
static bool
parse_version(const char *name, uint32_t *out)
{
	char *end;
	unsigned long value;

	if (name[0] < '0' || name[0] > '9')
		return false;
	value = strtoul(name, &end, 10);
	*out = (uint32_t)value;
	return *end == '_' && value > 0 && value <= INT32_MAX;
}

static int
read_file(struct migration *migration, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	size_t size;
	int rc = 0;

	if (!file) {
		rc = -errno;
		return err_set(err, rc, "cannot open %s: %s", path, strerror(-rc));
	}
	migration->sql = malloc(MIGRATION_SIZE_MAX + 1);
	if (!migration->sql) {
		fclose(file);
		return err_set(err, -ENOMEM, "no memory to read %s", path);
	}
	size = fread(migration->sql, 1, MIGRATION_SIZE_MAX + 1, file);
	if (ferror(file))
		rc = err_set(err, -EIO, "cannot read %s", path);
	else if (size > MIGRATION_SIZE_MAX)
		rc = err_set(err, -EFBIG, "%s has more than %u bytes", path, MIGRATION_SIZE_MAX);
	fclose(file);
	if (rc == 0) {
		migration->sql[size] = '\0';
		migration->size = size;
	}
	return rc;
}

static int
hash(struct migration *migration, struct err *err)
{
	unsigned char digest[32];

	if (!EVP_Digest(migration->sql, migration->size, digest, NULL, EVP_sha256(), NULL))
		return err_set(err, -ENOMEM, "OpenSSL could not compute SHA-256");
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(migration->hash + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static int
add_file(struct migration_files *files, const char *folder, const char *name, struct err *err)
{
	char path[PATH_MAX];
	struct migration *list, *migration;
	int rc;

	list = realloc(files->list, (files->n + 1) * sizeof(*list));
	if (!list)
		return err_set(err, -ENOMEM, "no memory for the migrations");
	files->list = list;
	migration = &list[files->n++];
	*migration = (struct migration){.name = strdup(name)};
	if (!migration->name)
		return err_set(err, -ENOMEM, "no memory for the migrations");
	if (!parse_version(name, &migration->version))
		return err_set(err, -EINVAL,
			"%s/%s: the name of a migration begins with its number and '_', as in "
			"0001_links.sql",
			folder, name);
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the path of migration %s is too long", name);
	rc = read_file(migration, path, err);
	return rc < 0 ? rc : hash(migration, err);
}

static int
by_version(const void *a, const void *b)
{
	uint32_t one = ((const struct migration *)a)->version;
	uint32_t other = ((const struct migration *)b)->version;

	return one < other ? -1 : one > other;
}

static int
check(struct migration_files *files, const char *folder, struct err *err)
{
	if (files->n == 0)
		return err_set(err, -ENOENT,
			"%s has no migrations (0001_....sql); correct database.migrations in the "
			"cluster file",
			folder);
	qsort(files->list, files->n, sizeof(*files->list), by_version);
	for (size_t i = 1; i < files->n; i++) {
		if (files->list[i].version == files->list[i - 1].version)
			return err_set(err, -EEXIST, "%s: %s and %s have the same number", folder,
				files->list[i - 1].name, files->list[i].name);
	}
	return 0;
}

int
migration_files_load(struct migration_files *out, const char *folder, struct err *err)
{
	struct migration_files files = {0};
	struct dirent *entry;
	DIR *dir = opendir(folder);
	int rc = 0;

	if (!dir) {
		rc = -errno;
		return err_set(err, rc,
			"cannot open the folder of migrations %s: %s; correct database.migrations "
			"in the cluster file",
			folder, strerror(-rc));
	}
	while (rc == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && ends_with_sql(entry->d_name))
			rc = add_file(&files, folder, entry->d_name, err);
	}
	closedir(dir);
	if (rc == 0)
		rc = check(&files, folder, err);
	if (rc < 0) {
		migration_files_fini(&files);
		return rc;
	}
	*out = files;
	return 0;
}

void
migration_files_fini(struct migration_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->list[i].name);
		free(files->list[i].sql);
	}
	free(files->list);
	*files = (struct migration_files){0};
}
