/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: the way of a request from its header to its end, the same for every
 * protocol. Chooses the route, enforces what the route allows, gathers or passes on the body and
 * calls the handler. Called by the protocol adapter in the server's thread. */
#ifndef COMMON_HTTP_EXCHANGE_H
#define COMMON_HTTP_EXCHANGE_H

#include "common/http/request.h"

/* The header is complete ('valid': and its target could be read). Finds the route; may answer
 * (400, 404, 405, 413), and calls the handler of a streamed route if a body follows. */
void exchange_header(struct http_request *req, bool valid);

/* Takes body bytes; returns how many. Fewer than 'size' means: pause until resumed. */
size_t exchange_body(struct http_request *req, const char *data, size_t size);

/* The request is complete: calls the handler, or tells its sink. */
void exchange_end(struct http_request *req);

/* Nothing more will happen to the request: 'status' was sent (0: none) with 'sent' body bytes.
 * Calls whoever wants to know and frees what the request holds (not 'req' itself). */
void exchange_done(struct http_request *req, unsigned int status, uint64_t sent);

#endif /* COMMON_HTTP_EXCHANGE_H */
