/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of what things are; see metrics_info.h. What has no number is a label of a sample that is
 * always 1, to be joined with others by the name. */
#include "controlplane/metrics_info.h"

#include "common/clock.h"

#include <stdio.h>
#include <string.h>

static double
seconds_since(uint64_t since_ns, uint64_t now_ns)
{
	return now_ns > since_ns ? (double)(now_ns - since_ns) / (double)NS_PER_S : 0;
}

static void
write_service_info(struct metrics *metrics, const struct model *model)
{
	metrics_family(metrics, "weir_service_info", METRIC_GAUGE,
		"What a service is; always 1. Port 0 stands for any.");
	for (size_t i = 0; i < model->n_services; i++) {
		const struct service *service = &model->services[i];
		char address[ADDR_TEXT_SIZE], port[8];

		snprintf(port, sizeof(port), "%u", service->port);
		metrics_value(metrics, 1, "service", service->name, "address",
			addr_format(&service->address, address, sizeof(address)), "port", port,
			"protocol", protocol_name(service->protocol), "mode",
			forward_mode_name(service->mode), "scheduler",
			scheduler_name(service->scheduler), "pool", service->pool->name, "router",
			service->router->name, NULL);
	}
}

static void
write_backend_info(struct metrics *metrics, const struct cluster *cluster)
{
	metrics_family(metrics, "weir_backend_info", METRIC_GAUGE,
		"What a backend is, and its state in a word; always 1.");
	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		for (size_t j = 0; j < pool->n_backends; j++) {
			const struct cluster_backend *backend = &pool->backends[j];
			char address[ADDR_TEXT_SIZE];

			metrics_value(metrics, 1, "pool", pool->config->name, "backend",
				backend->config->name, "address",
				addr_format(&backend->config->addr, address, sizeof(address)),
				"state", cluster_backend_state_name(backend), NULL);
		}
	}
}

static void
write_ages(struct metrics *metrics, const struct cluster *cluster, uint64_t now_ns)
{
	metrics_family(metrics, "weir_vrrp_state_age_seconds", METRIC_GAUGE,
		"How long the virtual router has been in its state.");
	for (size_t i = 0; i < cluster_n_routers(cluster); i++) {
		const struct cluster_router *router = cluster_router(cluster, i);

		metrics_value(metrics, seconds_since(router->since_ns, now_ns), "router",
			router->config->name, NULL);
	}
	metrics_family(metrics, "weir_backend_state_age_seconds", METRIC_GAUGE,
		"How long the backend has been in its state.");
	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		for (size_t j = 0; j < pool->n_backends; j++)
			metrics_value(metrics, seconds_since(pool->backends[j].since_ns, now_ns),
				"pool", pool->config->name, "backend",
				pool->backends[j].config->name, NULL);
	}
}

static void
write_dataplane(struct metrics *metrics, const struct cluster_dataplane *dataplane)
{
	metrics_family(metrics, "weir_dataplane_accepted", METRIC_GAUGE,
		"1 if the dataplane has taken the configuration.");
	metrics_value(metrics, dataplane->accepted ? 1 : 0, NULL);
	metrics_family(metrics, "weir_dataplane_ready", METRIC_GAUGE,
		"1 if the dataplane could forward to all backends that are up.");
	metrics_value(metrics, dataplane->ready ? 1 : 0, NULL);
}

static void
write_ports(struct metrics *metrics, json_t *stats)
{
	json_t *port;
	size_t i;

	metrics_family(metrics, "weir_port_up", METRIC_GAUGE, "1 if the port has a link.");
	json_array_foreach(json_object_get(stats, "ports"), i, port)
	{
		const char *name = json_string_value(json_object_get(port, "name"));

		metrics_value(metrics, json_is_true(json_object_get(port, "up")) ? 1 : 0, "port",
			name ? name : "", NULL);
	}
}

/* The members of 'timeouts' end with "_ms". */
static void
write_timeouts(struct metrics *metrics, json_t *timeouts)
{
	const char *name;
	json_t *value;

	metrics_family(metrics, "weir_flow_timeout_seconds", METRIC_GAUGE,
		"How long a flow may be silent before it is forgotten.");
	json_object_foreach(timeouts, name, value)
	{
		char state[32];
		size_t size = strlen(name);

		if (size > 3 && strcmp(name + size - 3, "_ms") == 0)
			size -= 3;
		snprintf(state, sizeof(state), "%.*s", (int)size, name);
		metrics_value(
			metrics, (double)json_integer_value(value) / 1000, "state", state, NULL);
	}
}

void
metrics_info_write(
	struct metrics *metrics, const struct cluster *cluster, json_t *stats, uint64_t now_ns)
{
	write_service_info(metrics, cluster_model(cluster));
	write_backend_info(metrics, cluster);
	write_ages(metrics, cluster, now_ns);
	write_dataplane(metrics, cluster_dataplane(cluster));
	if (!stats)
		return;
	write_ports(metrics, stats);
	write_timeouts(metrics, json_object_get(stats, "flow_timeouts"));
}
