/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: libmicrohttpd's response objects. */
#ifndef COMMON_HTTP_MHD_RESPONSE_H
#define COMMON_HTTP_MHD_RESPONSE_H

#include "common/http/respond.h"

#include <microhttpd.h>

/* What a response gets beside what its handler gave it. */
struct response_frame {
	const struct http_header_list *extra; /* Unless it has headers of these names. */
	bool close;                           /* "Connection: close". */
};

/* Each returns a new object for MHD_destroy_response(), or NULL when memory is short. */
struct MHD_Response *mhd_response_bytes(
	const struct answer *answer, const struct response_frame *frame);

/* Adds them, and what the frame has. */
void mhd_response_add_headers(struct MHD_Response *response, const struct http_header *headers,
	size_t n_headers, const struct response_frame *frame);

/* One made for this answer alone. */
struct MHD_Response *mhd_response_shared(
	const struct http_shared *shared, const struct response_frame *frame);

/* The shared object's own, with extra headers; not for MHD_destroy_response(). NULL if there is
 * none: mhd_response_shared() then makes one. */
struct MHD_Response *mhd_response_kept(
	struct http_shared *shared, const struct response_frame *frame);

/* 'size' may be HTTP_SIZE_UNKNOWN; 'read' is called with 'ctx'. */
struct MHD_Response *mhd_response_source(const struct answer *answer,
	MHD_ContentReaderCallback read, void *ctx, const struct response_frame *frame);

#endif /* COMMON_HTTP_MHD_RESPONSE_H */
