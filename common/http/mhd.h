/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: HTTP/1.1 by libmicrohttpd in external-epoll mode.
 *
 * The daemon's epoll descriptor is polled by the loop; what is ready, and what handlers have
 * resumed or answered meanwhile, is then done in one run after the loop's other callbacks. */
#ifndef COMMON_HTTP_MHD_H
#define COMMON_HTTP_MHD_H

#include "common/err.h"
#include "common/http/request.h"

struct mhd;

int mhd_new(struct mhd **out, struct http_server *server, struct err *err);

/* Ends all its connections and requests at once. NULL is allowed. */
void mhd_free(struct mhd *mhd);

/* Hands over a connection that is ready for its first request. It may be freed on the way. */
void mhd_add(struct mhd *mhd, struct connection *connection);

/* Something has changed outside of libmicrohttpd: let it run before the loop waits again. */
void mhd_wake(struct mhd *mhd);

#endif /* COMMON_HTTP_MHD_H */
