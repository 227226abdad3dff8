/* SPDX-License-Identifier: BSD-3-Clause */
/* File cache; see file_cache.h. */
#include "webtier/file_cache.h"

#include "webtier/file_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_BUCKETS 1024u /* A power of two. */

struct file_cache {
	struct file_place place;
	char *root;
	struct file_identity root_identity; /* Device and inode only. */
	uint64_t root_checked_ns;
	uint64_t bytes_max;
	uint64_t bytes;
	size_t n_entries;
	LIST_HEAD(, file_entry) buckets[N_BUCKETS];
	TAILQ_HEAD(entry_order, file_entry) order; /* Last used first. */
};

static uint32_t
bucket_of(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (hash ^ hash >> 16) & (N_BUCKETS - 1);
}

static struct file_entry *
find(struct file_cache *cache, const struct file_wish *wish)
{
	struct file_entry *entry;

	LIST_FOREACH(entry, &cache->buckets[bucket_of(wish->name)], in_bucket)
	{
		if (strcmp(entry->name, wish->name) == 0 && entry->wish.coding == wish->coding &&
			entry->wish.status == wish->status)
			return entry;
	}
	return NULL;
}

static void
forget(struct file_cache *cache, struct file_entry *entry)
{
	LIST_REMOVE(entry, in_bucket);
	TAILQ_REMOVE(&cache->order, entry, in_order);
	cache->bytes -= entry->bytes;
	cache->n_entries--;
	file_entry_free(entry);
}

static void
forget_all(struct file_cache *cache)
{
	while (!TAILQ_EMPTY(&cache->order))
		forget(cache, TAILQ_FIRST(&cache->order));
}

static void
keep(struct file_cache *cache, struct file_entry *entry)
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
	if (cache->place.root_fd >= 0)
		close(cache->place.root_fd);
	cache->place.root_fd = fd;
	cache->root_identity = file_identity_of(&st);
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
file_cache_new(struct file_cache **out, const struct web_config *web,
	const struct mime_types *types, uint64_t bytes_max, struct err *err)
{
	struct file_cache *cache = calloc(1, sizeof(*cache));
	const char *root = web->root;
	int rc;

	if (!cache || !(cache->root = strdup(root))) {
		free(cache);
		return err_set(err, -ENOMEM, "out of memory");
	}
	cache->place.root_fd = -1;
	cache->place.web = web;
	cache->place.types = types;
	cache->bytes_max = bytes_max;
	TAILQ_INIT(&cache->order);
	rc = open_root(cache);
	if (rc == 0) {
		int fd = file_open_below(cache->place.root_fd, ".");

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
	if (cache->place.root_fd >= 0)
		close(cache->place.root_fd);
	free(cache->root);
	free(cache);
}

static enum file_verdict
get(struct file_cache *cache, const struct file_wish *wish, uint64_t now_ns,
	const struct cached_file **out)
{
	enum file_verdict verdict = FILE_FOUND;
	struct file_entry *entry;

	check_root(cache, now_ns);
	entry = find(cache, wish);
	if (entry && !file_entry_is_current(&cache->place, entry, now_ns)) {
		forget(cache, entry);
		entry = NULL;
	}
	if (!entry) {
		verdict = file_entry_load(&cache->place, wish, now_ns, &entry);
		if (verdict == FILE_FOUND)
			keep(cache, entry);
	} else if (entry != TAILQ_FIRST(&cache->order)) {
		TAILQ_REMOVE(&cache->order, entry, in_order);
		TAILQ_INSERT_HEAD(&cache->order, entry, in_order);
	}
	if (verdict == FILE_FOUND)
		*out = &entry->file;
	return verdict;
}

enum file_verdict
file_cache_get(
	struct file_cache *cache, const char *name, uint64_t now_ns, const struct cached_file **out)
{
	const struct file_wish wish = {.name = name, .coding = CODING_IDENTITY, .status = 200};

	return get(cache, &wish, now_ns, out);
}

enum file_verdict
file_cache_get_coded(struct file_cache *cache, const char *name, enum coding coding,
	uint64_t now_ns, const struct cached_file **out)
{
	const struct file_wish wish = {.name = name, .coding = coding, .status = 200};

	return get(cache, &wish, now_ns, out);
}

enum file_verdict
file_cache_get_page(struct file_cache *cache, const char *name, unsigned int status,
	uint64_t now_ns, const struct cached_file **out)
{
	const struct file_wish wish = {.name = name, .coding = CODING_IDENTITY, .status = status};

	return get(cache, &wish, now_ns, out);
}
