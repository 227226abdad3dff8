/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are translated. */
#ifndef CONTROLPLANE_IMPORT_SOURCE_H
#define CONTROLPLANE_IMPORT_SOURCE_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

/* What one file may hold: far more than any that a person wrote, little enough for any machine. */
#define SOURCE_SIZE_MAX (8u << 20)

struct source {
	const char *path; /* As the user named it. */
	char *text;       /* Ended by NUL, which is not counted. */
	size_t size;
	bool follows; /* Files that it includes are read. */
};

/* Reads the file at 'path', "-" for standard input, and checks that it is text. Returns 0, and the
 * caller calls source_fini(); or a negative errno with 'err' set to "FILE: what and why". */
int source_read(struct source *source, const char *path, struct err *err);
void source_fini(struct source *source);

/* Checks that there are no bytes that no text has. 'path' is for the message. */
int source_check(const char *text, size_t size, const char *path, struct err *err);

#endif /* CONTROLPLANE_IMPORT_SOURCE_H */
