/* SPDX-License-Identifier: BSD-3-Clause */
/* Files below the site's root, ready to be sent.
 *
 * A file is opened by openat2() with RESOLVE_BENEATH, so no path, link or race leads out of the
 * root. Small files are kept in memory as finished responses, larger ones as an open descriptor
 * for sendfile(). An entry is believed for a second; then stat() tells whether the name still means
 * the same file with the same content. Only files that exist are kept, so that nobody can fill the
 * cache with names. A file may be had in several codings: a compressed one lies beside it or is
 * made once and kept. One cache belongs to one worker; nothing is shared or locked. */
#ifndef WEBTIER_FILE_CACHE_H
#define WEBTIER_FILE_CACHE_H

#include "common/err.h"
#include "common/http/http.h"
#include "common/model.h"
#include "webtier/coding.h"
#include "webtier/conditional.h"
#include "webtier/mime.h"

#include <stdint.h>

#define FILE_CACHE_BUFFER_MAX 65536u /* Larger files are sent from their descriptor. */
#define FILE_CACHE_ENTRIES_MAX 1024u
#define FILE_CACHE_GZIP_MIN 512u         /* Smaller files gain nothing by it, ... */
#define FILE_CACHE_GZIP_MAX (256u << 10) /* ... larger ones would hold up the worker. */
#define FILE_CACHE_BELIEVE_NS UINT64_C(1000000000)

enum file_verdict {
	FILE_FOUND,
	FILE_FOLDER,
	FILE_ABSENT, /* Also: not a regular file, or outside of the root. */
	FILE_DENIED, /* The process may not read it. */
	FILE_FAILED, /* Out of memory or descriptors, or an I/O error. */
};

/* A file as it can be sent. Valid until the next call to the cache. */
struct cached_file {
	const char *type;
	struct validators validators;
	char last_modified[HTTP_DATE_SIZE];
	const char *cache_control; /* NULL: nothing is said. */
	const char *coding;        /* Its name; NULL: none. */
	unsigned int codings;      /* Bits of those that it can be had in besides. */
	uint64_t size;
	int fd;                           /* Of the cache; -1: it has no ranges. */
	struct http_shared *whole;        /* 200 */
	struct http_shared *not_modified; /* 304 */
};

struct file_cache;

/* Serves the folder 'web->root' by the rules of 'web' with at most 'bytes_max' bytes in memory.
 * 'web' and 'types' outlive the cache. Returns 0, or a negative errno with 'err' set. */
int file_cache_new(struct file_cache **out, const struct web_config *web,
	const struct mime_types *types, uint64_t bytes_max, struct err *err);
void file_cache_free(struct file_cache *cache);

/* Looks up the relative name 'name' (path_to_file()). '*out' is set for FILE_FOUND only. */
enum file_verdict file_cache_get(struct file_cache *cache, const char *name, uint64_t now_ns,
	const struct cached_file **out);

/* The same file in another of its codings. May fail though it was said to be there. */
enum file_verdict file_cache_get_coded(struct file_cache *cache, const char *name,
	enum coding coding, uint64_t now_ns, const struct cached_file **out);

/* The same file as the page that goes with an error of this status ('whole' has it). */
enum file_verdict file_cache_get_page(struct file_cache *cache, const char *name,
	unsigned int status, uint64_t now_ns, const struct cached_file **out);

#endif /* WEBTIER_FILE_CACHE_H */
