/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries of the file cache; see file_entry.h. */
#include "webtier/file_entry.h"

#include "webtier/path_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEADERS_MAX 10

struct file_identity
file_identity_of(const struct stat *st)
{
	return (struct file_identity){
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
identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       time_equal(&a->modified, &b->modified) && time_equal(&a->changed, &b->changed);
}

void
file_entry_free(struct file_entry *entry)
{
	http_shared_unref(entry->file.whole);
	http_shared_unref(entry->file.not_modified);
	if (entry->file.fd >= 0)
		close(entry->file.fd);
	free(entry->path);
	free(entry);
}

/* O_NONBLOCK so that a named pipe cannot hold up the worker. */
int
file_open_below(int root_fd, const char *name)
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
make_whole(struct file_entry *entry, const struct http_header *headers, size_t n_headers)
{
	struct cached_file *file = &entry->file;
	unsigned int status = entry->wish.status;
	struct http_shared *shared = NULL;
	char *bytes;
	int fd;

	if (file->size > FILE_CACHE_BUFFER_MAX) {
		fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? NULL
			      : http_shared_file(status, headers, n_headers, fd, 0, file->size);
	}
	bytes = malloc(file->size + 1);
	if (bytes && read_whole(file->fd, bytes, file->size)) {
		shared = http_shared_bytes(status, headers, n_headers, bytes, file->size);
		entry->bytes = file->size;
	}
	free(bytes);
	return shared;
}

/* Compresses the file. What comes of it has no descriptor, so no ranges either. */
static struct http_shared *
make_gzip(struct file_entry *entry, const struct http_header *headers, size_t n_headers)
{
	struct cached_file *file = &entry->file;
	struct http_shared *shared = NULL;
	char *bytes = malloc(file->size + 1);
	char *packed = NULL;
	size_t size = 0;

	if (bytes && read_whole(file->fd, bytes, file->size))
		packed = coding_gzip(bytes, file->size, &size);
	if (packed)
		shared = http_shared_bytes(200, headers, n_headers, packed, size);
	close(file->fd);
	file->fd = -1;
	file->size = size;
	entry->bytes = size;
	free(bytes);
	free(packed);
	return shared;
}

static bool
is_text(const char *type)
{
	return strncmp(type, "text/", 5) == 0 || strncmp(type, "application/json", 16) == 0 ||
	       strncmp(type, "application/javascript", 22) == 0 ||
	       strncmp(type, "application/xml", 15) == 0 || strstr(type, "+xml") ||
	       strstr(type, "+json");
}

/* Whether a file with this coding lies beside 'name' and is not older, which would be what is left
 * of an earlier state of it. */
static bool
lies_beside(const struct file_place *place, const char *name, enum coding coding,
	const struct timespec *modified)
{
	char path[PATH_FILE_MAX + 8];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s%s", name, coding_suffix(coding));

	if (n < 0 || (size_t)n >= sizeof(path) || fstatat(place->root_fd, path, &st, 0) < 0)
		return false;
	return S_ISREG(st.st_mode) && st.st_mtim.tv_sec >= modified->tv_sec;
}

/* The codings that the file of an entry can be had in. */
static unsigned int
find_codings(const struct file_place *place, const struct file_entry *entry)
{
	const struct cached_file *file = &entry->file;
	unsigned int codings = 0;

	if (entry->wish.coding != CODING_IDENTITY || entry->wish.status != 200)
		return 0;
	for (enum coding coding = CODING_IDENTITY + 1;
		place->web->precompressed && coding < N_CODINGS; coding++)
		if (lies_beside(place, entry->name, coding, &entry->identity.modified))
			codings |= CODING_BIT(coding);
	if (place->web->gzip && file->size >= FILE_CACHE_GZIP_MIN &&
		file->size <= FILE_CACHE_GZIP_MAX && is_text(file->type))
		codings |= CODING_BIT(CODING_GZIP);
	return codings;
}

static const char *
find_cache_control(const struct web_config *web, const char *name)
{
	char path[PATH_FILE_MAX + 2];

	snprintf(path, sizeof(path), "/%s", name);
	for (size_t i = 0; i < web->n_cache_rules; i++)
		if (fnmatch(web->cache_rules[i].match, path, 0) == 0)
			return web->cache_rules[i].value;
	return NULL;
}

/* Writes the headers of an entry, those that a 304 has too first; '*n_validating' of them. */
static size_t
list_headers(const struct file_entry *entry, struct http_header out[static HEADERS_MAX],
	size_t *n_validating)
{
	const struct cached_file *file = &entry->file;
	const char *coding = coding_name(entry->wish.coding);
	size_t n = 0;

	if (entry->wish.status == 200) {
		out[n++] = (struct http_header){"ETag", entry->etag};
		out[n++] = (struct http_header){"Last-Modified", file->last_modified};
	}
	if (file->cache_control)
		out[n++] = (struct http_header){"Cache-Control", file->cache_control};
	if (coding || file->codings)
		out[n++] = (struct http_header){"Vary", "Accept-Encoding"};
	*n_validating = n;
	if (coding)
		out[n++] = (struct http_header){"Content-Encoding", coding};
	if (entry->wish.status == 200 && !entry->is_packed)
		out[n++] = (struct http_header){"Accept-Ranges", "bytes"};
	out[n++] = (struct http_header){"Content-Type", file->type};
	out[n++] = (struct http_header){"X-Content-Type-Options", "nosniff"};
	return n;
}

/* Fills in a new entry whose descriptor is open. The entity tag is made of the time of modification
 * and the size, so web nodes that were given the same files agree about it. */
static bool
describe(const struct file_place *place, struct file_entry *entry, const struct stat *st, bool pack)
{
	struct cached_file *file = &entry->file;
	const char *coding = coding_name(entry->wish.coding);
	struct http_header headers[HEADERS_MAX];
	time_t now = time(NULL);
	size_t n_validating;
	size_t n;

	file->type = mime_type_of(place->types, entry->name);
	file->size = (uint64_t)st->st_size;
	file->validators.etag = entry->etag;
	/* Never later than the response's own Date (RFC 9110, section 8.8.2.1). */
	file->validators.last_modified = st->st_mtim.tv_sec < now ? st->st_mtim.tv_sec : now;
	http_date_format(file->validators.last_modified, file->last_modified);
	snprintf(entry->etag, sizeof(entry->etag), "\"%" PRIx64 "-%" PRIx64 "%s%s\"",
		(uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
		file->size, coding ? "-" : "", coding ? coding : "");
	file->cache_control = entry->wish.status == 200
				      ? find_cache_control(place->web, entry->name)
				      : "no-store";
	entry->is_packed = pack;
	file->coding = coding;
	file->codings = find_codings(place, entry);
	n = list_headers(entry, headers, &n_validating);
	file->whole = pack ? make_gzip(entry, headers, n) : make_whole(entry, headers, n);
	file->not_modified = http_shared_bytes(304, headers, n_validating, NULL, 0);
	return file->whole && file->not_modified;
}

/* The name of the file that the wish means. '*pack': it is the file itself, to be compressed.
 * Returns NULL if memory is short. */
static char *
find_path(const struct file_place *place, const struct file_wish *wish, bool *pack)
{
	const char *suffix = coding_suffix(wish->coding);
	struct stat st;
	char *path;

	*pack = wish->coding == CODING_GZIP && place->web->gzip &&
		(!place->web->precompressed || fstatat(place->root_fd, wish->name, &st, 0) < 0 ||
			!lies_beside(place, wish->name, wish->coding, &st.st_mtim));
	return asprintf(&path, "%s%s", wish->name, *pack ? "" : suffix) < 0 ? NULL : path;
}

static struct file_entry *
make_entry(const struct file_wish *wish, int fd, char *path, const struct stat *st, uint64_t now_ns)
{
	size_t name_size = strlen(wish->name) + 1;
	struct file_entry *entry = calloc(1, sizeof(*entry) + name_size);

	if (!entry)
		return NULL;
	memcpy(entry->name, wish->name, name_size);
	entry->wish = *wish;
	entry->wish.name = entry->name;
	entry->path = path;
	entry->file.fd = fd;
	entry->identity = file_identity_of(st);
	entry->checked_ns = now_ns;
	return entry;
}

enum file_verdict
file_entry_load(const struct file_place *place, const struct file_wish *wish, uint64_t now_ns,
	struct file_entry **out)
{
	struct file_entry *entry = NULL;
	struct stat st = {0};
	bool pack;
	char *path = find_path(place, wish, &pack);
	int fd = path ? file_open_below(place->root_fd, path) : -ENOMEM;
	bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	if (is_file)
		entry = make_entry(wish, fd, path, &st, now_ns);
	if (!entry) {
		free(path);
		if (fd < 0)
			return verdict_of(-fd);
		close(fd);
		if (is_file)
			return FILE_FAILED;
		return S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_ABSENT;
	}
	if (!describe(place, entry, &st, pack)) {
		file_entry_free(entry);
		return FILE_FAILED;
	}
	*out = entry;
	return FILE_FOUND;
}

/* True if the name still means the file that the entry has open. It is only compared, so it does no
 * harm that this look may follow a link out of the root. */
bool
file_entry_is_current(const struct file_place *place, struct file_entry *entry, uint64_t now_ns)
{
	struct file_identity identity;
	struct stat st;

	if (now_ns - entry->checked_ns < FILE_CACHE_BELIEVE_NS)
		return true;
	if (fstatat(place->root_fd, entry->path, &st, 0) < 0)
		return false;
	identity = file_identity_of(&st);
	if (!identity_equal(&identity, &entry->identity) ||
		find_codings(place, entry) != entry->file.codings)
		return false;
	entry->checked_ns = now_ns;
	return true;
}
