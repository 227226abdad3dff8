/* SPDX-License-Identifier: BSD-3-Clause */
/* The edges of the picture; see view_state.h. */
#include "monitor/view_state.h"

#include <errno.h>
#include <stdlib.h>

static const char client_name[] = "client";
static const char dns_name[] = "dns";
static const char vip_name[] = "vip";

static const char *const kind_names[] = {
	[EDGE_DNS] = "dns",
	[EDGE_CLIENT] = "client",
	[EDGE_HOLDS] = "holds",
	[EDGE_BALANCE] = "balance",
	[EDGE_PROXY] = "proxy",
	[EDGE_QUERY] = "query",
	[EDGE_REPLICATION] = "replication",
	[EDGE_WATCH] = "watch",
};

const char *
view_edge_kind_name(enum view_edge_kind kind)
{
	return kind_names[kind];
}

struct view_edge *
view_find_edge(const struct view *view, enum view_edge_kind kind, const char *from, const char *to)
{
	for (size_t i = 0; i < view->n_edges; i++) {
		struct view_edge *edge = &view->edges[i];

		if (edge->kind == kind && (!from || strcmp(edge->from, from) == 0) &&
			(!to || strcmp(edge->to, to) == 0))
			return edge;
	}
	return NULL;
}

const struct node *
view_backend_node(const struct model *model, const struct backend *backend)
{
	const struct node *node = model_node(model, backend->name);

	for (size_t i = 0; !node && i < model->n_nodes; i++) {
		if (addr_equal(&model->nodes[i].metrics.addr, &backend->addr) ||
			addr_equal(&model->nodes[i].listen.addr, &backend->addr))
			node = &model->nodes[i];
	}
	return node;
}

static int
add_edge(struct view *view, enum view_edge_kind kind, const char *from, const char *to)
{
	struct view_edge *grown;

	if (view_find_edge(view, kind, from, to))
		return 0;
	grown = realloc(view->edges, (view->n_edges + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	view->edges = grown;
	memset(&grown[view->n_edges], 0, sizeof(*grown));
	grown[view->n_edges].kind = kind;
	grown[view->n_edges].from = from;
	grown[view->n_edges].to = to;
	view->n_edges++;
	return 0;
}

/* From every node of role 'from' to every node of role 'to'. */
static int
add_between(struct view *view, enum view_edge_kind kind, enum node_role from, enum node_role to)
{
	const struct node *a = NULL;

	while ((a = model_next_node(view->model, from, a))) {
		const struct node *b = NULL;

		while ((b = model_next_node(view->model, to, b))) {
			if (add_edge(view, kind, a->name, b->name) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int
add_balance(struct view *view, const struct node *lb)
{
	const struct model *model = view->model;

	for (size_t i = 0; i < model->n_pools; i++) {
		for (size_t j = 0; j < model->pools[i].n_backends; j++) {
			const struct node *node =
				view_backend_node(model, &model->pools[i].backends[j]);

			if (node && add_edge(view, EDGE_BALANCE, lb->name, node->name) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int
add_replication(struct view *view)
{
	const struct node *primary = NULL, *replica;

	while ((primary = model_next_node(view->model, ROLE_DB, primary))) {
		if (primary->db.role != DATABASE_PRIMARY)
			continue;
		replica = NULL;
		while ((replica = model_next_node(view->model, ROLE_DB, replica))) {
			if (replica->db.role == DATABASE_REPLICA &&
				add_edge(view, EDGE_REPLICATION, primary->name, replica->name) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int
view_make_edges(struct view *view)
{
	const struct model *model = view->model;
	const struct node *lb = NULL;
	int code = 0;

	if (model->monitor.probe_url) {
		code |= add_edge(view, EDGE_DNS, client_name, dns_name);
		code |= add_edge(view, EDGE_CLIENT, client_name, vip_name);
	}
	while ((lb = model_next_node(model, ROLE_LB, lb))) {
		code |= add_edge(view, EDGE_HOLDS, vip_name, lb->name);
		code |= add_balance(view, lb);
	}
	code |= add_between(view, EDGE_PROXY, ROLE_WEB, ROLE_APP);
	code |= add_between(view, EDGE_QUERY, ROLE_APP, ROLE_DB);
	code |= add_replication(view);
	for (size_t i = 0; i < view->n_nodes; i++)
		code |= add_edge(view, EDGE_WATCH, view->self->name, view->nodes[i].node->name);
	return code ? -ENOMEM : 0;
}
