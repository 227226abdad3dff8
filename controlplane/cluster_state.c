/* SPDX-License-Identifier: BSD-3-Clause */
/* The desired state: what the dataplane is told of the model and of what has become of it. */
#include "controlplane/cluster.h"
#include "controlplane/vrrp_packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
set_name(char name[static CONTROL_NAME_SIZE], const char *text)
{
	snprintf(name, CONTROL_NAME_SIZE, "%s", text);
}

static bool
is_member(const struct cluster *cluster, const struct virtual_router *router)
{
	for (size_t i = 0; i < cluster_n_routers(cluster); i++) {
		if (cluster_router(cluster, i)->config == router)
			return true;
	}
	return false;
}

/* The arrays hold what is complete, so that control_state_free() can free a half-made state. */
static bool
add_routers(const struct cluster *cluster, struct control_state *state)
{
	size_t n = cluster_n_routers(cluster);

	state->routers = calloc(n + 1, sizeof(*state->routers));
	for (size_t i = 0; state->routers && i < n; i++) {
		const struct virtual_router *config = cluster_router(cluster, i)->config;
		struct control_router *router = &state->routers[i];

		set_name(router->name, config->name);
		set_name(router->port, config->port);
		router->addresses = calloc(config->n_addresses + 1, sizeof(*router->addresses));
		if (!router->addresses)
			return false;
		state->n_routers++;
		router->n_addresses = config->n_addresses;
		router->vrid = config->virtual_mac ? config->vrid : 0;
		/* An owner always answers (RFC 9568 6.1, Accept_Mode). */
		router->accept =
			config->accept ||
			cluster_router(cluster, i)->configured_priority == VRRP_PRIORITY_OWNER;
		memcpy(router->addresses, config->addresses,
			config->n_addresses * sizeof(*router->addresses));
		router->locals = calloc(config->n_locals + 1, sizeof(*router->locals));
		if (!router->locals)
			return false;
		router->n_locals = config->n_locals;
		for (size_t j = 0; j < config->n_locals; j++)
			router->locals[j] = config->locals[j];
	}
	return state->routers != NULL;
}

static bool
add_pools(const struct cluster *cluster, struct control_state *state)
{
	size_t n = cluster_n_pools(cluster);

	state->pools = calloc(n + 1, sizeof(*state->pools));
	for (size_t i = 0; state->pools && i < n; i++) {
		const struct cluster_pool *from = cluster_pool(cluster, i);
		struct control_pool *pool = &state->pools[i];

		set_name(pool->name, from->config->name);
		pool->backends = calloc(from->n_backends + 1, sizeof(*pool->backends));
		if (!pool->backends)
			return false;
		state->n_pools++;
		pool->n_backends = from->n_backends;
		for (size_t j = 0; j < from->n_backends; j++) {
			const struct cluster_backend *backend = &from->backends[j];

			set_name(pool->backends[j].name, backend->config->name);
			pool->backends[j].addr = backend->config->addr;
			pool->backends[j].port = backend->config->port;
			pool->backends[j].weight = cluster_backend_weight(backend);
			pool->backends[j].up = backend->health == HEALTH_UP;
			pool->backends[j].max_flows = backend->config->max_flows;
		}
	}
	return state->pools != NULL;
}

static struct control_lists
indices_of(const struct model *model, const struct service_lists *from)
{
	struct control_lists lists = {.n = (uint8_t)from->n};

	for (size_t i = 0; i < from->n; i++)
		lists.lists[i] = (uint8_t)(from->lists[i] - model->lists);
	return lists;
}

static bool
add_lists(const struct cluster *cluster, struct control_state *state)
{
	const struct model *model = cluster_model(cluster);

	state->lists = calloc(model->n_lists + 1, sizeof(*state->lists));
	for (size_t i = 0; state->lists && i < model->n_lists; i++) {
		const struct source_list *config = &model->lists[i];
		struct control_list *list = &state->lists[i];

		set_name(list->name, config->name);
		list->content.prefixes =
			calloc(config->n_prefixes + 1, sizeof(*list->content.prefixes));
		list->file = config->file ? strdup(config->file) : NULL;
		state->n_lists++;
		if (!list->content.prefixes || (config->file && !list->file))
			return false;
		list->content.n = config->n_prefixes;
		if (config->n_prefixes > 0)
			memcpy(list->content.prefixes, config->prefixes,
				config->n_prefixes * sizeof(*list->content.prefixes));
		snprintf(list->stamp, sizeof(list->stamp), "%s", config->stamp);
	}
	return state->lists != NULL;
}

static bool
add_services(const struct cluster *cluster, struct control_state *state)
{
	const struct model *model = cluster_model(cluster);

	state->services = calloc(model->n_services + 1, sizeof(*state->services));
	for (size_t i = 0; state->services && i < model->n_services; i++) {
		const struct service *config = &model->services[i];
		struct control_service *service = &state->services[state->n_services];

		if (!is_member(cluster, config->router))
			continue;
		set_name(service->name, config->name);
		service->address = config->address;
		service->port = config->port;
		service->protocol = (uint8_t)config->protocol;
		service->mode = (uint8_t)config->mode;
		service->scheduler = (uint8_t)config->scheduler;
		service->pool = (uint32_t)(config->pool - model->pools);
		service->persistence_timeout_s = config->persistence.timeout_s;
		service->persistence_prefix = config->address.family == ADDR_V4
						      ? config->persistence.prefix4
						      : config->persistence.prefix6;
		service->limits = config->limits;
		service->mss = config->mss;
		service->tunnel = config->tunnel;
		service->block = indices_of(model, &config->block);
		service->allow = indices_of(model, &config->allow);
		service->client_address = (uint8_t)config->client_address;
		service->syn_cookies = config->syn_cookies;
		service->probe_port = config->probe_port;
		state->n_services++;
	}
	return state->services != NULL;
}

/* Of the node's own ports only: two nodes never share a local address. */
static bool
add_locals(const struct cluster *cluster, struct control_state *state)
{
	const struct lb_node *lb = &cluster_node(cluster)->lb;

	state->locals = calloc(lb->n_ports + 1, sizeof(*state->locals));
	for (size_t i = 0; state->locals && i < lb->n_ports; i++) {
		const struct lb_port *port = &lb->ports[i];
		struct control_local *local = &state->locals[state->n_locals];

		if (port->n_locals == 0)
			continue;
		set_name(local->port, port->name);
		local->addresses = calloc(port->n_locals, sizeof(*local->addresses));
		if (!local->addresses)
			return false;
		memcpy(local->addresses, port->locals, port->n_locals * sizeof(*local->addresses));
		local->n_addresses = port->n_locals;
		state->n_locals++;
	}
	return state->locals != NULL;
}

struct control_state *
cluster_build_state(const struct cluster *cluster, uint64_t generation)
{
	struct control_state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->generation = generation;
	state->flow_timeouts = cluster_model(cluster)->flow_timeouts;
	state->sync = *cluster_sync(cluster);
	if (add_routers(cluster, state) && add_pools(cluster, state) &&
		add_services(cluster, state) && add_locals(cluster, state) &&
		add_lists(cluster, state))
		return state;
	control_state_free(state);
	return NULL;
}
