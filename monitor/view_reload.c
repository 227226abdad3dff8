/* SPDX-License-Identifier: BSD-3-Clause */
/* The view of another model: what is still there keeps its state, its history and its rates. Things
 * are matched by their names. */
#include "monitor/view_state.h"

#include <errno.h>

static void
inherit_holds(const struct view *to, struct view_node *node, const struct view *from,
	const struct view_node *old)
{
	for (size_t i = 0; i < to->n_routers; i++) {
		for (size_t j = 0; j < from->n_routers; j++) {
			if (strcmp(to->routers[i].router->name, from->routers[j].router->name) == 0)
				node->holds[i] = old->holds[j];
		}
	}
}

static void
inherit_node(const struct view *to, struct view_node *node, const struct view *from,
	const struct view_node *old)
{
	node->item = old->item;
	node->n_failures = old->n_failures;
	node->took_us = old->took_us;
	node->total = old->total;
	node->total_ns = old->total_ns;
	node->rate = old->rate;
	node->db = old->db;
	if (!node->holds)
		return;
	inherit_holds(to, node, from, old);
	view_services_inherit(node, to->model, old, from->model);
}

static void
inherit_nodes(struct view *to, const struct view *from)
{
	for (size_t i = 0; i < to->n_nodes; i++) {
		for (size_t j = 0; j < from->n_nodes; j++) {
			const struct view_node *old = &from->nodes[j];

			if (strcmp(old->node->name, to->nodes[i].node->name) == 0 &&
				old->node->role == to->nodes[i].node->role)
				inherit_node(to, &to->nodes[i], from, old);
		}
	}
}

static void
inherit_edges(struct view *to, const struct view *from)
{
	for (size_t i = 0; i < to->n_edges; i++) {
		struct view_edge *edge = &to->edges[i];
		const struct view_edge *old =
			view_find_edge(from, edge->kind, edge->from, edge->to);

		if (!old)
			continue;
		edge->item = old->item;
		edge->n_up = old->n_up;
		edge->n_down = old->n_down;
		edge->is_active = old->is_active;
	}
}

static void
inherit_routers(struct view *to, const struct view *from)
{
	for (size_t i = 0; i < to->n_routers; i++) {
		for (size_t j = 0; j < from->n_routers; j++) {
			if (strcmp(to->routers[i].router->name, from->routers[j].router->name) == 0)
				to->routers[i].item = from->routers[j].item;
		}
	}
}

int
view_reload(struct view *view, const struct model *model, const struct node *self,
	struct view_time time)
{
	struct view *next = view_new(model, self, time);
	struct view former;

	if (!next)
		return -ENOMEM;
	inherit_nodes(next, view);
	inherit_edges(next, view);
	inherit_routers(next, view);
	memcpy(next->events, view->events, sizeof(next->events));
	next->n_events = view->n_events;
	memcpy(next->site, view->site, sizeof(next->site));
	next->n_site = view->n_site;
	next->dns_us = view->dns_us;
	/* Who watches the version sees that there is something new. */
	next->version = view->version + 1;
	former = *view;
	*view = *next;
	*next = former;
	view_free(next);
	return 0;
}
