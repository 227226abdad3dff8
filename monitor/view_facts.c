/* SPDX-License-Identifier: BSD-3-Clause */
/* What a node's /metrics page says that the view is judged by; see view_state.h. */
#include "monitor/exposition.h"
#include "monitor/view_state.h"

#define VRRP_STATE_MASTER 2 /* Value of weir_vrrp_state. */

/* A page being read. */
struct reading {
	struct view *view;
	struct view_node *node;
	struct view_page *told;
};

static void
read_target(struct reading *reading, enum view_edge_kind kind, const char *target, double value)
{
	struct view_edge *edge =
		target ? view_find_edge(reading->view, kind, reading->node->node->name, target)
		       : NULL;

	if (!edge)
		return;
	if (value > 0)
		edge->n_up++;
	else
		edge->n_down++;
}

static void
read_backend(struct reading *reading, const struct exposition_sample *sample)
{
	const struct model *model = reading->view->model;
	const char *pool = exposition_label(sample, "pool");
	const char *name = exposition_label(sample, "backend");

	for (size_t i = 0; pool && name && i < model->n_pools; i++) {
		if (strcmp(model->pools[i].name, pool) != 0)
			continue;
		for (size_t j = 0; j < model->pools[i].n_backends; j++) {
			const struct backend *backend = &model->pools[i].backends[j];
			const struct node *node = view_backend_node(model, backend);

			if (strcmp(backend->name, name) != 0)
				continue;
			if (reading->node->n_up_of_pools)
				reading->node->n_up_of_pools[i] += sample->value > 0;
			if (node)
				read_target(reading, EDGE_BALANCE, node->name, sample->value);
		}
	}
}

static void
read_upstream(struct reading *reading, const struct exposition_sample *sample)
{
	read_target(reading, EDGE_PROXY, exposition_label(sample, "upstream"), sample->value);
}

static void
read_database(struct reading *reading, const struct exposition_sample *sample)
{
	read_target(reading, EDGE_QUERY, exposition_label(sample, "server"), sample->value);
}

static void
read_vrrp(struct reading *reading, const struct exposition_sample *sample)
{
	const char *name = exposition_label(sample, "router");

	for (size_t i = 0; name && reading->node->holds && i < reading->view->n_routers; i++) {
		if (strcmp(reading->view->routers[i].router->name, name) == 0)
			reading->node->holds[i] = (int)sample->value == VRRP_STATE_MASTER;
	}
}

static void
read_work(struct reading *reading, const struct exposition_sample *sample)
{
	reading->told->work += sample->value;
}

static void
read_service(struct reading *reading, const struct exposition_sample *sample)
{
	const char *name = exposition_label(sample, "service");

	read_work(reading, sample);
	if (name && reading->node->services)
		view_services_told(reading->node, reading->view->model, name, sample->value);
}

static void
read_draining(struct reading *reading, const struct exposition_sample *sample)
{
	reading->told->is_draining = sample->value > 0;
}

static void
read_dataplane(struct reading *reading, const struct exposition_sample *sample)
{
	reading->told->dataplane_down = sample->value <= 0;
}

static const struct fact {
	const char *name;
	enum node_role role;
	void (*read)(struct reading *reading, const struct exposition_sample *sample);
} facts[] = {
	{"weir_backend_up", ROLE_LB, read_backend},
	{"weir_vrrp_state", ROLE_LB, read_vrrp},
	{"weir_dataplane_up", ROLE_LB, read_dataplane},
	{"weir_service_packets_total", ROLE_LB, read_service},
	{"weir_upstream_up", ROLE_WEB, read_upstream},
	{"weir_draining", ROLE_WEB, read_draining},
	{"weir_http_requests_total", ROLE_WEB, read_work},
	{"weir_database_up", ROLE_APP, read_database},
	{"weir_http_requests_total", ROLE_APP, read_work},
};

static void
read_sample(void *ctx, const struct exposition_sample *sample)
{
	struct reading *reading = ctx;

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (facts[i].role == reading->node->node->role &&
			strcmp(facts[i].name, sample->name) == 0)
			facts[i].read(reading, sample);
	}
}

void
view_read_page(struct view *view, struct view_node *node, const char *page, struct view_page *told)
{
	struct reading reading = {view, node, told};

	memset(told, 0, sizeof(*told));
	exposition_read(page, read_sample, &reading);
}
