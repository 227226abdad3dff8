/* SPDX-License-Identifier: BSD-3-Clause */
/* The view as JSON (for the page and for programs) and as metrics; see view.h. */
#include "monitor/view_state.h"

static const char *const state_names[] = {
	[VIEW_UNKNOWN] = "unknown",
	[VIEW_OK] = "ok",
	[VIEW_WARNING] = "warning",
	[VIEW_FAILED] = "failed",
};

const char *
view_state_name(enum view_state state)
{
	return state_names[state];
}

/* Adds state, reason and age to an object. */
static void
add_item(json_t *json, const struct view_item *item, struct view_time time)
{
	uint64_t age_ms =
		time.wall_ms > item->since_wall_ms ? time.wall_ms - item->since_wall_ms : 0;

	json_object_set_new(json, "state", json_string(view_state_name(item->state)));
	json_object_set_new(json, "reason", json_string(item->reason));
	json_object_set_new(json, "since_ms", json_integer((json_int_t)item->since_wall_ms));
	json_object_set_new(json, "for_s", json_real((double)age_ms / 1000));
}

static json_t *
addr_json(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return json_string(addr_format(addr, text, sizeof(text)));
}

static json_t *
database_json(const struct view_node *node)
{
	json_t *json;

	if (!node->db.is_known)
		return json_null();
	json = json_pack("{s:b, s:b, s:s}", "read_only", node->db.is_read_only, "replica",
		node->db.is_replica, "gtid", node->db.gtid);
	json_object_set_new(json, "lag_s",
		node->db.is_replica && node->db.lag_s >= 0 ? json_integer(node->db.lag_s)
							   : json_null());
	return json;
}

static json_t *
nodes_json(const struct view *view, struct view_time time)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_nodes; i++) {
		const struct view_node *node = &view->nodes[i];
		json_t *json = json_pack("{s:s, s:s, s:f, s:f}", "name", node->node->name, "role",
			node_role_name(node->node->role), "answer_ms", (double)node->took_us / 1000,
			"rate", node->rate);

		add_item(json, &node->item, time);
		if (node->node->role == ROLE_DB)
			json_object_set_new(json, "database", database_json(node));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *
edges_json(const struct view *view, struct view_time time)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_edges; i++) {
		const struct view_edge *edge = &view->edges[i];
		json_t *json = json_pack("{s:s, s:s, s:s}", "from", edge->from, "to", edge->to,
			"kind", view_edge_kind_name(edge->kind));

		add_item(json, &edge->item, time);
		if (edge->kind == EDGE_HOLDS)
			json_object_set_new(json, "active", json_boolean(edge->is_active));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *
holders_json(const struct view *view, size_t router)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_nodes; i++) {
		if (view->nodes[i].holds && view->nodes[i].holds[router])
			json_array_append_new(list, json_string(view->nodes[i].node->name));
	}
	return list;
}

static json_t *
routers_json(const struct view *view, struct view_time time)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_routers; i++) {
		const struct virtual_router *router = view->routers[i].router;
		json_t *json = json_pack("{s:s, s:i}", "name", router->name, "vrid", router->vrid);
		json_t *addresses = json_array();

		for (size_t j = 0; j < router->n_addresses; j++)
			json_array_append_new(addresses, addr_json(&router->addresses[j]));
		json_object_set_new(json, "addresses", addresses);
		json_object_set_new(json, "holders", holders_json(view, i));
		add_item(json, &view->routers[i].item, time);
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *
site_json(const struct view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < view->n_site; i++) {
		const struct view_site_address *site = &view->site[i];

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:s, s:f}", "address", addr_json(&site->addr),
				      "state", view_state_name(site->state), "reason", site->reason,
				      "total_ms", (double)site->total_us / 1000));
	}
	return json_pack("{s:s?, s:s?, s:f, s:o}", "name", view->model->site, "url",
		view->model->monitor.probe_url, "dns_ms", (double)view->dns_us / 1000, "addresses",
		list);
}

/* Newest first. */
static json_t *
events_json(const struct view *view)
{
	uint64_t n = view->n_events < VIEW_EVENTS_MAX ? view->n_events : VIEW_EVENTS_MAX;
	json_t *list = json_array();

	for (uint64_t i = 0; i < n; i++) {
		const struct view_event *event =
			&view->events[(view->n_events - 1 - i) % VIEW_EVENTS_MAX];

		json_array_append_new(
			list, json_pack("{s:I, s:s, s:s, s:s, s:s}", "time_ms",
				      (json_int_t)event->wall_ms, "subject", event->subject, "from",
				      view_state_name(event->from), "to",
				      view_state_name(event->to), "reason", event->reason));
	}
	return list;
}

json_t *
view_json(const struct view *view, struct view_time time)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "cluster",
		view->model->cluster, "monitor", view->self->name, "version",
		(json_int_t)view->version, "time_ms", (json_int_t)time.wall_ms, "nodes",
		nodes_json(view, time), "edges", edges_json(view, time), "routers",
		routers_json(view, time), "site", site_json(view), "events", events_json(view),
		"services", view_services_json(view), "n_services",
		(json_int_t)view->model->n_services);
}

static void
node_metrics(const struct view *view, struct metrics *metrics)
{
	metrics_family(metrics, "weir_monitor_node_up", METRIC_GAUGE,
		"Whether the node answered the monitor's last question.");
	for (size_t i = 0; i < view->n_nodes; i++)
		metrics_value(metrics,
			view->nodes[i].n_failures == 0 && view->nodes[i].item.state != VIEW_UNKNOWN,
			"node", view->nodes[i].node->name, "role",
			node_role_name(view->nodes[i].node->role), NULL);
	metrics_family(metrics, "weir_monitor_node_answer_seconds", METRIC_GAUGE,
		"How long the node's last answer took.");
	for (size_t i = 0; i < view->n_nodes; i++)
		metrics_value(metrics, (double)view->nodes[i].took_us / 1e6, "node",
			view->nodes[i].node->name, NULL);
	metrics_family(metrics, "weir_monitor_replication_lag_seconds", METRIC_GAUGE,
		"How far a replica is behind its primary.");
	for (size_t i = 0; i < view->n_nodes; i++) {
		if (view->nodes[i].db.is_known && view->nodes[i].db.is_replica)
			metrics_value(metrics, (double)view->nodes[i].db.lag_s, "node",
				view->nodes[i].node->name, NULL);
	}
}

void
view_metrics(const struct view *view, struct metrics *metrics)
{
	char text[ADDR_TEXT_SIZE];

	node_metrics(view, metrics);
	metrics_family(metrics, "weir_monitor_edge_state", METRIC_GAUGE,
		"State of an edge of the picture: 0 unknown, 1 ok, 2 warning, 3 failed.");
	for (size_t i = 0; i < view->n_edges; i++)
		metrics_value(metrics, view->edges[i].item.state, "from", view->edges[i].from, "to",
			view->edges[i].to, "kind", view_edge_kind_name(view->edges[i].kind), NULL);
	metrics_family(metrics, "weir_monitor_router_holders", METRIC_GAUGE,
		"Nodes that say they hold the virtual router; 1 is right.");
	for (size_t i = 0; i < view->n_routers; i++) {
		unsigned int n_holders = 0;

		for (size_t j = 0; j < view->n_nodes; j++)
			n_holders += view->nodes[j].holds && view->nodes[j].holds[i];
		metrics_value(metrics, n_holders, "router", view->routers[i].router->name, NULL);
	}
	metrics_family(metrics, "weir_monitor_site_up", METRIC_GAUGE,
		"Whether the site answered through this address.");
	for (size_t i = 0; i < view->n_site; i++)
		metrics_value(metrics, view->site[i].state == VIEW_OK, "address",
			addr_format(&view->site[i].addr, text, sizeof(text)), NULL);
	metrics_family(metrics, "weir_monitor_changes_total", METRIC_COUNTER,
		"Changes of state seen since the monitor started.");
	metrics_value(metrics, (double)view->n_events, NULL);
}
