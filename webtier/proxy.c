/* SPDX-License-Identifier: BSD-3-Clause */
/* Reverse proxy: what may pass, and what the passages share; see proxy.h and passage.h. */
#include "webtier/proxy.h"

#include "common/clock.h"
#include "webtier/passage.h"
#include "webtier/passage_cache.h"
#include "webtier/passage_queue.h"
#include "webtier/passage_spares.h"
#include "webtier/path_rules.h"
#include "webtier/proxy_headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RECEIVE_BYTES 65536u
#define IDLE_MAX_MS 30000u

static int
make_cache(struct proxy *proxy, const struct proxy_cache *cache)
{
	int rc = passage_fetches_new(&proxy->fetches);

	if (rc < 0)
		return rc;
	return cache_new(&proxy->cache, cache->max_bytes,
		(size_t)proxy->model->web.cache.max_object_bytes, cache->changes);
}

int
proxy_new(struct proxy **out, uv_loop_t *loop, const struct model *model, struct upstream_set *set,
	const struct proxy_cache *cache)
{
	uint32_t idle_ms = model->app.limits.idle_timeout_ms / 2;
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	int rc;

	if (!proxy)
		return -ENOMEM;
	proxy->model = model;
	TAILQ_INIT(&proxy->detached);
	proxy->set = set;
	proxy->events = &passage_events;
	proxy->settings = (struct upstream_settings){
		.loop = loop,
		.connect_timeout_ms = model->web.connect_timeout_ms,
		.response_timeout_ms = model->web.response_timeout_ms,
		.buffer = malloc(RECEIVE_BYTES),
		.buffer_size = RECEIVE_BYTES,
	};
	proxy->circuit = (struct circuit_settings){
		.n_failures = model->web.circuit.n_failures,
		.open_ns = model->web.circuit.open_ms * NS_PER_MS,
	};
	proxy->tunnels = (struct tunnel_settings){
		.loop = loop,
		.idle_ms = model->web.websocket_idle_ms,
		.buffer = proxy->settings.buffer,
		.buffer_size = RECEIVE_BYTES,
		.stats = &proxy->tunnel_stats,
	};
	if (getrandom(&proxy->id_start, sizeof(proxy->id_start), 0) < 0)
		proxy->id_start = clock_now_ns();
	rc = proxy->settings.buffer ? balance_init(&proxy->balance, set) : -ENOMEM;
	proxy->balance.max_outstanding = model->web.circuit.max_requests;
	if (rc == 0)
		rc = upstream_pool_new(&proxy->pool, &proxy->settings, set,
			idle_ms > 0 && idle_ms < IDLE_MAX_MS ? idle_ms : IDLE_MAX_MS);
	if (rc == 0)
		rc = passage_queue_new(&proxy->waiting, loop, proxy, &model->web.circuit);
	if (rc == 0 && cache->max_bytes > 0)
		rc = make_cache(proxy, cache);
	if (rc < 0) {
		proxy_free(proxy);
		return rc;
	}
	*out = proxy;
	return 0;
}

void
proxy_free(struct proxy *proxy)
{
	if (!proxy)
		return;
	passage_end_detached(proxy);
	passage_queue_free(proxy->waiting);
	cache_free(proxy->cache);
	passage_fetches_free(proxy->fetches);
	passage_spares_free(proxy);
	upstream_pool_free(proxy->pool);
	balance_fini(&proxy->balance);
	free(proxy->settings.buffer);
	free(proxy);
}

/* True if one of the prefixes lets the target pass; '*websocket': and one of them a WebSocket. The
 * route has looked at the decoded path; the target is passed on as it is, so it must fit too. */
static bool
may_pass(const struct proxy *proxy, const struct http_request *req, bool *websocket)
{
	const char *target = proxy_target_path(http_request_target(req));
	bool may = false;

	*websocket = false;
	for (size_t i = 0; i < proxy->model->web.n_proxies; i++) {
		const struct proxy_prefix *prefix = &proxy->model->web.proxies[i];

		if ((may && !prefix->websocket) || !path_may_pass(target, prefix->prefix))
			continue;
		may = true;
		*websocket |= prefix->websocket;
	}
	return may;
}

void
proxy_handle(struct proxy *proxy, struct http_request *req)
{
	bool websocket;

	if (http_request_method(req) == HTTP_METHOD_OTHER)
		http_respond_error(req, 501, "this method is not passed on");
	else if (!may_pass(proxy, req, &websocket))
		http_respond_error(req, 400, "this path is not passed on");
	else if (passage_begin(proxy, req, websocket && proxy_asks_for_websocket(req)) < 0)
		http_respond_error(req, 503, "out of memory");
}

const char *
proxy_node_name(const void *request_data)
{
	return request_data ? passage_node_name(request_data) : NULL;
}

const char *
proxy_request_id(const void *request_data)
{
	return request_data ? passage_id(request_data) : NULL;
}

const struct balance *
proxy_balance(const struct proxy *proxy)
{
	return &proxy->balance;
}

void
proxy_stats(const struct proxy *proxy, struct proxy_stats *out)
{
	out->n_retries = proxy->n_retries;
	out->n_unavailable = proxy->n_unavailable;
	out->n_idle = upstream_pool_n_idle(proxy->pool);
	out->n_waiting = passage_queue_size(proxy->waiting);
	out->n_overflows = proxy->n_overflows;
	out->tunnels = proxy->tunnel_stats;
	out->cache = proxy->cache ? *cache_stats(proxy->cache) : (struct cache_stats){0};
}
