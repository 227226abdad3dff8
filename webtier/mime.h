/* SPDX-License-Identifier: BSD-3-Clause */
/* Content types by file name extension, from the system's list (/etc/mime.types).
 *
 * Where that file is missing or does not know an extension, a short list of what web sites are
 * made of is used. Immutable once made; read by all threads. */
#ifndef WEBTIER_MIME_H
#define WEBTIER_MIME_H

#include <stddef.h>

#define MIME_SYSTEM_FILE "/etc/mime.types"
#define MIME_UNKNOWN "application/octet-stream"

struct mime_types;

/* Reads the list 'path'; a missing or unreadable one is no error, only less is known then.
 * Returns 0 or -ENOMEM. */
int mime_types_new(struct mime_types **out, const char *path);
void mime_types_free(struct mime_types *types);

/* The type of a file called 'name' (a path will do), with a charset where it is text. */
const char *mime_type_of(const struct mime_types *types, const char *name);

#endif /* WEBTIER_MIME_H */
