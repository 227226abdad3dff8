/* SPDX-License-Identifier: BSD-3-Clause */
/* Showing counters and flows; see show.h. */
#include "dataplane/show.h"

#include "common/clock.h"
#include "common/control.h"
#include "common/json_field.h"
#include "dataplane/dataplane.h"
#include "dataplane/exception_probes.h"
#include "dataplane/flow.h"
#include "dataplane/show_state.h"
#include "dataplane/snapshot.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_LIMIT_MAX 10000

/* Flows taken from a table at a time. */
#define VIEWS 256

static json_t *
integer(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static const struct stats *
stats_of(const struct dataplane *dataplane, unsigned int worker)
{
	return pipeline_stats(worker_pipeline(dataplane->workers[worker]));
}

static json_t *
show_verdicts(const struct dataplane *dataplane)
{
	json_t *out = json_object();

	for (unsigned int v = 0; v < N_VERDICTS; v++) {
		uint64_t n = 0;

		for (unsigned int w = 0; w < dataplane->n_workers; w++)
			n += stats_read(&stats_of(dataplane, w)->verdicts[v]);
		json_object_set_new(out, verdict_name((enum verdict)v), integer(n));
	}
	return out;
}

static json_t *
show_flow_events(const struct dataplane *dataplane)
{
	json_t *out = json_object();

	for (unsigned int e = 0; e < N_FLOW_EVENTS; e++) {
		uint64_t n = 0;

		for (unsigned int w = 0; w < dataplane->n_workers; w++)
			n += stats_read(&stats_of(dataplane, w)->flow_events[e]);
		json_object_set_new(out, flow_event_name((enum flow_event)e), integer(n));
	}
	return out;
}

static json_t *
show_path_events(const struct dataplane *dataplane)
{
	json_t *out = json_object();

	for (unsigned int e = 0; e < N_PATH_EVENTS; e++) {
		uint64_t n = 0;

		for (unsigned int w = 0; w < dataplane->n_workers; w++)
			n += stats_read(&stats_of(dataplane, w)->path_events[e]);
		json_object_set_new(out, path_event_name((enum path_event)e), integer(n));
	}
	return out;
}

static json_t *
show_flow_count(const struct dataplane *dataplane)
{
	uint64_t n = 0, capacity = dataplane->node->lb.n_flows;

	capacity *= dataplane->n_workers;
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		n += flow_count(pipeline_flows(worker_pipeline(dataplane->workers[w])));
	return json_pack("{s:I, s:I}", "active", (json_int_t)n, "capacity", (json_int_t)capacity);
}

/* What a "stats" request is about. NULL: everything. */
struct stats_query {
	const char *service;
	const char *backend;
};

/* Whether it is about a thing called 'name' that 'wanted' may name; 'other' names another kind. */
static bool
is_asked_for(const char *name, const char *wanted, const char *other)
{
	return wanted ? strcmp(name, wanted) == 0 : !other;
}

static json_t *
show_services(const struct dataplane *dataplane, const struct stats_query *query)
{
	json_t *out = json_array();
	size_t n = 0;
	const struct snapshot_service *services =
		dataplane->shared.snapshot ? snapshot_services(dataplane->shared.snapshot, &n)
					   : NULL;

	for (size_t i = 0; i < n; i++) {
		struct service_stats sum = {0};

		if (!is_asked_for(services[i].name, query->service, query->backend))
			continue;
		for (unsigned int w = 0; w < dataplane->n_workers; w++) {
			const struct service_stats *part =
				&stats_of(dataplane, w)->services[services[i].id];

			sum.n_packets += stats_read(&part->n_packets);
			sum.n_bytes += stats_read(&part->n_bytes);
			sum.n_new_flows += stats_read(&part->n_new_flows);
			sum.n_drops += stats_read(&part->n_drops);
			sum.n_return_packets += stats_read(&part->n_return_packets);
			sum.n_return_bytes += stats_read(&part->n_return_bytes);
		}
		json_array_append_new(
			out, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
				     services[i].name, "packets", (json_int_t)sum.n_packets,
				     "bytes", (json_int_t)sum.n_bytes, "new_flows",
				     (json_int_t)sum.n_new_flows, "drops", (json_int_t)sum.n_drops,
				     "return_packets", (json_int_t)sum.n_return_packets,
				     "return_bytes", (json_int_t)sum.n_return_bytes));
	}
	return out;
}

/* How many flows are noted for each backend, by id: they are on the way into the flow table, and
 * whoever waits for the last flow of a backend waits for them, too. */
static uint32_t *
count_noted(const struct dataplane *dataplane)
{
	uint32_t *counts = calloc(STATS_BACKENDS_MAX, sizeof(*counts));
	uint64_t now_ns = clock_now_ns();

	for (unsigned int w = 0; counts && w < dataplane->n_workers; w++)
		pipeline_count_noted(worker_pipeline(dataplane->workers[w]), now_ns, counts);
	return counts;
}

static json_t *
show_backends(const struct dataplane *dataplane, const struct stats_query *query)
{
	json_t *out = json_array();
	size_t n = 0;
	const struct snapshot_backend *backends =
		dataplane->shared.snapshot ? snapshot_backends(dataplane->shared.snapshot, &n)
					   : NULL;
	uint32_t *noted = count_noted(dataplane);

	for (size_t i = 0; noted && i < n; i++) {
		struct backend_stats sum = {.n_active = noted[backends[i].id]};
		char addr[ADDR_TEXT_SIZE];

		if (!is_asked_for(backends[i].name, query->backend, query->service))
			continue;
		for (unsigned int w = 0; w < dataplane->n_workers; w++) {
			const struct backend_stats *part =
				&stats_of(dataplane, w)->backends[backends[i].id];

			sum.n_packets += stats_read(&part->n_packets);
			sum.n_bytes += stats_read(&part->n_bytes);
			sum.n_new_flows += stats_read(&part->n_new_flows);
			sum.n_active += stats_read(&part->n_active);
		}
		json_array_append_new(
			out, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "pool",
				     backends[i].pool, "name", backends[i].name, "address",
				     addr_format(&backends[i].addr, addr, sizeof(addr)), "packets",
				     (json_int_t)sum.n_packets, "bytes", (json_int_t)sum.n_bytes,
				     "new_flows", (json_int_t)sum.n_new_flows, "active_flows",
				     (json_int_t)sum.n_active));
	}
	free(noted);
	return out;
}

static json_t *
show_port(const struct dataplane *dataplane, uint16_t index)
{
	const struct port *port = &dataplane->ports[index];
	struct port_stats stats = {0};
	struct exception_stats host;

	port_stats(port, &stats);
	exception_stats(dataplane->exceptions[index], &host);
	host.n_drops += worker_n_inject_drops(dataplane->first_workers[index]);
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
		port->name, "up", port_is_up(port), "rx_packets", (json_int_t)stats.rx_packets,
		"rx_bytes", (json_int_t)stats.rx_bytes, "rx_missed", (json_int_t)stats.rx_missed,
		"tx_packets", (json_int_t)stats.tx_packets, "tx_bytes", (json_int_t)stats.tx_bytes,
		"tx_errors", (json_int_t)stats.tx_errors, "host_rx_packets",
		(json_int_t)host.n_from_host, "host_tx_packets", (json_int_t)host.n_to_host,
		"host_drops", (json_int_t)host.n_drops);
}

static json_t *
show_routers(const struct dataplane *dataplane)
{
	uint64_t now_ns = clock_now_ns();
	json_t *out = json_array();
	size_t n = 0;
	const struct snapshot_router *routers =
		dataplane->shared.snapshot ? snapshot_routers(dataplane->shared.snapshot, &n)
					   : NULL;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			out, json_pack("{s:s, s:b}", "name", routers[i].name, "held",
				     lease_held(dataplane->leases, routers[i].lease, now_ns)));
	return out;
}

json_t *
show_sync(void *ctx, json_t *params, struct err *err)
{
	const struct dataplane *dataplane = ctx;

	(void)params;
	(void)err;
	return json_pack("{s:o}", "sync", sync_show(dataplane->sync));
}

json_t *
show_stats(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"service", "backend", NULL};
	const struct dataplane *dataplane = ctx;
	const struct snapshot *snapshot = dataplane->shared.snapshot;
	const struct stats_query query = {
		.service = json_string_value(json_object_get(params, "service")),
		.backend = json_string_value(json_object_get(params, "backend")),
	};
	json_t *ports;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	ports = json_array();
	for (uint16_t i = 0; i < dataplane->n_ports; i++)
		json_array_append_new(ports, show_port(dataplane, i));
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"generation", (json_int_t)(snapshot ? snapshot_generation(snapshot) : 0), "flows",
		show_flow_count(dataplane), "verdicts", show_verdicts(dataplane), "flow_events",
		show_flow_events(dataplane), "path_events", show_path_events(dataplane), "services",
		show_services(dataplane, &query), "backends", show_backends(dataplane, &query),
		"ports", ports, "routers", show_routers(dataplane), "lists",
		show_source_lists(snapshot), "flow_timeouts", show_flow_timeouts(snapshot),
		"workers", show_workers(dataplane), "probes",
		exception_probes_show(dataplane->probes), "sync", sync_show(dataplane->sync));
}

/* What a "flows" request asks for, and what it found. */
struct flow_query {
	uint64_t limit;
	const char *service;   /* NULL: any. */
	const char *backend;   /* NULL: any. */
	struct prefix client;  /* Its family ADDR_NONE: any. */
	uint8_t protocol;      /* 0: any. */
	enum flow_state state; /* FLOW_FREE: any. */
	uint64_t n_found;
	json_t *flows;
};

static int
read_protocol(json_t *params, uint8_t *out, struct err *err)
{
	enum protocol protocol;
	char text[16];
	int rc = json_field_text(params, "protocol", text, sizeof(text), err);

	if (rc == 0)
		rc = protocol_parse(text, &protocol, err);
	if (rc == 0)
		*out = (uint8_t)protocol;
	return rc;
}

static int
read_state(json_t *params, enum flow_state *out, struct err *err)
{
	char text[16], all[128] = "";
	int rc = json_field_text(params, "state", text, sizeof(text), err);

	if (rc < 0)
		return rc;
	for (unsigned int state = FLOW_FREE + 1; state < N_FLOW_STATES; state++) {
		const char *name = flow_state_name((enum flow_state)state);
		size_t size = strlen(all);

		if (strcmp(name, text) == 0) {
			*out = (enum flow_state)state;
			return 0;
		}
		snprintf(all + size, sizeof(all) - size, "%s%s", size > 0 ? ", " : "", name);
	}
	return err_set(err, -EINVAL, "state: '%s' is not a state of flows: choose %s", text, all);
}

static int
read_query(json_t *params, struct flow_query *query, struct err *err)
{
	static const char *const keys[] = {
		"limit", "service", "client", "backend", "protocol", "state", NULL};
	int rc = json_fields_known(params, keys, err);

	*query = (struct flow_query){
		.service = json_string_value(json_object_get(params, "service")),
		.backend = json_string_value(json_object_get(params, "backend")),
	};
	if (rc == 0)
		rc = json_field_integer(params, "limit", 1, FLOWS_LIMIT_MAX, &query->limit, err);
	if (rc == 0 && json_object_get(params, "client"))
		rc = json_field_prefix(params, "client", &query->client, err);
	if (rc == 0 && json_object_get(params, "protocol"))
		rc = read_protocol(params, &query->protocol, err);
	if (rc == 0 && json_object_get(params, "state"))
		rc = read_state(params, &query->state, err);
	return rc;
}

static json_t *
encode_flow(const struct flow_view *view, const struct snapshot_vip *vip,
	const struct snapshot_service *service, const struct snapshot_backend *backend)
{
	struct endpoint client = {.addr = view->client, .port = view->client_port};
	struct endpoint virtual = {.port = view->vip_port};
	char client_text[ENDPOINT_TEXT_SIZE], virtual_text[ENDPOINT_TEXT_SIZE];
	char address[ADDR_TEXT_SIZE];

	if (vip)
		virtual.addr = vip->addr;
	return json_pack("{s:s?, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s, s:I}", "service",
		service ? service->name : NULL, "protocol",
		protocol_name((enum protocol)view->protocol), "client",
		endpoint_format(&client, client_text, sizeof(client_text)), "virtual",
		endpoint_format(&virtual, virtual_text, sizeof(virtual_text)), "pool",
		backend ? backend->pool : NULL, "backend", backend ? backend->name : NULL,
		"address", backend ? addr_format(&backend->addr, address, sizeof(address)) : NULL,
		"state", flow_state_name(view->state), "idle_ms", (json_int_t)view->idle_ms);
}

/* Whether the flow is of the protocol and in the state that are asked for. */
static bool
is_of_kind(const struct flow_query *query, const struct flow_view *view)
{
	return (query->protocol == 0 || query->protocol == view->protocol) &&
	       (query->state == FLOW_FREE || query->state == view->state);
}

static void
take_flow(struct flow_query *query, const struct snapshot *snapshot, const struct flow_view *view)
{
	const struct snapshot_vip *vip = snapshot_vip_by_id(snapshot, view->vip);
	const struct snapshot_backend *backend = snapshot_backend_by_id(snapshot, view->backend);
	const struct snapshot_service *service =
		vip ? snapshot_service_find(snapshot, &vip->addr, view->vip_port, view->protocol)
		    : NULL;

	if (!is_of_kind(query, view))
		return;
	if (query->service && (!service || strcmp(query->service, service->name) != 0))
		return;
	if (query->backend && (!backend || strcmp(query->backend, backend->name) != 0))
		return;
	if (query->client.addr.family != ADDR_NONE && !prefix_covers(&query->client, &view->client))
		return;
	if (query->n_found < query->limit)
		json_array_append_new(query->flows, encode_flow(view, vip, service, backend));
	query->n_found++;
}

json_t *
show_flows(void *ctx, json_t *params, struct err *err)
{
	const struct dataplane *dataplane = ctx;
	const struct snapshot *snapshot = dataplane->shared.snapshot;
	uint64_t now_ns = clock_now_ns();
	struct flow_view views[VIEWS];
	struct flow_query query;

	if (read_query(params, &query, err) < 0)
		return NULL;
	query.flows = json_array();
	for (unsigned int w = 0; snapshot && w < dataplane->n_workers; w++) {
		const struct flow_table *table =
			pipeline_flows(worker_pipeline(dataplane->workers[w]));
		uint32_t cursor = 0, n;

		while ((n = flow_list(table, now_ns, &cursor, views, VIEWS)) > 0) {
			for (uint32_t i = 0; i < n; i++)
				take_flow(&query, snapshot, &views[i]);
		}
	}
	return json_pack("{s:I, s:o}", "total", (json_int_t)query.n_found, "flows", query.flows);
}
