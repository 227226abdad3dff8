/* SPDX-License-Identifier: BSD-3-Clause */
/* How the web tier treats app nodes; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

#define PLACE "web"
#define CIRCUIT_PLACE "web.circuit"
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

void
config_build_web_proxy(
	struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	build_websockets(reader, raw, web);
	build_circuit(reader, raw->circuit, &web->circuit);
}
