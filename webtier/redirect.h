/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain HTTP clients are told where HTTPS is. */
#ifndef WEBTIER_REDIRECT_H
#define WEBTIER_REDIRECT_H

#include "common/http/http.h"

/* Answers a request that came by plain HTTP with the same address by HTTPS on 'port'. Returns false
 * with nothing answered if it came by TLS, or asks for what must be had without (the challenges of
 * ACME, RFC 8555 8.3). 'default_host' is for clients of HTTP/1.0 that name none. */
bool redirect_to_https(struct http_request *req, uint16_t port, const char *default_host);

#endif /* WEBTIER_REDIRECT_H */
