/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts into states; see view.h. */
#include "monitor/view.h"

#include "monitor/view_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FAILURES_UNTIL_FAILED 2 /* One lost fetch is a warning. */
#define LAG_WARNING_S 5

static void
note_event(struct view *view, const char *subject, enum view_state from, enum view_state to,
	struct view_time time, const char *reason)
{
	struct view_event *event = &view->events[view->n_events++ % VIEW_EVENTS_MAX];

	event->wall_ms = time.wall_ms;
	event->from = from;
	event->to = to;
	snprintf(event->subject, sizeof(event->subject), "%s", subject);
	snprintf(event->reason, sizeof(event->reason), "%s", reason);
}

static void
set_item(struct view *view, struct view_item *item, const char *subject, enum view_state state,
	struct view_time time, const char *reason)
{
	if (item->state != state) {
		note_event(view, subject, item->state, state, time, reason);
		item->since_wall_ms = time.wall_ms;
		item->state = state;
		view->version++;
	}
	snprintf(item->reason, sizeof(item->reason), "%s", reason);
}

void
view_set(struct view *view, struct view_item *item, const char *subject, enum view_state state,
	struct view_time time, const char *format, ...)
{
	char reason[VIEW_REASON_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	set_item(view, item, subject, state, time, reason);
}

void
view_set_edge(struct view *view, struct view_edge *edge, enum view_state state,
	struct view_time time, const char *format, ...)
{
	char reason[VIEW_REASON_SIZE], subject[sizeof(((struct view_event *)0)->subject)];
	va_list args;

	if (!edge)
		return;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	snprintf(subject, sizeof(subject), "%s > %s", edge->from, edge->to);
	set_item(view, &edge->item, subject, state, time, reason);
}

static struct view_node *
find_node(struct view *view, const struct node *node)
{
	for (size_t i = 0; i < view->n_nodes; i++) {
		if (view->nodes[i].node == node)
			return &view->nodes[i];
	}
	return NULL;
}

/* --- A virtual router is well when exactly one node holds it. --- */

static void
judge_routers(struct view *view, struct view_time time)
{
	for (size_t i = 0; i < view->n_routers; i++) {
		struct view_router *router = &view->routers[i];
		const char *holder = NULL;
		unsigned int n_holders = 0;

		for (size_t j = 0; j < view->n_nodes; j++) {
			if (view->nodes[j].holds && view->nodes[j].holds[i]) {
				holder = view->nodes[j].node->name;
				n_holders++;
			}
		}
		if (n_holders == 1)
			view_set(view, &router->item, router->router->name, VIEW_OK, time,
				"held by %s", holder);
		else if (n_holders == 0)
			view_set(view, &router->item, router->router->name, VIEW_FAILED, time,
				"no node says that it holds it");
		else
			view_set(view, &router->item, router->router->name, VIEW_FAILED, time,
				"%u nodes say that they hold it", n_holders);
	}
}

static void
judge_holder(struct view *view, struct view_node *lb, struct view_time time)
{
	struct view_edge *edge = view_find_edge(view, EDGE_HOLDS, NULL, lb->node->name);
	size_t n_held = 0;

	if (!edge)
		return;
	for (size_t i = 0; i < view->n_routers; i++)
		n_held += lb->holds[i];
	if (edge->is_active != (n_held > 0)) {
		edge->is_active = n_held > 0;
		view->version++;
	}
	if (lb->item.state == VIEW_FAILED)
		view_set_edge(view, edge, VIEW_FAILED, time, "%s does not answer", lb->node->name);
	else if (n_held > 0)
		view_set_edge(view, edge, VIEW_OK, time, "holds %zu of %zu virtual routers", n_held,
			view->n_routers);
	else
		view_set_edge(view, edge, VIEW_OK, time, "standby");
}

static bool
is_from(const struct view_edge *edge, const struct node *node)
{
	return (edge->kind == EDGE_BALANCE || edge->kind == EDGE_PROXY ||
		       edge->kind == EDGE_QUERY) &&
	       strcmp(edge->from, node->name) == 0;
}

static void
judge_edge(struct view *view, struct view_edge *edge, struct view_time time)
{
	unsigned int n = edge->n_up + edge->n_down;

	if (n == 0)
		view_set_edge(view, edge, VIEW_UNKNOWN, time, "%s says nothing about %s",
			edge->from, edge->to);
	else if (edge->n_down == 0)
		view_set_edge(view, edge, VIEW_OK, time, "%s reaches %s", edge->from, edge->to);
	else if (edge->n_up > 0)
		view_set_edge(view, edge, VIEW_WARNING, time, "%s is down in %u of %u pools of %s",
			edge->to, edge->n_down, n, edge->from);
	else
		view_set_edge(
			view, edge, VIEW_FAILED, time, "%s finds %s down", edge->from, edge->to);
}

/* Since the node's last page; 0 if there was none. */
static double
seconds_since(const struct view_node *node, struct view_time time)
{
	return node->total_ns > 0 ? (double)(time.now_ns - node->total_ns) / 1e9 : 0;
}

static void
update_rate(struct view_node *node, double total, struct view_time time)
{
	double seconds = seconds_since(node, time);

	if (seconds > 0 && total >= node->total)
		node->rate = (total - node->total) / seconds;
	else
		node->rate = 0;
	node->total = total;
	node->total_ns = time.now_ns;
}

static void
take_page(struct view *view, struct view_node *node, const char *page, struct view_time time)
{
	struct view_page told;

	for (size_t i = 0; i < view->n_edges; i++) {
		if (is_from(&view->edges[i], node->node))
			view->edges[i].n_up = view->edges[i].n_down = 0;
	}
	for (size_t i = 0; node->holds && i < view->n_routers; i++)
		node->holds[i] = false;
	if (node->holds)
		view_services_begin(node, view->model);
	view_read_page(view, node, page, &told);
	if (node->holds)
		view_services_end(node, view->model, seconds_since(node, time));
	update_rate(node, told.work, time);
	for (size_t i = 0; i < view->n_edges; i++) {
		if (is_from(&view->edges[i], node->node))
			judge_edge(view, &view->edges[i], time);
	}
	if (told.dataplane_down)
		view_set(view, &node->item, node->node->name, VIEW_WARNING, time,
			"its dataplane does not answer the control plane");
	else if (told.is_draining)
		view_set(view, &node->item, node->node->name, VIEW_WARNING, time, "draining");
	else
		view_set(view, &node->item, node->node->name, VIEW_OK, time, "answers");
}

/* The node gave no answer: what it alone can tell is unknown from now on. */
static void
take_failure(struct view *view, struct view_node *node, const char *error, struct view_time time)
{
	node->n_failures++;
	if (node->n_failures < FAILURES_UNTIL_FAILED) {
		view_set(view, &node->item, node->node->name, VIEW_WARNING, time, "%s", error);
		return;
	}
	node->rate = 0;
	node->total_ns = 0;
	view_set(view, &node->item, node->node->name, VIEW_FAILED, time, "%s", error);
	for (size_t i = 0; i < view->n_edges; i++) {
		if (is_from(&view->edges[i], node->node))
			view_set_edge(view, &view->edges[i], VIEW_UNKNOWN, time,
				"%s does not answer", node->node->name);
	}
	for (size_t i = 0; node->holds && i < view->n_routers; i++)
		node->holds[i] = false;
}

static void
judge_watch(struct view *view, const struct view_node *node, struct view_time time)
{
	struct view_edge *edge = view_find_edge(view, EDGE_WATCH, NULL, node->node->name);

	if (node->n_failures == 0)
		view_set_edge(view, edge, VIEW_OK, time, "answers in %.1f ms",
			(double)node->took_us / 1000);
	else
		view_set_edge(view, edge, node->item.state, time, "%s", node->item.reason);
}

void
view_scrape_result(struct view *view, const struct node *model_node, const char *page,
	const char *error, uint64_t took_us, struct view_time time)
{
	struct view_node *node = find_node(view, model_node);

	node->took_us = took_us;
	if (page) {
		node->n_failures = 0;
		take_page(view, node, page, time);
	} else {
		take_failure(view, node, error, time);
	}
	judge_watch(view, node, time);
	if (node->holds) {
		judge_holder(view, node, time);
		judge_routers(view, time);
	}
}

/* --- Databases --- */

static void
judge_replication(struct view *view, struct view_edge *edge, const struct view_database *result,
	struct view_time time)
{
	const char *why = result->replication_error;

	if (!edge)
		return;
	if (result->error)
		view_set_edge(view, edge, VIEW_UNKNOWN, time, "%s does not answer", edge->to);
	else if (!result->is_replica)
		view_set_edge(view, edge, VIEW_FAILED, time, "%s does not replicate", edge->to);
	else if (!result->io_running || !result->sql_running)
		view_set_edge(view, edge, VIEW_FAILED, time, "%s thread stopped%s%s",
			result->io_running ? "SQL" : "I/O", why && *why ? ": " : "",
			why ? why : "");
	else if (result->lag_s < 0 || result->lag_s >= LAG_WARNING_S)
		view_set_edge(
			view, edge, VIEW_WARNING, time, "%lld s behind", (long long)result->lag_s);
	else
		view_set_edge(view, edge, VIEW_OK, time, "replicates, %lld s behind",
			(long long)result->lag_s);
}

void
view_database_result(struct view *view, const struct node *model_node,
	const struct view_database *result, struct view_time time)
{
	struct view_node *node = find_node(view, model_node);

	node->db.is_known = !result->error;
	if (result->error) {
		take_failure(view, node, result->error, time);
	} else {
		node->n_failures = 0;
		node->db.is_read_only = result->is_read_only;
		node->db.is_replica = result->is_replica;
		node->db.lag_s = result->is_replica ? result->lag_s : -1;
		snprintf(node->db.gtid, sizeof(node->db.gtid), "%s",
			result->gtid ? result->gtid : "");
		view_set(view, &node->item, model_node->name, VIEW_OK, time, "%s",
			result->is_read_only ? "answers, read-only" : "answers, takes writes");
	}
	judge_watch(view, node, time);
	judge_replication(
		view, view_find_edge(view, EDGE_REPLICATION, NULL, model_node->name), result, time);
}

/* --- The site as a client sees it --- */

static bool
is_vip(const struct model *model, const struct addr *addr)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		for (size_t j = 0; j < model->routers[i].n_addresses; j++) {
			if (addr_equal(&model->routers[i].addresses[j], addr))
				return true;
		}
	}
	return false;
}

void
view_dns_result(struct view *view, const struct addr *addrs, size_t n_addrs, const char *error,
	uint64_t took_us, struct view_time time)
{
	struct view_edge *edge = view_find_edge(view, EDGE_DNS, NULL, NULL);
	char text[ADDR_TEXT_SIZE];

	view->dns_us = took_us;
	if (error) {
		view_set_edge(view, edge, VIEW_FAILED, time, "%s", error);
		return;
	}
	for (size_t i = 0; i < n_addrs; i++) {
		if (!is_vip(view->model, &addrs[i])) {
			view_set_edge(view, edge, VIEW_WARNING, time,
				"DNS answers %s, which no virtual router holds",
				addr_format(&addrs[i], text, sizeof(text)));
			return;
		}
	}
	view_set_edge(view, edge, VIEW_OK, time, "%zu addresses in %.1f ms", n_addrs,
		(double)took_us / 1000);
}

void
view_site_result(struct view *view, const struct view_site_answer *answers, size_t n_answers,
	struct view_time time)
{
	struct view_edge *edge = view_find_edge(view, EDGE_CLIENT, NULL, NULL);
	size_t n_good = 0;
	const char *why = "no address to ask";

	view->n_site = n_answers < VIEW_ADDRESSES_MAX ? n_answers : VIEW_ADDRESSES_MAX;
	for (size_t i = 0; i < view->n_site; i++) {
		struct view_site_address *site = &view->site[i];
		bool good = !answers[i].error && answers[i].status == 200;

		site->addr = answers[i].addr;
		site->state = good ? VIEW_OK : VIEW_FAILED;
		site->total_us = answers[i].total_us;
		if (answers[i].error)
			snprintf(site->reason, sizeof(site->reason), "%s", answers[i].error);
		else
			snprintf(
				site->reason, sizeof(site->reason), "status %u", answers[i].status);
		n_good += good;
		if (!good)
			why = site->reason;
	}
	if (n_good == n_answers && n_good > 0)
		view_set_edge(view, edge, VIEW_OK, time, "answers on %zu addresses", n_good);
	else
		view_set_edge(view, edge, n_good > 0 ? VIEW_WARNING : VIEW_FAILED, time,
			"%zu of %zu addresses answer: %s", n_good, n_answers, why);
}

/* --- Life --- */

uint64_t
view_version(const struct view *view)
{
	return view->version;
}

static int
make_nodes(struct view *view)
{
	const struct model *model = view->model;

	view->nodes = calloc(model->n_nodes, sizeof(*view->nodes));
	view->routers = calloc(model->n_routers + 1, sizeof(*view->routers));
	if (!view->nodes || !view->routers)
		return -1;
	for (size_t i = 0; i < model->n_routers; i++)
		view->routers[view->n_routers++].router = &model->routers[i];
	for (size_t i = 0; i < model->n_nodes; i++) {
		struct view_node *node = &view->nodes[view->n_nodes];

		if (model->nodes[i].role == ROLE_MONITOR)
			continue;
		node->node = &model->nodes[i];
		view->n_nodes++;
		if (node->node->role != ROLE_LB)
			continue;
		node->holds = calloc(model->n_routers + 1, sizeof(*node->holds));
		if (!node->holds || view_services_init(node, model) < 0)
			return -1;
	}
	return 0;
}

struct view *
view_new(const struct model *model, const struct node *self, struct view_time time)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->model = model;
	view->self = self;
	if (make_nodes(view) < 0 || view_make_edges(view) < 0) {
		view_free(view);
		return NULL;
	}
	for (size_t i = 0; i < view->n_nodes; i++)
		view->nodes[i].item.since_wall_ms = time.wall_ms;
	for (size_t i = 0; i < view->n_edges; i++)
		view->edges[i].item.since_wall_ms = time.wall_ms;
	for (size_t i = 0; i < view->n_routers; i++)
		view->routers[i].item.since_wall_ms = time.wall_ms;
	return view;
}

void
view_free(struct view *view)
{
	if (!view)
		return;
	for (size_t i = 0; i < view->n_nodes; i++) {
		free(view->nodes[i].holds);
		view_services_fini(&view->nodes[i]);
	}
	free(view->nodes);
	free(view->edges);
	free(view->routers);
	free(view);
}
