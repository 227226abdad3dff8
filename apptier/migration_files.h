/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder of migrations: found, ordered, read and hashed. Blocks; no database. */
#ifndef APPTIER_MIGRATION_FILES_H
#define APPTIER_MIGRATION_FILES_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define MIGRATION_HASH_SIZE 65 /* SHA-256 in hexadecimal. */
#define MIGRATION_SIZE_MAX (1u << 20)

struct migration {
	uint32_t version; /* The number that its name begins with. */
	char *name;       /* Of the file. */
	char *sql;
	size_t size;
	char hash[MIGRATION_HASH_SIZE];
};

struct migration_files {
	struct migration *list; /* By version. */
	size_t n;
};

/* Reads all NNNN_name.sql of 'folder'. Returns 0, or a negative errno with 'err' set: no such
 * folder, no file in it, two with one number, a name that does not begin with a number. */
int migration_files_load(struct migration_files *out, const char *folder, struct err *err);
void migration_files_fini(struct migration_files *files);

#endif /* APPTIER_MIGRATION_FILES_H */
