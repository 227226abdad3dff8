/* SPDX-License-Identifier: BSD-3-Clause */
/* Static files; see static.h. */
#include "webtier/static.h"

#include "common/clock.h"
#include "webtier/multipart.h"
#include "webtier/path_rules.h"
#include "webtier/range.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PART_HEADERS 8

static void
respond_headers(struct http_request *req, unsigned int status, const struct http_header *headers,
	size_t n_headers)
{
	http_respond(req, status, headers, n_headers, NULL, 0);
}

/* To the same name with a slash, so that relative links in the folder's page work. The location is
 * built from the file name, as a path of the client's own making might be read as a host
 * ("//example.org/"). */
static void
redirect_to_folder(struct http_request *req, const char *name)
{
	const char *query = strchr(http_request_target(req), '?');
	char path[3 * PATH_FILE_MAX + 2];
	char location[sizeof(path) + PATH_FILE_MAX];
	const struct http_header header = {"Location", location};
	int n = -1;

	if (path_encode(name, path, sizeof(path)))
		n = snprintf(location, sizeof(location), "%s/%s", path, query ? query : "");
	if (n < 0 || (size_t)n >= sizeof(location))
		http_respond_error(req, 414, "the address is too long");
	else
		respond_headers(req, 301, &header, 1);
}

static void
respond_unsatisfiable(struct http_request *req, const struct cached_file *file)
{
	char range[40];
	const struct http_header headers[] = {
		{"Content-Range", range},
		{"ETag", file->validators.etag},
		{"Accept-Ranges", "bytes"},
	};

	snprintf(range, sizeof(range), "bytes */%" PRIu64, file->size);
	respond_headers(req, 416, headers, sizeof(headers) / sizeof(headers[0]));
}

/* Lists the headers of an answer that is a part of the file; its type is the first of them. */
static size_t
list_part_headers(const struct cached_file *file, struct http_header out[static PART_HEADERS])
{
	size_t n = 0;

	out[n++] = (struct http_header){"Content-Type", file->type};
	out[n++] = (struct http_header){"ETag", file->validators.etag};
	out[n++] = (struct http_header){"Last-Modified", file->last_modified};
	out[n++] = (struct http_header){"Accept-Ranges", "bytes"};
	out[n++] = (struct http_header){"X-Content-Type-Options", "nosniff"};
	if (file->cache_control)
		out[n++] = (struct http_header){"Cache-Control", file->cache_control};
	if (file->coding)
		out[n++] = (struct http_header){"Content-Encoding", file->coding};
	if (file->coding || file->codings)
		out[n++] = (struct http_header){"Vary", "Accept-Encoding"};
	return n;
}

/* Returns false with nothing answered. */
static bool
respond_part(struct http_request *req, const struct cached_file *file, const struct range *part)
{
	char range[80];
	struct http_header headers[PART_HEADERS + 1];
	size_t n = list_part_headers(file, headers);
	struct http_shared *shared = NULL;
	int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);

	snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->offset,
		part->offset + part->size - 1, file->size);
	headers[n++] = (struct http_header){"Content-Range", range};
	if (fd >= 0)
		shared = http_shared_file(206, headers, n, fd, part->offset, part->size);
	if (!shared)
		return false;
	http_respond_shared(req, shared);
	http_shared_unref(shared);
	return true;
}

static bool
respond_several(
	struct http_request *req, const struct cached_file *file, const struct ranges *ranges)
{
	const struct multipart_file whole = {
		.fd = file->fd, .size = file->size, .type = file->type};
	struct http_header headers[PART_HEADERS];
	size_t n = list_part_headers(file, headers);

	return multipart_respond(req, &whole, ranges, headers + 1, n - 1) == 0;
}

static void
respond_ranges(
	struct http_request *req, const struct cached_file *file, const struct ranges *ranges)
{
	bool answered = ranges->n == 1 ? respond_part(req, file, &ranges->parts[0])
				       : respond_several(req, file, ranges);

	if (!answered)
		http_respond_error(req, 503, "out of memory or file descriptors");
}

/* RFC 9110, section 14.2: Range is defined for GET alone, and conditions come before it. */
static void
respond_file(struct http_request *req, const struct cached_file *file)
{
	const struct conditions conditions = {
		.if_match = http_request_header(req, "If-Match"),
		.if_none_match = http_request_header(req, "If-None-Match"),
		.if_modified_since = http_request_header(req, "If-Modified-Since"),
		.if_unmodified_since = http_request_header(req, "If-Unmodified-Since"),
		.if_range = http_request_header(req, "If-Range"),
	};
	enum range_verdict verdict = RANGE_WHOLE;
	struct ranges ranges;

	switch (conditional_evaluate(&conditions, &file->validators)) {
	case CONDITIONAL_NOT_MODIFIED:
		http_respond_shared(req, file->not_modified);
		return;
	case CONDITIONAL_FAILED:
		http_respond_error(req, 412, "the file has changed");
		return;
	case CONDITIONAL_GO_ON:
		break;
	}
	if (http_request_method(req) == HTTP_METHOD_GET && file->fd >= 0 &&
		conditional_range_applies(&conditions, &file->validators))
		verdict = range_parse(http_request_header(req, "Range"), file->size, &ranges);
	switch (verdict) {
	case RANGE_WHOLE:
		http_respond_shared(req, file->whole);
		break;
	case RANGE_PARTS:
		respond_ranges(req, file, &ranges);
		break;
	case RANGE_UNSATISFIABLE:
		respond_unsatisfiable(req, file);
		break;
	}
}

/* Answers with the coding of the file that the client likes best. */
static void
respond_coded(struct http_request *req, struct file_cache *cache, const char *name,
	const struct cached_file *file)
{
	uint64_t now_ns = clock_now_ns();
	enum coding coding = CODING_IDENTITY;

	if (file->codings)
		coding = coding_choose(http_request_header(req, "Accept-Encoding"), file->codings);
	/* What fails here is looked up anew, because the first look may have been forgotten. */
	if (coding != CODING_IDENTITY &&
		file_cache_get_coded(cache, name, coding, now_ns, &file) != FILE_FOUND &&
		file_cache_get(cache, name, now_ns, &file) != FILE_FOUND) {
		http_respond_error(req, 404, "Not Found");
		return;
	}
	respond_file(req, file);
}

/* Writes the name of the file that the request asks for. Returns false if it has been answered. */
static bool
find_name(struct http_request *req, char *name, size_t size)
{
	size_t n;

	switch (path_to_file(http_request_path(req), name, size - sizeof(STATIC_INDEX))) {
	case PATH_OK:
		break;
	case PATH_INVALID:
		http_respond_error(req, 400, "not a path");
		return false;
	case PATH_FORBIDDEN:
		http_respond_error(req, 404, "Not Found");
		return false;
	case PATH_TOO_LONG:
		http_respond_error(req, 414, "the address is too long");
		return false;
	}
	n = strlen(name);
	if (n == 0 || name[n - 1] == '/')
		memcpy(name + n, STATIC_INDEX, sizeof(STATIC_INDEX));
	return true;
}

void
static_handle(struct file_cache *cache, struct http_request *req)
{
	char name[PATH_FILE_MAX];
	const struct cached_file *file;

	if (!find_name(req, name, sizeof(name)))
		return;
	switch (file_cache_get(cache, name, clock_now_ns(), &file)) {
	case FILE_FOUND:
		respond_coded(req, cache, name, file);
		break;
	case FILE_FOLDER:
		redirect_to_folder(req, name);
		break;
	case FILE_ABSENT:
		http_respond_error(req, 404, "Not Found");
		break;
	case FILE_DENIED:
		http_respond_error(req, 403, "Forbidden");
		break;
	case FILE_FAILED:
		http_respond_error(req, 500, "the file cannot be read");
		break;
	}
}
