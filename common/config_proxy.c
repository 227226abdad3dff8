/* SPDX-License-Identifier: BSD-3-Clause */
/* How the web tier treats app nodes; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

#define PLACE "web"
#define CIRCUIT_PLACE "web.circuit"
#define CACHE_PLACE "web.cache"
#define CACHE_MIN 65536
#define CACHE_MAX (INT64_C(1) << 40)
#define CACHE_DEFAULT (64 << 20)
#define CACHE_OBJECT_DEFAULT (1 << 20)
#define MS_MAX 3600000
#define REQUESTS_MAX 1000000

static bool
allows(const struct proxy_prefix *proxy, const char *method)
{
	for (size_t i = 0; i < proxy->n_methods; i++)
		if (strcmp(proxy->methods[i], method) == 0)
			return true;
	return proxy->n_methods == 0;
}

static void
build_websockets(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	web->websocket_idle_ms = (uint32_t)config_number(reader, PLACE, "websocket_idle_ms",
		raw->websocket_idle_ms, (struct config_range){10, MS_MAX, 300000});
	for (size_t i = 0; i < web->n_proxies; i++) {
		struct config_path path = config_path(PLACE ".proxy[%zu]", i);
		struct proxy_prefix *proxy = &web->proxies[i];

		proxy->websocket =
			config_bool(reader, path.text, "websocket", raw->proxy[i].websocket, false);
		if (proxy->websocket && !allows(proxy, "GET"))
			config_fail(reader, path.text, "websocket",
				"needs GET among the methods: it begins with one");
	}
}

static void
build_circuit(
	struct config_reader *reader, const struct raw_circuit *raw, struct circuit_config *circuit)
{
	if (!raw)
		return;
	circuit->n_failures = (uint32_t)config_number(reader, CIRCUIT_PLACE, "failures",
		raw->failures, (struct config_range){1, REQUESTS_MAX, 5});
	circuit->open_ms = (uint32_t)config_number(reader, CIRCUIT_PLACE, "open_ms", raw->open_ms,
		(struct config_range){10, MS_MAX, 5000});
	circuit->max_requests = (uint32_t)config_number(reader, CIRCUIT_PLACE, "max_requests",
		raw->max_requests, (struct config_range){1, REQUESTS_MAX, 0});
	circuit->max_waiting = (uint32_t)config_number(reader, CIRCUIT_PLACE, "max_waiting",
		raw->max_waiting, (struct config_range){0, REQUESTS_MAX, 0});
	circuit->wait_ms = (uint32_t)config_number(reader, CIRCUIT_PLACE, "wait_ms", raw->wait_ms,
		(struct config_range){10, MS_MAX, 1000});
	if (raw->max_waiting && !raw->max_requests)
		config_fail(reader, CIRCUIT_PLACE, "max_waiting", "needs the key 'max_requests'");
	if (raw->wait_ms && circuit->max_waiting == 0)
		config_fail(reader, CIRCUIT_PLACE, "wait_ms", "needs the key 'max_waiting'");
}

static void
build_cache(struct config_reader *reader, const struct raw_response_cache *raw,
	struct response_cache_config *cache)
{
	int64_t object_default = CACHE_OBJECT_DEFAULT;

	if (!raw)
		return;
	cache->max_bytes = (uint64_t)config_number(reader, CACHE_PLACE, "max_bytes", raw->max_bytes,
		(struct config_range){CACHE_MIN, CACHE_MAX, CACHE_DEFAULT});
	if (object_default > (int64_t)cache->max_bytes)
		object_default = (int64_t)cache->max_bytes;
	cache->max_object_bytes = (uint64_t)config_number(reader, CACHE_PLACE, "max_object_bytes",
		raw->max_object_bytes, (struct config_range){1, CACHE_MAX, object_default});
	if (cache->max_object_bytes > cache->max_bytes)
		config_fail(reader, CACHE_PLACE, "max_object_bytes",
			"is more than max_bytes (%llu)", (unsigned long long)cache->max_bytes);
}

void
config_build_web_proxy(
	struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	build_websockets(reader, raw, web);
	build_circuit(reader, raw->circuit, &web->circuit);
	build_cache(reader, raw->cache, &web->cache);
}
