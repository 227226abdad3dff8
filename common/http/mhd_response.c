/* SPDX-License-Identifier: BSD-3-Clause */
/* Response objects; see mhd_response.h. Also http_shared_*(), as a shared response is little more
 * than such an object. */
#include "common/http/mhd_response.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

LOG_MODULE("http");

#define SOURCE_BLOCK_BYTES 32768u

static bool
has_header(const struct http_header *headers, size_t n_headers, const char *name)
{
	for (size_t i = 0; i < n_headers; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return true;
	return false;
}

void
mhd_response_add_headers(struct MHD_Response *response, const struct http_header *headers,
	size_t n_headers, const struct response_frame *frame)
{
	for (size_t i = 0; i < n_headers; i++) {
		if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			LOG_LIMITED(LOG_WARN, "response header '%s' left out: not allowed",
				headers[i].name);
	}
	for (size_t i = 0; i < frame->extra->n; i++) {
		const struct http_header *extra = &frame->extra->headers[i];

		if (!has_header(headers, n_headers, extra->name))
			MHD_add_response_header(response, extra->name, extra->value);
	}
	if (frame->close)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

static struct MHD_Response *
take_body(const struct answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->size, *answer->given, MHD_RESPMEM_MUST_FREE);

	if (response)
		*answer->given = NULL;
	return response;
}

static struct MHD_Response *
copy_body(const struct answer *answer)
{
	void *body;

	memcpy(&body, &answer->body, sizeof(void *)); /* Is copied, not written to. */
	return MHD_create_response_from_buffer(
		answer->size, answer->size ? body : NULL, MHD_RESPMEM_MUST_COPY);
}

struct MHD_Response *
mhd_response_bytes(const struct answer *answer, const struct response_frame *frame)
{
	struct MHD_Response *response =
		answer->given && answer->size > 0 ? take_body(answer) : copy_body(answer);

	if (response)
		mhd_response_add_headers(response, answer->headers, answer->n_headers, frame);
	return response;
}

struct MHD_Response *
mhd_response_source(const struct answer *answer, MHD_ContentReaderCallback read, void *ctx,
	const struct response_frame *frame)
{
	uint64_t size = answer->body_size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)answer->body_size;
	size_t block = size < SOURCE_BLOCK_BYTES ? (size_t)size : SOURCE_BLOCK_BYTES;
	struct MHD_Response *response =
		MHD_create_response_from_callback(size, block ? block : 1, read, ctx, NULL);

	if (response)
		mhd_response_add_headers(response, answer->headers, answer->n_headers, frame);
	return response;
}

/* A response of the shared body; takes over 'fd'. */
static struct MHD_Response *
make(const struct http_shared *shared, int fd)
{
	struct MHD_Response *response;

	if (shared->size == 0 || fd < 0) {
		response = MHD_create_response_from_buffer(
			(size_t)shared->size, shared->body, MHD_RESPMEM_PERSISTENT);
		if (response && fd >= 0)
			close(fd);
	} else {
		response =
			MHD_create_response_from_fd_at_offset64(shared->size, fd, shared->offset);
	}
	if (!response && fd >= 0)
		close(fd);
	return response;
}

struct MHD_Response *
mhd_response_shared(const struct http_shared *shared, const struct response_frame *frame)
{
	struct MHD_Response *response;
	int fd = -1;

	if (shared->fd >= 0) {
		fd = fcntl(shared->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return NULL;
	}
	response = make(shared, fd);
	if (response)
		mhd_response_add_headers(response, shared->headers, shared->n_headers, frame);
	return response;
}

static void
drop_decorated(struct decorated *decorated)
{
	if (!decorated)
		return;
	MHD_destroy_response(decorated->response);
	free(decorated);
}

static struct decorated *
decorate(const struct http_shared *shared, const struct response_frame *frame)
{
	struct decorated *decorated = malloc(sizeof(*decorated));

	if (!decorated)
		return NULL;
	decorated->headers = frame->extra->headers;
	decorated->response = mhd_response_shared(shared, frame);
	if (decorated->response)
		return decorated;
	free(decorated);
	return NULL;
}

struct MHD_Response *
mhd_response_kept(struct http_shared *shared, const struct response_frame *frame)
{
	if (frame->close)
		return NULL;
	if (frame->extra->n == 0)
		return shared->response;
	for (size_t i = 0; i < DECORATED_MAX; i++) {
		struct decorated *found = atomic_load(&shared->decorated[i]);
		struct decorated *made = found ? NULL : decorate(shared, frame);

		/* Another thread may be quicker; what it has put there may be what is wanted. */
		if (made && !atomic_compare_exchange_strong(&shared->decorated[i], &found, made))
			drop_decorated(made);
		else if (made)
			found = made;
		if (found && found->headers == frame->extra->headers)
			return found->response;
	}
	return NULL;
}

/* Copies the headers and their strings into one block. Returns false when memory is short. */
static bool
copy_headers(struct http_shared *shared, const struct http_header *headers, size_t n_headers)
{
	size_t size = n_headers * sizeof(*headers);
	char *text;

	for (size_t i = 0; i < n_headers; i++)
		size += strlen(headers[i].name) + strlen(headers[i].value) + 2;
	shared->headers = malloc(size ? size : 1);
	if (!shared->headers)
		return false;
	text = (char *)(shared->headers + n_headers);
	for (size_t i = 0; i < n_headers; i++) {
		shared->headers[i].name = text;
		text = stpcpy(text, headers[i].name) + 1;
		shared->headers[i].value = text;
		text = stpcpy(text, headers[i].value) + 1;
	}
	shared->n_headers = n_headers;
	return true;
}

static void
destroy(struct http_shared *shared)
{
	for (size_t i = 0; i < DECORATED_MAX; i++)
		drop_decorated(atomic_load(&shared->decorated[i]));
	MHD_destroy_response(shared->response); /* Closes the file. */
	free(shared->headers);
	free(shared->body);
	free(shared);
}

/* Completes 'shared', whose body is set. Takes over shared->fd even on failure. */
static struct http_shared *
finish(struct http_shared *shared, const struct http_header *headers, size_t n_headers)
{
	static const struct http_header_list none;
	const struct response_frame plain = {.extra = &none};

	atomic_init(&shared->n_references, 1);
	if (!copy_headers(shared, headers, n_headers)) {
		if (shared->fd >= 0)
			close(shared->fd);
		destroy(shared);
		return NULL;
	}
	shared->response = make(shared, shared->fd);
	if (shared->size == 0)
		shared->fd = -1; /* Closed: an empty file needs none. */
	if (!shared->response) {
		destroy(shared);
		return NULL;
	}
	mhd_response_add_headers(shared->response, headers, n_headers, &plain);
	return shared;
}

struct http_shared *
http_shared_bytes(unsigned int status, const struct http_header *headers, size_t n_headers,
	const void *body, size_t size)
{
	struct http_shared *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return NULL;
	shared->status = status;
	shared->fd = -1;
	shared->size = size;
	shared->body = malloc(size ? size : 1);
	if (!shared->body) {
		free(shared);
		return NULL;
	}
	if (size > 0)
		memcpy(shared->body, body, size);
	return finish(shared, headers, n_headers);
}

struct http_shared *
http_shared_file(unsigned int status, const struct http_header *headers, size_t n_headers, int fd,
	uint64_t offset, uint64_t size)
{
	struct http_shared *shared = calloc(1, sizeof(*shared));

	if (!shared) {
		close(fd);
		return NULL;
	}
	shared->status = status;
	shared->fd = fd;
	shared->offset = offset;
	shared->size = size;
	return finish(shared, headers, n_headers);
}

struct http_shared *
http_shared_ref(struct http_shared *shared)
{
	atomic_fetch_add_explicit(&shared->n_references, 1, memory_order_relaxed);
	return shared;
}

void
http_shared_unref(struct http_shared *shared)
{
	if (!shared)
		return;
	if (atomic_fetch_sub_explicit(&shared->n_references, 1, memory_order_acq_rel) == 1)
		destroy(shared);
}
