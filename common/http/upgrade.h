/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: an HTTP/1.1 connection that has become a stream of bytes (http.h,
 * "Change of protocol").
 *
 * libmicrohttpd sends the 101 and then lets go of the socket: from there on the loop watches it,
 * and bytes go through connection_recv() and connection_send(), so that TLS stands below as
 * before. The library takes the connection back only to close it. */
#ifndef COMMON_HTTP_UPGRADE_H
#define COMMON_HTTP_UPGRADE_H

#include "common/http/mhd_response.h"

/* Makes the 101 of 'req', whose stream begins when it has been sent. NULL when memory is short. */
struct MHD_Response *upgrade_response(
	struct http_request *req, const struct answer *answer, const struct response_frame *frame);

/* Whether the stream of 'req' has begun. */
bool upgrade_has_begun(const struct http_request *req);

/* Lets libmicrohttpd close the connection, in a turn of its own. */
void upgrade_close(struct http_request *req);

/* Bytes that the stream has sent. */
uint64_t upgrade_sent(const struct http_request *req);

/* Frees what the stream has; the request is over. */
void upgrade_fini(struct http_request *req);

#endif /* COMMON_HTTP_UPGRADE_H */
