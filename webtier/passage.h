/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: one client's request on its way to an app node and back.
 *
 * A passage begins in the route's handler and lives as long as the client's request. See proxy.h
 * for what it promises. */
#ifndef WEBTIER_PASSAGE_H
#define WEBTIER_PASSAGE_H

#include "common/http/http.h"
#include "common/log.h"
#include "webtier/proxy.h"
#include "webtier/tunnel.h"

#include <sys/queue.h>

#define PROXY_ID_SIZE 33 /* Of a request id, with its NUL. */

struct passage;
struct passage_fetches;
struct passage_queue;
struct cache;

/* What the passages of one worker share. */
struct proxy {
	const struct model *model;
	struct upstream_set *set;
	struct balance balance;
	struct upstream_settings settings;
	const struct upstream_events *events; /* passage_events, by which passages hear. */
	struct upstream_pool *pool;
	struct passage *spares; /* See passage_spares.h. */
	size_t n_spares;
	struct log_limit failure_limit;
	uint64_t n_retries;
	uint64_t n_unavailable;
	uint64_t n_overflows;
	struct passage_queue *waiting;
	struct cache *cache; /* Of responses; NULL: none. */
	struct passage_fetches *fetches;
	TAILQ_HEAD(, passage) detached; /* Those that no request knows of any more. */
	struct circuit_settings circuit;
	struct tunnel_settings tunnels;
	struct tunnel_stats tunnel_stats;
	uint64_t id_start; /* Of request ids: drawn at random, ... */
	uint64_t id_next;  /* ... and counted. */
};

extern const struct upstream_events passage_events;

/* Takes on a request; it will be answered. 'is_websocket': by a WebSocket if the node agrees.
 * Returns 0 or -ENOMEM. */
int passage_begin(struct proxy *proxy, struct http_request *req, bool is_websocket);

/* The node it went to last, or NULL. */
const char *passage_node_name(const struct passage *passage);

/* Begins, or goes on after it has waited for another one's response. */
void passage_start(struct passage *passage);

/* Ends those that go on for the cache alone. */
void passage_end_detached(struct proxy *proxy);

/* Its turn to be given to a node has come, or it has waited long enough. */
void passage_go_on(struct passage *passage, bool is_late);

const char *passage_id(const struct passage *passage);

#endif /* WEBTIER_PASSAGE_H */
