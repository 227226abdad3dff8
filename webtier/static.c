/* SPDX-License-Identifier: BSD-3-Clause */
/* Static files; see static.h. */
#include "webtier/static.h"

#include "common/clock.h"
#include "webtier/path_rules.h"
#include "webtier/range.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static void
respond_part(struct http_request *req, const struct cached_file *file, const struct range *part)
{
	char range[80];
	const struct http_header headers[] = {
		{"Content-Type", file->type},
		{"Content-Range", range},
		{"ETag", file->validators.etag},
		{"Last-Modified", file->last_modified},
		{"Accept-Ranges", "bytes"},
		{"X-Content-Type-Options", "nosniff"},
	};
	struct http_shared *shared = NULL;
	int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);

	snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->offset,
		part->offset + part->size - 1, file->size);
	if (fd >= 0)
		shared = http_shared_file(206, headers, sizeof(headers) / sizeof(headers[0]), fd,
			part->offset, part->size);
	if (!shared) {
		http_respond_error(req, 503, "out of memory or file descriptors");
		return;
	}
	http_respond_shared(req, shared);
	http_shared_unref(shared);
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
	struct range part;

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
	if (http_request_method(req) == HTTP_METHOD_GET &&
		conditional_range_applies(&conditions, &file->validators))
		verdict = range_parse(http_request_header(req, "Range"), file->size, &part);
	switch (verdict) {
	case RANGE_WHOLE:
		http_respond_shared(req, file->whole);
		break;
	case RANGE_PART:
		respond_part(req, file, &part);
		break;
	case RANGE_UNSATISFIABLE:
		respond_unsatisfiable(req, file);
		break;
	}
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
		respond_file(req, file);
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
