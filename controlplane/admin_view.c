/* SPDX-License-Identifier: BSD-3-Clause */
/* Live state as JSON; see admin_view.h. */
#include "controlplane/admin_view.h"

#include "common/clock.h"
#include "common/plan.h"

#include <string.h>
#include <time.h>

/* What is counted of services and backends. */
static const char *const counters[] = {
	"packets", "bytes", "new_flows", "drops", "active_flows", "return_packets", "return_bytes"};
#define N_COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* A string, or null for "". */
static json_t *
text_or_null(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

static json_t *
addr_or_null(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	if (addr->family == ADDR_NONE)
		return json_null();
	return json_string(addr_format(addr, text, sizeof(text)));
}

static json_t *
seconds_since(uint64_t since_ns, uint64_t now_ns)
{
	uint64_t ms = now_ns > since_ns ? (now_ns - since_ns) / NS_PER_MS : 0;

	return json_real((double)ms / 1000);
}

static json_t *
view_router(const struct cluster_router *router, uint64_t now_ns)
{
	json_t *addresses = json_array();

	for (size_t i = 0; i < router->config->n_addresses; i++)
		json_array_append_new(addresses, addr_or_null(&router->config->addresses[i]));
	return json_pack("{s:s, s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:I, s:o, s:i, s:o}", "name",
		router->config->name, "vrid", (int)router->config->vrid, "state",
		vrrp_state_name(router->state), "priority", (int)router->priority,
		"configured_priority", (int)router->configured_priority, "sync_group",
		text_or_null(router->config->group), "addresses", addresses, "since_s",
		seconds_since(router->since_ns, now_ns), "transitions",
		(json_int_t)router->n_transitions, "master_address", addr_or_null(&router->master),
		"master_priority", (int)router->master_priority, "reason",
		text_or_null(router->why));
}

static json_t *
view_reload(const struct cluster_reload *reload, uint64_t now_ns)
{
	json_t *restart = json_array();

	for (unsigned int i = 0; i < PLAN_N_PROCESSES; i++) {
		if (reload->restart & (1u << i))
			json_array_append_new(restart,
				json_string(plan_process_name((enum plan_process)(1u << i))));
	}
	return json_pack("{s:I, s:I, s:o, s:o, s:o}", "done", (json_int_t)reload->n_done, "failed",
		(json_int_t)reload->n_failed, "since_s", seconds_since(reload->since_ns, now_ns),
		"restart", restart, "problem", text_or_null(reload->problem));
}

/* How the backends are in sum, and what the operator has changed of them. */
static json_t *
summarize_backends(const struct cluster *cluster)
{
	size_t n = 0, n_up = 0, n_drained = 0, n_set = 0;

	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		n += pool->n_backends;
		for (size_t j = 0; j < pool->n_backends; j++) {
			n_up += pool->backends[j].health == HEALTH_UP;
			n_drained += pool->backends[j].drained;
			n_set += pool->backends[j].weight_set;
		}
	}
	return json_pack("{s:I, s:I, s:I, s:I}", "total", (json_int_t)n, "up", (json_int_t)n_up,
		"drained", (json_int_t)n_drained, "weights_set", (json_int_t)n_set);
}

/* The names of pools whose sorry backends serve. */
static json_t *
pools_without_quorum(const struct cluster *cluster)
{
	json_t *names = json_array();

	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		if (pool->quorum_lost)
			json_array_append_new(names, json_string(pool->config->name));
	}
	return names;
}

json_t *
admin_view_status(const struct cluster *cluster, uint64_t now_ns)
{
	const struct cluster_dataplane *dataplane = cluster_dataplane(cluster);
	const char *why = NULL;
	bool ready = cluster_is_ready(cluster, &why);
	json_t *routers = json_array();
	json_t *link = json_pack("{s:b, s:b, s:b, s:I, s:o, s:o}", "up", (int)dataplane->connected,
		"accepted", (int)dataplane->accepted, "ready", (int)dataplane->ready, "generation",
		(json_int_t)dataplane->generation, "since_s",
		seconds_since(dataplane->since_ns, now_ns), "problem",
		text_or_null(dataplane->problem));

	for (size_t i = 0; i < cluster_n_routers(cluster); i++)
		json_array_append_new(routers, view_router(cluster_router(cluster, i), now_ns));
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "node",
		cluster_node(cluster)->name, "cluster", cluster_model(cluster)->cluster, "ready",
		(int)ready, "waiting", text_or_null(ready ? NULL : why), "dataplane", link,
		"reload", view_reload(cluster_reload(cluster), now_ns), "backends",
		summarize_backends(cluster), "pools_without_quorum", pools_without_quorum(cluster),
		"routers", routers);
}

/* The state of the virtual router on this node; "absent" if the node is not a member. */
static const char *
router_state(const struct cluster *cluster, const struct virtual_router *config)
{
	for (size_t i = 0; i < cluster_n_routers(cluster); i++) {
		if (cluster_router(cluster, i)->config == config)
			return vrrp_state_name(cluster_router(cluster, i)->state);
	}
	return "absent";
}

static void
view_persistence(json_t *json, const struct service *service)
{
	const struct persistence_config *config = &service->persistence;
	bool v4 = service->address.family == ADDR_V4;

	if (config->timeout_s > 0)
		json_object_set_new(json, "persistence",
			json_pack("{s:I, s:i}", "timeout_s", (json_int_t)config->timeout_s,
				"prefix", (int)(v4 ? config->prefix4 : config->prefix6)));
}

/* Adds the names of lists, if there are any. */
static void
view_lists(json_t *json, const char *key, const struct service_lists *lists)
{
	json_t *names;

	if (lists->n == 0)
		return;
	names = json_array();
	for (size_t i = 0; i < lists->n; i++)
		json_array_append_new(names, json_string(lists->lists[i]->name));
	json_object_set_new(json, key, names);
}

static size_t
count_up(const struct cluster_pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->n_backends; i++) {
		if (pool->backends[i].health == HEALTH_UP &&
			cluster_backend_weight(&pool->backends[i]) > 0)
			n++;
	}
	return n;
}

static json_t *
view_service(const struct cluster *cluster, const struct service *service, size_t n_up)
{
	const struct model *model = cluster_model(cluster);
	json_t *json;

	json = json_pack("{s:s, s:o, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "name",
		service->name, "address", addr_or_null(&service->address), "port",
		(int)service->port, "protocol", protocol_name(service->protocol), "mode",
		forward_mode_name(service->mode), "scheduler", scheduler_name(service->scheduler),
		"pool", service->pool->name, "router", service->router->name, "router_state",
		router_state(cluster, service->router), "backends",
		(json_int_t)service->pool->n_backends, "backends_up", (json_int_t)n_up);
	view_persistence(json, service);
	if (cluster_pool(cluster, (size_t)(service->pool - model->pools))->quorum_lost)
		json_object_set_new(json, "quorum_lost", json_true());
	if (service->mode == MODE_TUNNEL)
		json_object_set_new(json, "tunnel", tunnel_encode(&service->tunnel));
	if (service->mss)
		json_object_set_new(json, "mss", json_integer(service->mss));
	view_lists(json, "block", &service->block);
	view_lists(json, "allow", &service->allow);
	return json;
}

json_t *
admin_view_services(const struct cluster *cluster, const char *name)
{
	const struct model *model = cluster_model(cluster);
	json_t *services = json_array();
	const struct pool *pool = NULL; /* Of the service before; many may share one. */
	size_t n_up = 0;

	for (size_t i = 0; i < model->n_services; i++) {
		const struct service *service = &model->services[i];

		if (name && strcmp(name, service->name) != 0)
			continue;
		if (service->pool != pool) {
			pool = service->pool;
			n_up = count_up(cluster_pool(cluster, (size_t)(pool - model->pools)));
		}
		json_array_append_new(services, view_service(cluster, service, n_up));
	}
	return services;
}

static json_t *
view_backend(
	const struct cluster_pool *pool, const struct cluster_backend *backend, uint64_t now_ns)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:b, s:b, s:i, s:i, s:o, s:o, s:o, s:I, s:I, s:I}",
		"pool", pool->config->name, "backend", backend->config->name, "address",
		addr_or_null(&backend->config->addr), "state", cluster_backend_state_name(backend),
		"drained", (int)backend->drained, "sorry", (int)backend->config->sorry, "weight",
		(int)cluster_backend_weight(backend), "configured_weight",
		(int)backend->config->weight, "set_weight",
		backend->weight_set ? json_integer(backend->weight) : json_null(), "reason",
		text_or_null(backend->why), "since_s", seconds_since(backend->since_ns, now_ns),
		"changes", (json_int_t)backend->n_changes, "resets",
		(json_int_t)backend->signs.n_resets, "unreachables",
		(json_int_t)backend->signs.n_unreachables);
}

json_t *
admin_view_backends(
	const struct cluster *cluster, const char *pool_name, const char *name, uint64_t now_ns)
{
	json_t *backends = json_array();

	for (size_t i = 0; i < cluster_n_pools(cluster); i++) {
		const struct cluster_pool *pool = cluster_pool(cluster, i);

		if (pool_name && strcmp(pool_name, pool->config->name) != 0)
			continue;
		for (size_t j = 0; j < pool->n_backends; j++) {
			const struct cluster_backend *backend = &pool->backends[j];

			if (!name || strcmp(name, backend->config->name) == 0)
				json_array_append_new(
					backends, view_backend(pool, backend, now_ns));
		}
	}
	return backends;
}

/* As RFC 3339 has it, in UTC. */
static json_t *
time_of_day(uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	char date[32], text[64];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", date,
		(unsigned int)(wall_ns % NS_PER_S / NS_PER_MS));
	return json_string(text);
}

/* A reload may have removed the router. */
static const char *
router_name(const struct cluster *cluster, size_t router)
{
	if (router == TRANSITION_GONE)
		return "(removed)";
	return cluster_router(cluster, router)->config->name;
}

json_t *
admin_view_history(const struct cluster *cluster, const char *router, size_t limit, uint64_t now_ns,
	uint64_t wall_ns)
{
	const struct history *history = cluster_history(cluster);
	json_t *transitions = json_array();

	for (size_t i = history_n(history); i > 0 && json_array_size(transitions) < limit; i--) {
		const struct transition *transition = history_at(history, i - 1);
		const char *name = router_name(cluster, transition->router);
		uint64_t age_ns = now_ns - transition->at_ns;

		if (router && strcmp(router, name) != 0)
			continue;
		json_array_insert_new(transitions, 0,
			json_pack("{s:o, s:o, s:s, s:s, s:s, s:o}", "time",
				time_of_day(wall_ns - age_ns), "age_s",
				seconds_since(transition->at_ns, now_ns), "router", name, "from",
				vrrp_state_name(transition->from), "to",
				vrrp_state_name(transition->to), "reason",
				text_or_null(transition->why)));
	}
	return transitions;
}

static void
add_counters(json_t *object, json_t *counted)
{
	for (size_t i = 0; i < N_COUNTERS; i++) {
		json_t *value = json_object_get(counted, counters[i]);

		if (json_is_integer(value))
			json_object_set(object, counters[i], value);
	}
}

/* The member of 'object' whose name is the string 'name'; NULL if there is none. */
static json_t *
find(json_t *object, json_t *name)
{
	return json_is_string(name) ? json_object_get(object, json_string_value(name)) : NULL;
}

void
admin_view_count_services(json_t *services, json_t *stats)
{
	json_t *by_name = json_object();
	json_t *service, *counted;
	size_t i;

	json_array_foreach(services, i, service) json_object_set(
		by_name, json_string_value(json_object_get(service, "name")), service);
	json_array_foreach(json_object_get(stats, "services"), i, counted)
	{
		service = find(by_name, json_object_get(counted, "name"));
		if (service)
			add_counters(service, counted);
	}
	json_decref(by_name);
}

/* "pool/backend" of an object, for look-up: names cannot contain the slash. */
#define POOL_AND_BACKEND_SIZE (2 * CONTROL_NAME_SIZE)

static const char *
join(char *buf, json_t *object, const char *backend_key)
{
	const char *pool = json_string_value(json_object_get(object, "pool"));
	const char *backend = json_string_value(json_object_get(object, backend_key));

	snprintf(buf, POOL_AND_BACKEND_SIZE, "%s/%s", pool ? pool : "", backend ? backend : "");
	return buf;
}

void
admin_view_count_backends(json_t *backends, json_t *stats)
{
	json_t *by_name = json_object();
	char buf[POOL_AND_BACKEND_SIZE];
	json_t *backend, *counted;
	size_t i;

	json_array_foreach(backends, i, backend)
		json_object_set(by_name, join(buf, backend, "backend"), backend);
	json_array_foreach(json_object_get(stats, "backends"), i, counted)
	{
		backend = json_object_get(by_name, join(buf, counted, "name"));
		if (backend)
			add_counters(backend, counted);
	}
	json_decref(by_name);
}
