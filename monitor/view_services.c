/* SPDX-License-Identifier: BSD-3-Clause */
/* The view's services, each as the load balancer tells it that holds its address; see
 * view_state.h. Nothing is judged here: what is wrong with a service's backends, the edges to them
 * say. */
#include "monitor/view_state.h"

#include "common/control.h"

#include <errno.h>
#include <stdlib.h>

static size_t
n_shown(const struct model *model)
{
	return model->n_services < VIEW_SERVICES_MAX ? model->n_services : VIEW_SERVICES_MAX;
}

int
view_services_init(struct view_node *node, const struct model *model)
{
	node->services = calloc(n_shown(model) + 1, sizeof(*node->services));
	node->n_up_of_pools = calloc(model->n_pools + 1, sizeof(*node->n_up_of_pools));
	return node->services && node->n_up_of_pools ? 0 : -ENOMEM;
}

void
view_services_fini(struct view_node *node)
{
	free(node->services);
	free(node->n_up_of_pools);
}

void
view_services_inherit(struct view_node *node, const struct model *model,
	const struct view_node *old, const struct model *old_model)
{
	for (size_t i = 0; i < n_shown(model); i++) {
		for (size_t j = 0; j < n_shown(old_model); j++) {
			if (strcmp(model->services[i].name, old_model->services[j].name) == 0)
				node->services[i] = old->services[j];
		}
	}
	for (size_t i = 0; i < model->n_pools; i++) {
		for (size_t j = 0; j < old_model->n_pools; j++) {
			if (strcmp(model->pools[i].name, old_model->pools[j].name) == 0)
				node->n_up_of_pools[i] = old->n_up_of_pools[j];
		}
	}
}

void
view_services_begin(struct view_node *node, const struct model *model)
{
	memset(node->n_up_of_pools, 0, model->n_pools * sizeof(*node->n_up_of_pools));
	for (size_t i = 0; i < n_shown(model); i++)
		node->services[i].told = 0;
}

void
view_services_told(struct view_node *node, const struct model *model, const char *name, double n)
{
	for (size_t i = 0; i < n_shown(model); i++) {
		if (strcmp(model->services[i].name, name) == 0) {
			node->services[i].told = n;
			return;
		}
	}
}

void
view_services_end(struct view_node *node, const struct model *model, double seconds)
{
	for (size_t i = 0; i < n_shown(model); i++) {
		struct view_service *service = &node->services[i];

		/* A total that fell is that of a dataplane that began anew. */
		service->rate = seconds > 0 && service->told >= service->total
					? (service->told - service->total) / seconds
					: 0;
		service->total = service->told;
	}
}

/* The only node that says it holds the service's address; NULL if there is none. */
static const struct view_node *
find_holder(const struct view *view, const struct service *service)
{
	size_t router = (size_t)(service->router - view->model->routers);
	const struct view_node *holder = NULL;

	for (size_t i = 0; i < view->n_nodes; i++) {
		const struct view_node *node = &view->nodes[i];

		if (!node->holds || !node->holds[router])
			continue;
		if (holder)
			return NULL;
		holder = node;
	}
	return holder;
}

static const char *
state_of(const struct service *service, const struct view_node *holder, unsigned int n_up)
{
	if (!holder)
		return view_state_name(VIEW_UNKNOWN);
	if (n_up == 0)
		return view_state_name(VIEW_FAILED);
	return view_state_name(n_up < service->pool->n_backends ? VIEW_WARNING : VIEW_OK);
}

static json_t *
service_json(const struct view *view, size_t index)
{
	const struct service *service = &view->model->services[index];
	const struct view_node *holder = find_holder(view, service);
	unsigned int n_up = holder ? holder->n_up_of_pools[service->pool - view->model->pools] : 0;
	char address[ADDR_TEXT_SIZE];

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s?, s:i, s:I, s:f}", "name",
		service->name, "address", addr_format(&service->address, address, sizeof(address)),
		"port", service->port, "protocol", protocol_name(service->protocol), "mode",
		forward_mode_name(service->mode), "pool", service->pool->name, "state",
		state_of(service, holder, n_up), "holder", holder ? holder->node->name : NULL,
		"backends_up", (int)n_up, "backends", (json_int_t)service->pool->n_backends, "rate",
		holder ? holder->services[index].rate : 0.0);
}

json_t *
view_services_json(const struct view *view)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n_shown(view->model); i++)
		json_array_append_new(list, service_json(view, i));
	return list;
}
