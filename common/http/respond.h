/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: answers that the server itself gives, and shared responses. */
#ifndef COMMON_HTTP_RESPOND_H
#define COMMON_HTTP_RESPOND_H

#include "common/http/request.h"

#include <stdatomic.h>

struct MHD_Response;

/* As http_respond_error() with headers. */
void respond_error_with(struct http_request *req, unsigned int status,
	const struct http_header *headers, size_t n_headers, const char *text);

/* The same response with headers that are added to all of a server. */
struct decorated {
	const struct http_header *headers; /* Which: compared by address. */
	struct MHD_Response *response;
};

#define DECORATED_MAX 2 /* Plain and TLS. */

struct http_shared {
	atomic_uint n_references;                           /* Any thread. */
	struct decorated *_Atomic decorated[DECORATED_MAX]; /* Any thread. The rest is constant. */
	struct MHD_Response *response; /* What libmicrohttpd sends; owns 'fd' and its headers. */
	unsigned int status;
	struct http_header *headers; /* In one block with their strings. */
	size_t n_headers;
	void *body; /* NULL if the body is a file. */
	int fd;     /* -1 if the body is in memory. */
	uint64_t offset;
	uint64_t size;
};

struct http_shared *http_shared_ref(struct http_shared *shared);

#endif /* COMMON_HTTP_RESPOND_H */
