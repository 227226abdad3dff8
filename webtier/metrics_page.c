/* SPDX-License-Identifier: BSD-3-Clause */
/* /metrics; see metrics_page.h. */
#include "webtier/metrics_page.h"

#include "common/clock.h"
#include "common/process_metrics.h"

#include <stdlib.h>
#include <string.h>

struct totals {
	struct http_server_stats http;
	struct proxy_stats proxy;
	struct balance_stats *nodes;
};

static void
add_http(struct http_server_stats *sum, const struct http_server_stats *one)
{
	sum->n_accepted += one->n_accepted;
	sum->n_shed += one->n_shed;
	sum->n_shed_client += one->n_shed_client;
	sum->n_throttled += one->n_throttled;
	sum->n_overdue += one->n_overdue;
	sum->n_connections += one->n_connections;
	sum->n_requests += one->n_requests;
	for (size_t i = 0; i < sizeof(sum->n_responses) / sizeof(sum->n_responses[0]); i++)
		sum->n_responses[i] += one->n_responses[i];
	sum->n_refused += one->n_refused;
	sum->n_tls_handshakes += one->n_tls_handshakes;
	sum->n_tls_resumed += one->n_tls_resumed;
	sum->n_tls_failed += one->n_tls_failed;
	sum->sent_bytes += one->sent_bytes;
	sum->n_h2_accepted += one->n_h2_accepted;
	sum->n_h2_resets += one->n_h2_resets;
	sum->n_h2_floods += one->n_h2_floods;
}

static void
add_tunnels(struct tunnel_stats *sum, const struct tunnel_stats *one)
{
	sum->n_open += one->n_open;
	sum->n_opened += one->n_opened;
	sum->n_idle += one->n_idle;
	sum->received_bytes += one->received_bytes;
	sum->sent_bytes += one->sent_bytes;
}

static void
add_cache(struct cache_stats *sum, const struct cache_stats *one)
{
	sum->n_hits += one->n_hits;
	sum->n_stale += one->n_stale;
	sum->n_misses += one->n_misses;
	sum->n_bypassed += one->n_bypassed;
	sum->n_collapsed += one->n_collapsed;
	sum->n_stored += one->n_stored;
	sum->n_evicted += one->n_evicted;
	sum->n_entries += one->n_entries;
	sum->bytes += one->bytes;
}

static void
add_worker(struct totals *totals, const struct worker_stats *stats, size_t n_nodes)
{
	add_http(&totals->http, &stats->http);
	totals->proxy.n_retries += stats->proxy.n_retries;
	totals->proxy.n_unavailable += stats->proxy.n_unavailable;
	totals->proxy.n_idle += stats->proxy.n_idle;
	totals->proxy.n_waiting += stats->proxy.n_waiting;
	totals->proxy.n_overflows += stats->proxy.n_overflows;
	add_cache(&totals->proxy.cache, &stats->proxy.cache);
	add_tunnels(&totals->proxy.tunnels, &stats->proxy.tunnels);
	for (size_t i = 0; i < n_nodes; i++) {
		totals->nodes[i].n_requests += stats->nodes[i].n_requests;
		totals->nodes[i].n_failures += stats->nodes[i].n_failures;
		totals->nodes[i].n_connects += stats->nodes[i].n_connects;
	}
}

static void
write_one(struct metrics *metrics, const char *name, enum metric_type type, const char *help,
	uint64_t value)
{
	metrics_family(metrics, name, type, help);
	metrics_value(metrics, (double)value, NULL);
}

static void
write_http(struct metrics *metrics, const struct http_server_stats *http)
{
	static const char *const codes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	metrics_family(metrics, "weir_http_requests_total", METRIC_COUNTER,
		"Requests ended, by class of status (none: the client left first).");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		metrics_value(metrics, (double)http->n_responses[i], "code", codes[i], NULL);
	write_one(metrics, "weir_http_connections", METRIC_GAUGE, "Client connections open.",
		http->n_connections);
	write_one(metrics, "weir_http_connections_accepted_total", METRIC_COUNTER,
		"Client connections accepted.", http->n_accepted);
	write_one(metrics, "weir_http_connections_shed_total", METRIC_COUNTER,
		"Client connections closed at once because there were too many.", http->n_shed);
	write_one(metrics, "weir_http_connections_shed_client_total", METRIC_COUNTER,
		"Client connections closed at once because this client had too many.",
		http->n_shed_client);
	write_one(metrics, "weir_http_throttled_total", METRIC_COUNTER,
		"Requests answered 429 because this client sends too many.", http->n_throttled);
	write_one(metrics, "weir_http_overdue_total", METRIC_COUNTER,
		"Connections cut because the client was too slow.", http->n_overdue);
	write_one(metrics, "weir_http_refused_total", METRIC_COUNTER, "Malformed requests refused.",
		http->n_refused);
	write_one(metrics, "weir_http_sent_bytes_total", METRIC_COUNTER,
		"Bytes of response bodies sent.", http->sent_bytes);
	write_one(metrics, "weir_http2_connections_accepted_total", METRIC_COUNTER,
		"Client connections that chose HTTP/2.", http->n_h2_accepted);
	write_one(metrics, "weir_http2_resets_total", METRIC_COUNTER,
		"Streams of HTTP/2 that clients reset, or broke so that they were.",
		http->n_h2_resets);
	write_one(metrics, "weir_http2_floods_total", METRIC_COUNTER,
		"Connections by HTTP/2 ended because the client reset or sent too much.",
		http->n_h2_floods);
	metrics_family(metrics, "weir_tls_handshakes_total", METRIC_COUNTER,
		"TLS handshakes completed, by whether they resumed a session.");
	metrics_value(metrics, (double)(http->n_tls_handshakes - http->n_tls_resumed), "resumed",
		"0", NULL);
	metrics_value(metrics, (double)http->n_tls_resumed, "resumed", "1", NULL);
	write_one(metrics, "weir_tls_handshakes_failed_total", METRIC_COUNTER,
		"TLS handshakes that failed.", http->n_tls_failed);
}

/* Certificates are listed twice, as the values of a family stand together. */
static void
write_expiry(void *ctx, const struct tls_certificate_state *state)
{
	metrics_value(ctx, (double)state->not_after, "certificate", state->file, NULL);
}

static void
write_stapled(void *ctx, const struct tls_certificate_state *state)
{
	metrics_value(ctx, state->is_stapled, "certificate", state->file, NULL);
}

static void
write_front(struct metrics *metrics, const struct front *front)
{
	struct clients *clients = front_clients(front);

	metrics_family(metrics, "weir_tls_certificate_expires_seconds", METRIC_GAUGE,
		"Unix time at which the certificate ends.");
	tls_context_each(front_tls(front), write_expiry, metrics);
	metrics_family(metrics, "weir_tls_certificate_stapled", METRIC_GAUGE,
		"1 if a valid OCSP response is given out with the certificate.");
	tls_context_each(front_tls(front), write_stapled, metrics);
	if (clients)
		write_one(metrics, "weir_clients_untracked_total", METRIC_COUNTER,
			"Connections and requests that no limit was applied to because too many "
			"clients were at work.",
			clients_n_untracked(clients));
}

static void
write_up(struct metrics *metrics, const struct upstream_set *upstreams)
{
	uint64_t now_ns = clock_now_ns();

	metrics_family(metrics, "weir_upstream_up", METRIC_GAUGE,
		"1 if the app node gets requests: its check is well, it is not ejected and its "
		"circuit is closed.");
	for (size_t i = 0; i < upstreams->n_nodes; i++) {
		const struct upstream_node *node = &upstreams->nodes[i];
		int state = atomic_load(&node->state);

		if (state == UPSTREAM_GONE)
			continue;
		metrics_value(metrics,
			state == UPSTREAM_UP && !upstream_is_ejected(node, now_ns) &&
				atomic_load(&node->circuit.open_until_ns) == 0,
			"upstream", node->name, NULL);
	}
}

static void
write_circuits(struct metrics *metrics, const struct upstream_set *upstreams)
{
	metrics_family(metrics, "weir_upstream_circuit_open", METRIC_GAUGE,
		"1 while the app node is left alone after failures, or tried again by one "
		"request.");
	for (size_t i = 0; i < upstreams->n_nodes; i++)
		metrics_value(metrics, atomic_load(&upstreams->nodes[i].circuit.open_until_ns) > 0,
			"upstream", upstreams->nodes[i].name, NULL);
	metrics_family(metrics, "weir_upstream_circuit_opened_total", METRIC_COUNTER,
		"Times that the app node's circuit has opened.");
	for (size_t i = 0; i < upstreams->n_nodes; i++)
		metrics_value(metrics, (double)atomic_load(&upstreams->nodes[i].circuit.n_opened),
			"upstream", upstreams->nodes[i].name, NULL);
}

/* One family with a value of each app node, which stands 'offset' bytes into its counters. */
static void
write_by_node(struct metrics *metrics, const struct upstream_set *upstreams,
	const struct balance_stats *nodes, size_t offset)
{
	for (size_t i = 0; i < upstreams->n_nodes; i++) {
		uint64_t value;

		memcpy(&value, (const char *)&nodes[i] + offset, sizeof(value));
		metrics_value(metrics, (double)value, "upstream", upstreams->nodes[i].name, NULL);
	}
}

static void
write_upstreams(
	struct metrics *metrics, const struct upstream_set *upstreams, const struct totals *totals)
{
	write_up(metrics, upstreams);
	write_circuits(metrics, upstreams);
	metrics_family(metrics, "weir_upstream_requests_total", METRIC_COUNTER,
		"Requests tried with the app node.");
	write_by_node(
		metrics, upstreams, totals->nodes, offsetof(struct balance_stats, n_requests));
	metrics_family(metrics, "weir_upstream_failures_total", METRIC_COUNTER,
		"Tries that got no whole, valid response.");
	write_by_node(
		metrics, upstreams, totals->nodes, offsetof(struct balance_stats, n_failures));
	metrics_family(metrics, "weir_upstream_connects_total", METRIC_COUNTER,
		"Connections opened to the app node; the other requests used one that was kept.");
	write_by_node(
		metrics, upstreams, totals->nodes, offsetof(struct balance_stats, n_connects));
	write_one(metrics, "weir_upstream_idle_connections", METRIC_GAUGE,
		"Connections kept open for the next request.", totals->proxy.n_idle);
	write_one(metrics, "weir_upstream_retries_total", METRIC_COUNTER,
		"Requests that were tried a second time.", totals->proxy.n_retries);
	write_one(metrics, "weir_upstream_unavailable_total", METRIC_COUNTER,
		"Requests answered 503 because no app node was up, or all circuits open.",
		totals->proxy.n_unavailable);
	write_one(metrics, "weir_upstream_waiting", METRIC_GAUGE,
		"Requests that wait until an app node may have one more.", totals->proxy.n_waiting);
	write_one(metrics, "weir_upstream_overflows_total", METRIC_COUNTER,
		"Requests answered 503 because too many waited, or for too long.",
		totals->proxy.n_overflows);
}

static void
write_tunnels(struct metrics *metrics, const struct tunnel_stats *tunnels)
{
	write_one(metrics, "weir_websockets", METRIC_GAUGE, "WebSockets open.", tunnels->n_open);
	write_one(metrics, "weir_websockets_opened_total", METRIC_COUNTER,
		"WebSockets that an app node agreed to.", tunnels->n_opened);
	write_one(metrics, "weir_websockets_idle_total", METRIC_COUNTER,
		"WebSockets closed because nothing moved in them.", tunnels->n_idle);
	metrics_family(metrics, "weir_websocket_bytes_total", METRIC_COUNTER,
		"Bytes that passed through WebSockets.");
	metrics_value(metrics, (double)tunnels->received_bytes, "from", "client", NULL);
	metrics_value(metrics, (double)tunnels->sent_bytes, "from", "upstream", NULL);
}

static void
write_cache(struct metrics *metrics, const struct cache_stats *cache)
{
	metrics_family(metrics, "weir_cache_requests_total", METRIC_COUNTER,
		"Proxied requests by what the cache did (stale: of the hits, those beyond their "
		"time; "
		"collapsed: waited for the response to another).");
	metrics_value(metrics, (double)cache->n_hits, "result", "hit", NULL);
	metrics_value(metrics, (double)cache->n_stale, "result", "stale", NULL);
	metrics_value(metrics, (double)cache->n_misses, "result", "miss", NULL);
	metrics_value(metrics, (double)cache->n_bypassed, "result", "bypass", NULL);
	metrics_value(metrics, (double)cache->n_collapsed, "result", "collapsed", NULL);
	write_one(metrics, "weir_cache_stored_total", METRIC_COUNTER, "Responses stored.",
		cache->n_stored);
	write_one(metrics, "weir_cache_evicted_total", METRIC_COUNTER,
		"Responses that made room for others.", cache->n_evicted);
	write_one(metrics, "weir_cache_entries", METRIC_GAUGE,
		"Responses in the cache, and notes of such that are not kept.", cache->n_entries);
	write_one(metrics, "weir_cache_bytes", METRIC_GAUGE, "Bytes of the cache.", cache->bytes);
}

void
metrics_page_fill(void *ctx, struct metrics *metrics)
{
	const struct metrics_source *source = ctx;
	struct totals totals = {0};

	process_metrics(metrics, source->node, node_role_name(ROLE_WEB));
	totals.nodes = calloc(source->upstreams->n_max + 1, sizeof(totals.nodes[0]));
	if (!totals.nodes)
		return;
	for (size_t i = 0; i < source->n_workers; i++)
		add_worker(&totals, worker_stats(source->workers[i]), source->upstreams->n_max);
	write_one(metrics, "weir_draining", METRIC_GAUGE, "1 while the node takes its leave.",
		atomic_load(source->is_draining));
	write_http(metrics, &totals.http);
	if (source->front)
		write_front(metrics, source->front);
	write_upstreams(metrics, source->upstreams, &totals);
	write_tunnels(metrics, &totals.proxy.tunnels);
	write_cache(metrics, &totals.proxy.cache);
	if (source->access_log)
		write_one(metrics, "weir_access_log_dropped_total", METRIC_COUNTER,
			"Lines of the access log that were lost.",
			access_log_n_dropped(source->access_log));
	free(totals.nodes);
}
