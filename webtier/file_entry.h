/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the file cache: one file in one coding, opened, described and ready to be sent. */
#ifndef WEBTIER_FILE_ENTRY_H
#define WEBTIER_FILE_ENTRY_H

#include "webtier/file_cache.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/stat.h>

#define FILE_ETAG_SIZE 44

/* What tells one state of a file from another. The time of change (ctime) is in it because it moves
 * even where somebody has set the time of modification back. */
struct file_identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

/* What an entry is found by. */
struct file_wish {
	const char *name;
	enum coding coding;
	unsigned int status; /* Of the answer; 200 but for error pages. */
};

struct file_entry {
	struct cached_file file; /* First: callers have a pointer to it. */
	struct file_wish wish;
	bool is_packed; /* Compressed here: has no ranges. */
	char *path;     /* Below the root: the name, or that of a compressed file beside it. */
	struct file_identity identity;
	uint64_t checked_ns;
	uint64_t bytes; /* In memory. */
	char etag[FILE_ETAG_SIZE];
	LIST_ENTRY(file_entry) in_bucket;
	TAILQ_ENTRY(file_entry) in_order;
	char name[];
};

/* Where files come from, and by which rules. */
struct file_place {
	int root_fd;
	const struct web_config *web;
	const struct mime_types *types;
};

struct file_identity file_identity_of(const struct stat *st);

/* Opens 'name' without leaving the root. Returns a descriptor or a negative errno. */
int file_open_below(int root_fd, const char *name);

/* Makes the entry that 'wish' means, for file_entry_free(). '*out' is set for FILE_FOUND only. */
enum file_verdict file_entry_load(const struct file_place *place, const struct file_wish *wish,
	uint64_t now_ns, struct file_entry **out);
void file_entry_free(struct file_entry *entry);

/* True if the name still means the file that the entry has open, in the same codings. */
bool file_entry_is_current(
	const struct file_place *place, struct file_entry *entry, uint64_t now_ns);

#endif /* WEBTIER_FILE_ENTRY_H */
