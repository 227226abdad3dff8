/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: libmicrohttpd's response objects. */
#ifndef COMMON_HTTP_MHD_RESPONSE_H
#define COMMON_HTTP_MHD_RESPONSE_H

#include "common/http/respond.h"

#include <microhttpd.h>

/* Each returns a new object for MHD_destroy_response(), or NULL when memory is short. 'close': with
 * "Connection: close". */
struct MHD_Response *mhd_response_bytes(const struct answer *answer, bool close);

/* The shared object itself, or one made for this answer alone. */
struct MHD_Response *mhd_response_shared(const struct http_shared *shared, bool close);

/* 'size' may be HTTP_SIZE_UNKNOWN; 'read' is called with 'ctx'. */
struct MHD_Response *mhd_response_source(
	const struct answer *answer, MHD_ContentReaderCallback read, void *ctx, bool close);

#endif /* COMMON_HTTP_MHD_RESPONSE_H */
