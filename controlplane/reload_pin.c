/* SPDX-License-Identifier: BSD-3-Clause */
/* What a reload cannot change of a running node; see reload.h. */
#include "controlplane/reload.h"

#include "common/arena.h"

#include <errno.h>
#include <string.h>

static const struct lb_port *
find_port(const struct lb_node *lb, const char *name)
{
	for (size_t i = 0; i < lb->n_ports; i++) {
		if (strcmp(lb->ports[i].name, name) == 0)
			return &lb->ports[i];
	}
	return NULL;
}

/* The ports that run, with the local addresses that are wanted. */
static int
pin_ports(struct model *model, struct lb_node *lb, const struct lb_node *start)
{
	struct lb_port *ports = arena_array(&model->arena, start->n_ports, sizeof(*ports));

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < start->n_ports; i++) {
		const struct lb_port *wanted = find_port(lb, start->ports[i].name);

		ports[i] = start->ports[i];
		ports[i].locals = wanted ? wanted->locals : NULL;
		ports[i].n_locals = wanted ? wanted->n_locals : 0;
	}
	lb->ports = ports;
	lb->n_ports = start->n_ports;
	return 0;
}

static int
check_port(const struct node *node, const struct virtual_router *router, const char *port,
	struct err *err)
{
	if (find_port(&node->lb, port))
		return 0;
	return err_set(err, -EINVAL,
		"virtual router '%s' needs the port '%s', which %s does not have before its "
		"dataplane and its control plane are restarted: add the port and restart them, "
		"then add what needs it",
		router->name, port, node->name);
}

/* A router that runs here needs its ports. */
static int
check_routers(const struct model *model, const struct node *node, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < model->n_routers; i++) {
		const struct virtual_router *router = &model->routers[i];
		bool is_here = false;

		for (size_t j = 0; j < router->n_members; j++)
			is_here = is_here || router->members[j].node == node;
		if (is_here)
			rc = check_port(node, router, router->port, err);
		for (size_t j = 0; is_here && rc == 0 && j < router->n_tracks; j++) {
			if (router->tracks[j].kind == TRACK_PORT)
				rc = check_port(node, router, router->tracks[j].port, err);
		}
	}
	return rc;
}

int
reload_pin(struct model *model, const struct node *node, const struct model *start, struct err *err)
{
	const struct node *own = model_node(start, node->name);
	struct node *pinned = &model->nodes[node - model->nodes];
	struct lb_node *lb = &pinned->lb;

	pinned->metrics = own->metrics;
	lb->memory_mb = own->lb.memory_mb;
	lb->hugepages = own->lb.hugepages;
	lb->n_flows = own->lb.n_flows;
	lb->cores = own->lb.cores;
	lb->wake_latency_us = own->lb.wake_latency_us;
	lb->control_socket = own->lb.control_socket;
	lb->admin_socket = own->lb.admin_socket;
	if (pin_ports(model, lb, &own->lb) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	/* A dataplane that was started without flow sync has no room for others' flows. */
	if (start->flow_sync.n_keys == 0)
		model->flow_sync.n_keys = 0;
	return check_routers(model, node, err);
}
