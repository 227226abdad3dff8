/* SPDX-License-Identifier: BSD-3-Clause */
/* File cache; see file_cache.h. */
#include "webtier/file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_BUCKETS 1024u /* A power of two. */
#define ETAG_SIZE 40

/* What tells one state of a file from another. The time of change (ctime) is in it because it moves
 * even where somebody has set the time of modification back. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

struct entry {
	struct cached_file file; /* First: callers have a pointer to it. */
	struct identity identity;
	uint64_t checked_ns;
	uint64_t bytes; /* In memory. */
	char etag[ETAG_SIZE];
	LIST_ENTRY(entry) in_bucket;
	TAILQ_ENTRY(entry) in_order;
	char name[];
};

struct file_cache {
	char *root;
	int root_fd;
	struct identity root_identity; /* Device and inode only. */
	uint64_t root_checked_ns;
	const struct mime_types *types;
	uint64_t bytes_max;
	uint64_t bytes;
	size_t n_entries;
	LIST_HEAD(, entry) buckets[N_BUCKETS];
	TAILQ_HEAD(entry_order, entry) order; /* Last used first. */
};

static struct identity
identity_of(const struct stat *st)
{
	return (struct identity){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.modified = st->st_mtim,
		.changed = st->st_ctim,
	};
}

static bool
time_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
identity_equal(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       time_equal(&a->modified, &b->modified) && time_equal(&a->changed, &b->changed);
}

static uint32_t
bucket_of(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (hash ^ hash >> 16) & (N_BUCKETS - 1);
}

static struct entry *
find(struct file_cache *cache, const char *name)
{
	struct entry *entry;

	LIST_FOREACH(entry, &cache->buckets[bucket_of(name)], in_bucket)
	{
		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

static void
entry_free(struct entry *entry)
{
	http_shared_unref(entry->file.whole);
	http_shared_unref(entry->file.not_modified);
	if (entry->file.fd >= 0)
		close(entry->file.fd);
	free(entry);
}

static void
forget(struct file_cache *cache, struct entry *entry)
{
	LIST_REMOVE(entry, in_bucket);
	TAILQ_REMOVE(&cache->order, entry, in_order);
	cache->bytes -= entry->bytes;
	cache->n_entries--;
	entry_free(entry);
}

static void
forget_all(struct file_cache *cache)
{
	while (!TAILQ_EMPTY(&cache->order))
		forget(cache, TAILQ_FIRST(&cache->order));
}

static void
keep(struct file_cache *cache, struct entry *entry)
{
	while (!TAILQ_EMPTY(&cache->order) &&
		(cache->n_entries >= FILE_CACHE_ENTRIES_MAX ||
			cache->bytes + entry->bytes > cache->bytes_max))
		forget(cache, TAILQ_LAST(&cache->order, entry_order));
	LIST_INSERT_HEAD(&cache->buckets[bucket_of(entry->name)], entry, in_bucket);
	TAILQ_INSERT_HEAD(&cache->order, entry, in_order);
	cache->bytes += entry->bytes;
	cache->n_entries++;
}

/* O_NONBLOCK so that a named pipe cannot hold up the worker. */
static int
open_below(int root_fd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root_fd, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static enum file_verdict
verdict_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return FILE_DENIED;
	case ENOENT:
	case ENOTDIR:
	case EXDEV: /* Led out of the root. */
	case ELOOP:
	case ENAMETOOLONG:
	case ENXIO: /* A socket or a pipe. */
		return FILE_ABSENT;
	default:
		return FILE_FAILED;
	}
}

/* Reads 'size' bytes; false if the file has fewer, which means that it is changing now. */
static bool
read_whole(int fd, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, buf + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static struct http_shared *
make_whole(struct entry *entry, const struct http_header *headers, size_t n_headers)
{
	struct cached_file *file = &entry->file;
	struct http_shared *shared = NULL;
	char *bytes;
	int fd;

	if (file->size > FILE_CACHE_BUFFER_MAX) {
		fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? NULL : http_shared_file(200, headers, n_headers, fd, 0, file->size);
	}
	bytes = malloc(file->size + 1);
	if (bytes && read_whole(file->fd, bytes, file->size)) {
		shared = http_shared_bytes(200, headers, n_headers, bytes, file->size);
		entry->bytes = file->size;
	}
	free(bytes);
	return shared;
}

/* Fills in a new entry whose descriptor is open. The entity tag is made of the time of modification
 * and the size, so web nodes that were given the same files agree about it. */
static bool
describe(struct entry *entry, const struct stat *st, const struct mime_types *types)
{
	struct cached_file *file = &entry->file;
	time_t now = time(NULL);
	const struct http_header headers[] = {
		{"Content-Type", mime_type_of(types, entry->name)},
		{"ETag", entry->etag},
		{"Last-Modified", file->last_modified},
		{"Accept-Ranges", "bytes"},
		{"X-Content-Type-Options", "nosniff"},
	};

	file->type = headers[0].value;
	file->size = (uint64_t)st->st_size;
	file->validators.etag = entry->etag;
	/* Never later than the response's own Date (RFC 9110, section 8.8.2.1). */
	file->validators.last_modified = st->st_mtim.tv_sec < now ? st->st_mtim.tv_sec : now;
	http_date_format(file->validators.last_modified, file->last_modified);
	snprintf(entry->etag, sizeof(entry->etag), "\"%" PRIx64 "-%" PRIx64 "\"",
		(uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
		file->size);
	file->whole = make_whole(entry, headers, sizeof(headers) / sizeof(headers[0]));
	file->not_modified = http_shared_bytes(304, headers + 1, 2, NULL, 0);
	return file->whole && file->not_modified;
}

static enum file_verdict
load(struct file_cache *cache, const char *name, uint64_t now_ns, struct entry **out)
{
	size_t name_size = strlen(name) + 1;
	struct entry *entry;
	struct stat st;
	int fd = open_below(cache->root_fd, name);

	if (fd < 0)
		return verdict_of(-fd);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_ABSENT;
	}
	entry = calloc(1, sizeof(*entry) + name_size);
	if (!entry) {
		close(fd);
		return FILE_FAILED;
	}
	memcpy(entry->name, name, name_size);
	entry->file.fd = fd;
	entry->identity = identity_of(&st);
	entry->checked_ns = now_ns;
	if (!describe(entry, &st, cache->types)) {
		entry_free(entry);
		return FILE_FAILED;
	}
	keep(cache, entry);
	*out = entry;
	return FILE_FOUND;
}

/* True if the name still means the file that the entry has open. It is only compared, so it does no
 * harm that this look may follow a link out of the root. */
static bool
is_current(struct file_cache *cache, struct entry *entry, uint64_t now_ns)
{
	struct identity identity;
	struct stat st;

	if (now_ns - entry->checked_ns < FILE_CACHE_BELIEVE_NS)
		return true;
	if (fstatat(cache->root_fd, entry->name, &st, 0) < 0)
		return false;
	identity = identity_of(&st);
	if (!identity_equal(&identity, &entry->identity))
		return false;
	entry->checked_ns = now_ns;
	return true;
}

static int
open_root(struct file_cache *cache)
{
	int fd = open(cache->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	if (cache->root_fd >= 0)
		close(cache->root_fd);
	cache->root_fd = fd;
	cache->root_identity = identity_of(&st);
	return 0;
}

/* A site may be published by moving a link to a new folder: then everything is looked up again. */
static void
check_root(struct file_cache *cache, uint64_t now_ns)
{
	struct stat st;

	if (now_ns - cache->root_checked_ns < FILE_CACHE_BELIEVE_NS)
		return;
	cache->root_checked_ns = now_ns;
	if (stat(cache->root, &st) < 0 ||
		(st.st_dev == cache->root_identity.dev && st.st_ino == cache->root_identity.ino))
		return;
	if (open_root(cache) == 0)
		forget_all(cache);
}

int
file_cache_new(struct file_cache **out, const char *root, const struct mime_types *types,
	uint64_t bytes_max, struct err *err)
{
	struct file_cache *cache = calloc(1, sizeof(*cache));
	int rc;

	if (!cache || !(cache->root = strdup(root))) {
		free(cache);
		return err_set(err, -ENOMEM, "out of memory");
	}
	cache->root_fd = -1;
	cache->types = types;
	cache->bytes_max = bytes_max;
	TAILQ_INIT(&cache->order);
	rc = open_root(cache);
	if (rc == 0) {
		int fd = open_below(cache->root_fd, ".");

		rc = fd < 0 ? fd : 0;
		if (fd >= 0)
			close(fd);
	}
	if (rc < 0) {
		err_set(err, rc,
			"cannot serve the folder %s (web.root): %s; make it a folder that this "
			"process may read%s",
			root, strerror(-rc),
			rc == -ENOSYS ? ", on Linux 5.6 or later, which has openat2()" : "");
		file_cache_free(cache);
		return rc;
	}
	*out = cache;
	return 0;
}

void
file_cache_free(struct file_cache *cache)
{
	if (!cache)
		return;
	forget_all(cache);
	if (cache->root_fd >= 0)
		close(cache->root_fd);
	free(cache->root);
	free(cache);
}

enum file_verdict
file_cache_get(
	struct file_cache *cache, const char *name, uint64_t now_ns, const struct cached_file **out)
{
	enum file_verdict verdict = FILE_FOUND;
	struct entry *entry;

	check_root(cache, now_ns);
	entry = find(cache, name);
	if (entry && !is_current(cache, entry, now_ns)) {
		forget(cache, entry);
		entry = NULL;
	}
	if (!entry) {
		verdict = load(cache, name, now_ns, &entry);
	} else if (entry != TAILQ_FIRST(&cache->order)) {
		TAILQ_REMOVE(&cache->order, entry, in_order);
		TAILQ_INSERT_HEAD(&cache->order, entry, in_order);
	}
	if (verdict == FILE_FOUND)
		*out = &entry->file;
	return verdict;
}
