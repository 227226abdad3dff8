/* SPDX-License-Identifier: BSD-3-Clause */
/* The reverse proxy: hands a request to an app node and its response to the client.
 *
 * Both bodies stream, each through a queue that stops its source at PROXY_HIGH_BYTES and lets it go
 * on at PROXY_LOW_BYTES, so memory stays the same whatever passes through. A request is tried a
 * second time, on another node where there is one, if that cannot do anything twice: when nothing
 * of it was sent, or when it is idempotent, had no body, and no byte of a response came. Where a
 * prefix allows it, a client and a node may change to a WebSocket (tunnel.h). One proxy belongs to
 * one worker. */
#ifndef WEBTIER_PROXY_H
#define WEBTIER_PROXY_H

#include "common/http/http.h"
#include "common/model.h"
#include "webtier/balance.h"
#include "webtier/cache.h"
#include "webtier/tunnel.h"
#include "webtier/upstream_pool.h"

#define PROXY_HIGH_BYTES 262144u
#define PROXY_LOW_BYTES 65536u

struct proxy;

/* The cache of responses that a worker has. */
struct proxy_cache {
	uint64_t max_bytes; /* 0: none. */
	struct cache_changes *changes;
};

/* 'model', 'set' and what 'cache' points to outlive the proxy. Returns 0 or a negative errno. */
int proxy_new(struct proxy **out, uv_loop_t *loop, const struct model *model,
	struct upstream_set *set, const struct proxy_cache *cache);

/* Requests must be over. NULL is allowed. */
void proxy_free(struct proxy *proxy);

/* Answers a request of a route with HTTP_BODY_STREAMED. Takes the request's data pointer. */
void proxy_handle(struct proxy *proxy, struct http_request *req);

/* For the access log: the node that a request's data pointer says it went to last, and its id; or
 * NULL. */
const char *proxy_node_name(const void *request_data);
const char *proxy_request_id(const void *request_data);

const struct balance *proxy_balance(const struct proxy *proxy);

struct proxy_stats {
	uint64_t n_retries;
	uint64_t n_unavailable; /* No node was up. */
	uint64_t n_idle;        /* Idle connections now. */
	uint64_t n_waiting;     /* Requests that wait for a node, now. */
	uint64_t n_overflows;   /* Requests that could not, or not for so long. */
	struct tunnel_stats tunnels;
	struct cache_stats cache;
};

void proxy_stats(const struct proxy *proxy, struct proxy_stats *out);

#endif /* WEBTIER_PROXY_H */
