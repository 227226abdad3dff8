/* SPDX-License-Identifier: BSD-3-Clause */
/* Which paths a client may ask for: pure functions on text, the first line of the tier's shield.
 *
 * Static files: the decoded path becomes a relative file name with no way up and no hidden part;
 * the kernel checks it again when it is opened (file_cache.c). Proxied requests: the target goes
 * on as it was received, so it is refused if anybody could read it as leaving its prefix. */
#ifndef WEBTIER_PATH_RULES_H
#define WEBTIER_PATH_RULES_H

#include <stdbool.h>
#include <stddef.h>

/* Longest file name below the root that is served, with its NUL. */
#define PATH_FILE_MAX 1024

enum path_verdict {
	PATH_OK,
	PATH_INVALID,   /* Not a path at all: 400. */
	PATH_FORBIDDEN, /* A hidden file or a way up: 404, as if it did not exist. */
	PATH_TOO_LONG,  /* 414. */
};

/* Makes a file name relative to the root from the decoded path 'path': "/a//b/" becomes "a/b/".
 * Empty segments are dropped, so that one file has one name. Segments that begin with a dot are
 * forbidden, except ".well-known" (RFC 8615) at the root. '*out' ends with '/' or is empty exactly
 * if the path names a folder. */
enum path_verdict path_to_file(const char *path, char *out, size_t size);

/* Writes the absolute, percent-encoded form of the relative 'file' ("a b/c" becomes "/a%20b/c").
 * Returns false if it does not fit. */
bool path_encode(const char *file, char *out, size_t size);

/* True if the request target 'target' (as received) may be passed on under 'prefix': it begins with
 * the prefix literally, has no dot segment in any spelling, no backslash, no control character
 * and no malformed percent-encoding in its path. */
bool path_may_pass(const char *target, const char *prefix);

#endif /* WEBTIER_PATH_RULES_H */
