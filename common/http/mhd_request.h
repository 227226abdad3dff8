/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: what libmicrohttpd calls for a request. */
#ifndef COMMON_HTTP_MHD_REQUEST_H
#define COMMON_HTTP_MHD_REQUEST_H

#include <stddef.h>

#include <microhttpd.h>

/* The request line has been read: makes the request, which becomes libmicrohttpd's context. */
void *mhd_request_begin(void *ctx, const char *uri, struct MHD_Connection *mhd);

/* Called at the header's end, for pieces of the body, and when all has come. */
enum MHD_Result mhd_request_handle(void *ctx, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **context);

/* The request is over, whatever the reason. */
void mhd_request_completed(void *ctx, struct MHD_Connection *mhd, void **context,
	enum MHD_RequestTerminationCode code);

#endif /* COMMON_HTTP_MHD_REQUEST_H */
