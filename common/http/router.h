/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: which route serves a request. Pure functions on the route table. */
#ifndef COMMON_HTTP_ROUTER_H
#define COMMON_HTTP_ROUTER_H

#include "common/http/http.h"

#define ROUTER_ALLOW_SIZE 128

/* The first route in table order for 'method' and 'path' (decoded), or NULL. With NULL, 'allow'
 * (ROUTER_ALLOW_SIZE bytes) lists the methods that the path does have, for 405, or is "". */
const struct http_route *router_find(
	const struct http_route *routes, const char *method, const char *path, char *allow);

#endif /* COMMON_HTTP_ROUTER_H */
