/* SPDX-License-Identifier: BSD-3-Clause */
/* /metrics of a load balancer; see metrics_page.h. */
#include "controlplane/metrics_page.h"

#include "common/clock.h"
#include "common/http/metrics_http.h"
#include "common/process_metrics.h"
#include "controlplane/metrics_info.h"
#include "controlplane/metrics_sync.h"

#include <errno.h>
#include <stdlib.h>

struct metrics_page {
	const struct cluster *cluster;
	const struct dataplane_client *dataplane;
	const struct check_stats *checks; /* NULL: nobody has any. */
	struct metrics_server *server;
};

static double
state(const struct cluster_router *router)
{
	return router->state;
}

static double
priority(const struct cluster_router *router)
{
	return router->priority;
}

static double
transitions(const struct cluster_router *router)
{
	return (double)router->n_transitions;
}

static double
adverts_sent(const struct cluster_router *router)
{
	return (double)router->n_sent;
}

static double
adverts_received(const struct cluster_router *router)
{
	return (double)router->n_received;
}

/* A family with a sample for each virtual router. */
static void
write_router_family(struct metrics *metrics, const struct cluster *cluster, const char *name,
	enum metric_type type, const char *help,
	double (*value)(const struct cluster_router *router))
{
	metrics_family(metrics, name, type, help);
	for (size_t i = 0; i < cluster_n_routers(cluster); i++) {
		const struct cluster_router *router = cluster_router(cluster, i);

		metrics_value(metrics, value(router), "router", router->config->name, NULL);
	}
}

static void
write_routers(struct metrics *metrics, const struct cluster *cluster)
{
	size_t n = cluster_n_routers(cluster);

	write_router_family(metrics, cluster, "weir_vrrp_state", METRIC_GAUGE,
		"State of the virtual router on this node: 0 init, 1 backup, 2 master.", state);
	write_router_family(metrics, cluster, "weir_vrrp_priority", METRIC_GAUGE,
		"The node's priority, less what is tracked and not well.", priority);
	write_router_family(metrics, cluster, "weir_vrrp_transitions_total", METRIC_COUNTER,
		"Changes of the virtual router's state.", transitions);
	write_router_family(metrics, cluster, "weir_vrrp_adverts_sent_total", METRIC_COUNTER,
		"Adverts sent.", adverts_sent);
	write_router_family(metrics, cluster, "weir_vrrp_adverts_received_total", METRIC_COUNTER,
		"Valid adverts of other members received.", adverts_received);
	metrics_family(metrics, "weir_vip_held", METRIC_GAUGE,
		"1 if this node holds the virtual address.");
	for (size_t i = 0; i < n; i++) {
		const struct cluster_router *router = cluster_router(cluster, i);

		for (size_t j = 0; j < router->config->n_addresses; j++) {
			char text[ADDR_TEXT_SIZE];

			metrics_value(metrics, router->state == VRRP_MASTER ? 1 : 0, "router",
				router->config->name, "address",
				addr_format(&router->config->addresses[j], text, sizeof(text)),
				NULL);
		}
	}
}

/* One family with a sample for each backend of each pool. */
static void
write_backend_family(struct metrics *metrics, const struct cluster *cluster,
	double (*value)(const struct cluster_backend *backend))
{
	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		for (size_t j = 0; j < pool->n_backends; j++)
			metrics_value(metrics, value(&pool->backends[j]), "pool",
				pool->config->name, "backend", pool->backends[j].config->name,
				NULL);
	}
}

static double
is_up(const struct cluster_backend *backend)
{
	return backend->health == HEALTH_UP ? 1 : 0;
}

static double
is_drained(const struct cluster_backend *backend)
{
	return backend->drained ? 1 : 0;
}

static double
resets(const struct cluster_backend *backend)
{
	return (double)backend->signs.n_resets;
}

static double
unreachables(const struct cluster_backend *backend)
{
	return (double)backend->signs.n_unreachables;
}

static double
rests(const struct cluster_backend *backend)
{
	return backend->rests ? 1 : 0;
}

static double
weight_is_set(const struct cluster_backend *backend)
{
	return backend->weight_set ? 1 : 0;
}

static double
weight(const struct cluster_backend *backend)
{
	return cluster_backend_weight(backend);
}

static double
changes(const struct cluster_backend *backend)
{
	return (double)backend->n_changes;
}

static void
write_backends(struct metrics *metrics, const struct cluster *cluster)
{
	metrics_family(metrics, "weir_backend_up", METRIC_GAUGE,
		"1 if the backend's health checks succeed.");
	write_backend_family(metrics, cluster, is_up);
	metrics_family(metrics, "weir_backend_drained", METRIC_GAUGE,
		"1 if the operator has drained the backend.");
	write_backend_family(metrics, cluster, is_drained);
	metrics_family(metrics, "weir_backend_weight", METRIC_GAUGE,
		"Share of new flows that the backend gets, relative to its pool; 0 takes none.");
	write_backend_family(metrics, cluster, weight);
	metrics_family(metrics, "weir_backend_resets_total", METRIC_COUNTER,
		"Connections that the backend has reset, in modes that see it.");
	write_backend_family(metrics, cluster, resets);
	metrics_family(metrics, "weir_backend_unreachables_total", METRIC_COUNTER,
		"ICMP errors that say that the backend cannot be reached, in modes that see them.");
	write_backend_family(metrics, cluster, unreachables);
	metrics_family(metrics, "weir_backend_standby", METRIC_GAUGE,
		"1 if others of the pool serve in its place: by the quorum.");
	write_backend_family(metrics, cluster, rests);
	metrics_family(metrics, "weir_backend_weight_set", METRIC_GAUGE,
		"1 if the operator has given the backend another weight than the configured one.");
	write_backend_family(metrics, cluster, weight_is_set);
	metrics_family(metrics, "weir_pool_quorum", METRIC_GAUGE,
		"1 if enough backends of the pool are up; 0 while its sorry backends serve.");
	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		metrics_value(metrics, pool->quorum_lost ? 0 : 1, "pool", pool->config->name, NULL);
	}
	metrics_family(metrics, "weir_backend_changes_total", METRIC_COUNTER,
		"How often the backend has gone up or down.");
	write_backend_family(metrics, cluster, changes);
}

/* --- What the dataplane counts --- */

/* A family made of one member of each object in an array. */
struct counted_family {
	const char *array;  /* In the stats. */
	const char *member; /* Of each element. */
	const char *name;
	enum metric_type type;
	const char *help;
	const char *labels[2][2]; /* Label and the member that is its value; NULL: no more. */
};

static const struct counted_family counted_families[] = {
	{"services", "packets", "weir_service_packets_total", METRIC_COUNTER,
		"Packets sent to the service.", {{"service", "name"}}},
	{"services", "bytes", "weir_service_bytes_total", METRIC_COUNTER,
		"Bytes sent to the service.", {{"service", "name"}}},
	{"services", "new_flows", "weir_service_new_flows_total", METRIC_COUNTER,
		"Flows that began.", {{"service", "name"}}},
	{"services", "drops", "weir_service_drops_total", METRIC_COUNTER,
		"Packets to the service that were dropped.", {{"service", "name"}}},
	{"services", "return_packets", "weir_service_return_packets_total", METRIC_COUNTER,
		"Packets of backends sent back to clients.", {{"service", "name"}}},
	{"services", "return_bytes", "weir_service_return_bytes_total", METRIC_COUNTER,
		"Bytes of backends sent back to clients.", {{"service", "name"}}},
	{"backends", "packets", "weir_backend_packets_total", METRIC_COUNTER,
		"Packets forwarded to the backend.", {{"pool", "pool"}, {"backend", "name"}}},
	{"backends", "bytes", "weir_backend_bytes_total", METRIC_COUNTER,
		"Bytes forwarded to the backend.", {{"pool", "pool"}, {"backend", "name"}}},
	{"backends", "new_flows", "weir_backend_new_flows_total", METRIC_COUNTER,
		"Flows that were given to the backend.", {{"pool", "pool"}, {"backend", "name"}}},
	{"backends", "active_flows", "weir_backend_flows", METRIC_GAUGE,
		"Flows in the tables that go to the backend.",
		{{"pool", "pool"}, {"backend", "name"}}},
	{"ports", "rx_packets", "weir_port_rx_packets_total", METRIC_COUNTER, "Packets received.",
		{{"port", "name"}}},
	{"ports", "rx_bytes", "weir_port_rx_bytes_total", METRIC_COUNTER, "Bytes received.",
		{{"port", "name"}}},
	{"ports", "rx_missed", "weir_port_rx_missed_total", METRIC_COUNTER,
		"Packets that the port could not receive.", {{"port", "name"}}},
	{"ports", "tx_packets", "weir_port_tx_packets_total", METRIC_COUNTER, "Packets sent.",
		{{"port", "name"}}},
	{"ports", "tx_bytes", "weir_port_tx_bytes_total", METRIC_COUNTER, "Bytes sent.",
		{{"port", "name"}}},
	{"ports", "tx_errors", "weir_port_tx_errors_total", METRIC_COUNTER,
		"Packets that the port could not send.", {{"port", "name"}}},
	{"ports", "host_rx_packets", "weir_port_host_rx_packets_total", METRIC_COUNTER,
		"Packets that the host's kernel sent through the port.", {{"port", "name"}}},
	{"ports", "host_tx_packets", "weir_port_host_tx_packets_total", METRIC_COUNTER,
		"Packets from the port handed to the host's kernel.", {{"port", "name"}}},
	{"ports", "host_drops", "weir_port_host_drops_total", METRIC_COUNTER,
		"Packets lost between the port and the host's kernel.", {{"port", "name"}}},
	{"lists", "ranges4", "weir_source_list_ipv4_ranges", METRIC_GAUGE,
		"Disjoint IPv4 ranges of a source list.", {{"list", "name"}}},
	{"lists", "ranges6", "weir_source_list_ipv6_ranges", METRIC_GAUGE,
		"Disjoint IPv6 ranges of a source list.", {{"list", "name"}}},
	{"lists", "bytes", "weir_source_list_bytes", METRIC_GAUGE,
		"Memory of a source list in the dataplane.", {{"list", "name"}}},
	{"workers", "packets", "weir_worker_packets_total", METRIC_COUNTER,
		"Packets that the worker has received.", {{"worker", "name"}, {"port", "port"}}},
	{"workers", "returns_home", "weir_worker_returns_home_total", METRIC_COUNTER,
		"Backends' packets that the port gave to the worker that has their flow.",
		{{"worker", "name"}, {"port", "port"}}},
	{"workers", "steered_in", "weir_worker_steered_in_total", METRIC_COUNTER,
		"Packets that the worker took over from others.",
		{{"worker", "name"}, {"port", "port"}}},
	{"workers", "steered_out", "weir_worker_steered_out_total", METRIC_COUNTER,
		"Packets for flows of other workers.", {{"worker", "name"}, {"port", "port"}}},
	{"workers", "steer_drops", "weir_worker_steer_drops_total", METRIC_COUNTER,
		"Of these, packets that the other worker had no room for.",
		{{"worker", "name"}, {"port", "port"}}},
};

static void
write_counted(struct metrics *metrics, const struct counted_family *family, json_t *stats)
{
	json_t *element;
	size_t i;

	metrics_family(metrics, family->name, family->type, family->help);
	json_array_foreach(json_object_get(stats, family->array), i, element)
	{
		json_t *value = json_object_get(element, family->member);
		struct metric_label labels[2];
		size_t n_labels = 0;

		while (n_labels < 2 && family->labels[n_labels][0]) {
			const char *text = json_string_value(
				json_object_get(element, family->labels[n_labels][1]));

			labels[n_labels].name = family->labels[n_labels][0];
			labels[n_labels].value = text ? text : "";
			n_labels++;
		}
		if (json_is_number(value))
			metrics_sample(metrics, "", labels, n_labels, json_number_value(value));
	}
}

static void
write_number(struct metrics *metrics, const char *name, const char *help, json_t *value)
{
	if (!json_is_number(value))
		return;
	metrics_family(metrics, name, METRIC_GAUGE, help);
	metrics_value(metrics, json_number_value(value), NULL);
}

/* A family with a sample for each number in an object, its name as the label. */
static void
write_named(struct metrics *metrics, const char *name, const char *help, const char *label,
	json_t *numbers)
{
	const char *key;
	json_t *value;

	metrics_family(metrics, name, METRIC_COUNTER, help);
	json_object_foreach(numbers, key, value)
	{
		if (json_is_number(value))
			metrics_value(metrics, json_number_value(value), label, key, NULL);
	}
}

static void
write_stats(struct metrics *metrics, json_t *stats)
{
	json_t *flows = json_object_get(stats, "flows");

	write_number(metrics, "weir_flows", "Flows in the flow tables.",
		json_object_get(flows, "active"));
	write_number(metrics, "weir_flows_max", "Flows that the flow tables have room for.",
		json_object_get(flows, "capacity"));
	write_named(metrics, "weir_verdict_packets_total", "Packets by what became of them.",
		"verdict", json_object_get(stats, "verdicts"));
	write_named(metrics, "weir_flow_events_total", "What happened in the flow tables.", "event",
		json_object_get(stats, "flow_events"));
	write_named(metrics, "weir_probes_total",
		"The host's packets to virtual addresses that were health checks, by what became "
		"of them.",
		"result", json_object_get(stats, "probes"));
	write_named(metrics, "weir_path_events_total",
		"Fragments and ICMP errors, on their way to a verdict.", "event",
		json_object_get(stats, "path_events"));
	for (size_t i = 0; i < sizeof(counted_families) / sizeof(counted_families[0]); i++)
		write_counted(metrics, &counted_families[i], stats);
	metrics_sync_write(metrics, json_object_get(stats, "sync"));
}

void
metrics_page_write(struct metrics *metrics, const struct cluster *cluster, json_t *stats)
{
	const struct cluster_dataplane *dataplane = cluster_dataplane(cluster);
	const struct node *node = cluster_node(cluster);

	process_metrics(metrics, node->name, node_role_name(node->role));
	metrics_family(metrics, "weir_ready", METRIC_GAUGE,
		"1 if this node is fit to hold virtual addresses.");
	metrics_value(metrics, cluster_is_ready(cluster, NULL) ? 1 : 0, NULL);
	metrics_family(metrics, "weir_dataplane_up", METRIC_GAUGE,
		"1 if the control plane is connected to its dataplane.");
	metrics_value(metrics, dataplane->connected ? 1 : 0, NULL);
	metrics_family(metrics, "weir_state_generation", METRIC_GAUGE,
		"Generation of the desired state that the dataplane has accepted.");
	metrics_value(metrics, (double)dataplane->generation, NULL);
	write_routers(metrics, cluster);
	write_backends(metrics, cluster);
	metrics_info_write(metrics, cluster, stats, clock_now_ns());
	if (stats)
		write_stats(metrics, stats);
}

static void
fill(void *ctx, struct metrics *metrics)
{
	struct metrics_page *page = ctx;

	metrics_page_write(metrics, page->cluster, dataplane_client_stats(page->dataplane));
	if (page->checks)
		check_stats_write(metrics, page->checks);
}

void
metrics_page_show_checks(struct metrics_page *page, const struct check_stats *checks)
{
	page->checks = checks;
}

int
metrics_page_new(struct metrics_page **out, uv_loop_t *loop, const struct cluster *cluster,
	const struct dataplane_client *dataplane, struct err *err)
{
	struct metrics_page *page = calloc(1, sizeof(*page));
	int rc;

	if (!page)
		return err_set(err, -ENOMEM, "metrics page: out of memory");
	page->cluster = cluster;
	page->dataplane = dataplane;
	rc = metrics_server_new(
		&page->server, loop, &cluster_node(cluster)->metrics, fill, page, err);
	if (rc < 0) {
		err_prefix(err, "metrics page");
		free(page);
		return rc;
	}
	*out = page;
	return 0;
}

void
metrics_page_free(struct metrics_page *page)
{
	if (!page)
		return;
	metrics_server_free(page->server);
	free(page);
}
