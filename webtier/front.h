/* SPDX-License-Identifier: BSD-3-Clause */
/* What all workers share towards clients: certificates, headers of every response, and what each
 * client may do. Made of the configuration at start; constant but for what locks itself. */
#ifndef WEBTIER_FRONT_H
#define WEBTIER_FRONT_H

#include "common/err.h"
#include "common/http/server.h"
#include "common/model.h"

struct front;

/* 'web' outlives the front. Returns 0, or a negative errno with 'err' set. */
int front_new(struct front **out, const struct web_config *web, struct err *err);
void front_free(struct front *front);

struct tls_context *front_tls(const struct front *front);

/* NULL: nothing is limited. */
struct clients *front_clients(const struct front *front);

/* What is added to every response, to plain or to TLS clients. */
const struct http_header_list *front_headers(const struct front *front, bool is_tls);

#endif /* WEBTIER_FRONT_H */
