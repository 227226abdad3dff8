/* SPDX-License-Identifier: BSD-3-Clause */
/* Schema migrations: numbered .sql files, each applied once, by one node at a time.
 *
 * Files are called NNNN_name.sql and run in the order of their numbers on the writable server,
 * under a named lock there, as a user who may alter the schema. The table schema_migrations says
 * which have been applied, with the hash of what the file said; all of it replicates like any
 * write. A file is best written so that it can be repeated (CREATE TABLE IF NOT EXISTS), because
 * MariaDB does not roll back changes of the schema when a later statement of the file fails.
 * Blocks; call it in a thread of its own. */
#ifndef APPTIER_MIGRATE_H
#define APPTIER_MIGRATE_H

#include "common/err.h"
#include "common/model.h"

enum migrate_state {
	MIGRATE_WAITING, /* The schema is not there, and no primary to make it on. */
	MIGRATE_USABLE,  /* A replica has the whole schema; the primary could not be asked. */
	MIGRATE_DONE,    /* The primary has it. */
};

/* Tries once. Returns 0 and how far it came (with 'err' saying what is missing unless it is
 * MIGRATE_DONE), or a negative errno with 'err' set if the files themselves are at fault: they
 * cannot be read, do not run, or differ from what was applied. */
int migrate_run(const struct model *model, const char *password, enum migrate_state *state,
	struct err *err);

#endif /* APPTIER_MIGRATE_H */
