/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread that serves: its own loop, listening sockets, file cache and upstream connections.
 *
 * The main thread makes workers, starts them, asks for their counters and tells them to end; all
 * functions here are its. What a worker does for a request it does alone: it shares with others
 * only the app nodes' state, the access log's buffer and what never changes. */
#ifndef WEBTIER_WORKER_H
#define WEBTIER_WORKER_H

#include "common/err.h"
#include "common/http/server.h"
#include "common/model.h"
#include "webtier/access_log.h"
#include "webtier/balance.h"
#include "webtier/mime.h"
#include "webtier/proxy.h"
#include "webtier/upstream_set.h"

#include <stdatomic.h>

/* Everything outlives the workers. */
struct worker_config {
	const struct model *model;
	const struct http_listener *listeners;
	size_t n_listeners;
	struct upstream_set *upstreams;
	const struct mime_types *types;
	struct access_log *access_log;    /* NULL: none. */
	struct clients *clients;          /* NULL: a client may do anything. */
	struct http_header_list extra[2]; /* As of struct http_server_config. */
	const atomic_bool *is_draining;   /* /health says so. main: writes, workers: read */
	uint64_t cache_bytes;             /* Of files. */
	struct proxy_cache responses;     /* Of app nodes, to be used again. */
	/* Called by the worker's thread when it has ended. */
	void (*on_ended)(void *ctx);
	void *ctx;
};

struct worker_stats {
	struct http_server_stats http;
	struct proxy_stats proxy;
	struct balance_stats *nodes; /* By node of the set; the worker's memory. */
};

struct worker;

/* Binds the sockets. Returns 0, or a negative errno with 'err' set. */
int worker_new(struct worker **out, const struct worker_config *config, struct err *err);

/* Starts the thread. Returns 0 or a negative errno. */
int worker_start(struct worker *worker);

/* Ends the thread at once if it runs, waits for it and frees all. NULL is allowed. */
void worker_free(struct worker *worker);

/* Stops accepting and ends when the requests in flight are answered, at the latest after
 * 'timeout_ms'. */
void worker_drain(struct worker *worker, uint32_t timeout_ms);

/* Ends now. */
void worker_stop(struct worker *worker);

/* Asks the worker for its counters; they are valid until the next call. Gets those of an earlier
 * time if the worker does not answer within WORKER_STATS_WAIT_MS or has ended. */
#define WORKER_STATS_WAIT_MS 200u
const struct worker_stats *worker_stats(struct worker *worker);

/* Where a listener is bound. Before worker_start() only. */
void worker_endpoint(const struct worker *worker, size_t listener, struct endpoint *out);

#endif /* WEBTIER_WORKER_H */
