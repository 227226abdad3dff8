/* SPDX-License-Identifier: BSD-3-Clause */
/* Local addresses, from which mode fullnat speaks to backends: a port's, which are one node's own,
 * and a virtual router's, which go where it goes. See config_build.h. */
#include "common/config_build.h"

#include <string.h>

void
config_build_router_locals(struct config_reader *reader, const char *path,
	const struct raw_router *raw, struct virtual_router *router)
{
	if (raw->local_addresses_count > MODEL_LOCALS_MAX)
		config_fail(reader, path, "local_addresses", "%u addresses: at most %d",
			raw->local_addresses_count, MODEL_LOCALS_MAX);
	router->locals = config_array(reader, raw->local_addresses_count, sizeof(*router->locals));
	for (size_t i = 0; router->locals && i < raw->local_addresses_count; i++) {
		struct config_path item = config_path("%s.local_addresses[%zu]", path, i);
		struct addr addr = config_addr(reader, item.text, NULL, raw->local_addresses[i]);

		if (addr.family != router->family)
			config_fail(reader, item.text, NULL,
				"'%s' is of another family than the router's addresses",
				raw->local_addresses[i]);
		router->locals[i] = addr;
		router->n_locals = i + 1;
	}
}

static bool
has(const struct addr *addresses, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&addresses[i], addr))
			return true;
	return false;
}

/* Whether 'addr' is a local address of a node or port before port 'p' of node 'n', or there before
 * address 'i'. */
static bool
is_taken(const struct model *model, size_t n, size_t p, size_t i)
{
	const struct addr *addr = &model->nodes[n].lb.ports[p].locals[i];

	for (size_t m = 0; m <= n; m++) {
		for (size_t q = 0; q < model->nodes[m].lb.n_ports && (m < n || q <= p); q++) {
			const struct lb_port *port = &model->nodes[m].lb.ports[q];
			size_t end = m == n && q == p ? i : port->n_locals;

			for (size_t j = 0; j < end; j++)
				if (addr_equal(&port->locals[j], addr))
					return true;
		}
	}
	return false;
}

/* Local addresses are one port's alone: somebody must be the one who answers for them. */
static void
check_locals(struct config_reader *reader, const struct model *model, size_t n, size_t p)
{
	const struct lb_port *port = &model->nodes[n].lb.ports[p];
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < port->n_locals; i++) {
		struct config_path path =
			config_path("nodes[%zu].lb.ports[%zu].local_addresses[%zu]", n, p, i);
		const struct virtual_router *router = config_find_holder(model, &port->locals[i]);

		addr_format(&port->locals[i], text, sizeof(text));
		if (router)
			config_fail(reader, path.text, NULL, "'%s' belongs to virtual router '%s'",
				text, router->name);
		if (is_taken(model, n, p, i))
			config_fail(reader, path.text, NULL,
				"'%s' is given twice: each port of each node has local addresses "
				"of its own",
				text);
	}
}

/* Whether 'addr' is a local address of a port, or of a router before router 'r', or there before
 * address 'i'. */
static bool
is_taken_by_other(const struct model *model, size_t r, size_t i)
{
	const struct addr *addr = &model->routers[r].locals[i];

	for (size_t n = 0; n < model->n_nodes; n++)
		for (size_t p = 0; p < model->nodes[n].lb.n_ports; p++)
			if (has(model->nodes[n].lb.ports[p].locals,
				    model->nodes[n].lb.ports[p].n_locals, addr))
				return true;
	for (size_t s = 0; s <= r; s++)
		if (has(model->routers[s].locals, s == r ? i : model->routers[s].n_locals, addr))
			return true;
	return false;
}

static void
check_router_locals(struct config_reader *reader, const struct model *model, size_t r)
{
	const struct virtual_router *router = &model->routers[r];
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < router->n_locals; i++) {
		struct config_path path =
			config_path("virtual_routers[%zu].local_addresses[%zu]", r, i);
		const struct virtual_router *holder = config_find_holder(model, &router->locals[i]);

		addr_format(&router->locals[i], text, sizeof(text));
		if (holder)
			config_fail(reader, path.text, NULL,
				"'%s' is a virtual address of '%s': backends could not tell its "
				"clients from the load balancer",
				text, holder->name);
		if (is_taken_by_other(model, r, i))
			config_fail(reader, path.text, NULL, "'%s' is given twice", text);
	}
}

/* All that a node may have on one port and of one family at once must fit its table. */
static void
check_sum(struct config_reader *reader, const struct model *model, size_t r)
{
	const struct virtual_router *router = &model->routers[r];
	size_t most = 0, sum = 0;

	for (size_t i = 0; i <= r; i++)
		if (strcmp(model->routers[i].port, router->port) == 0)
			sum += model->routers[i].n_locals;
	for (size_t i = 0; i < router->n_members; i++) {
		const struct node *node = router->members[i].node;

		for (size_t p = 0; node && p < node->lb.n_ports; p++)
			if (strcmp(node->lb.ports[p].name, router->port) == 0 &&
				node->lb.ports[p].n_locals > most)
				most = node->lb.ports[p].n_locals;
	}
	if (router->n_locals > 0 && sum + most > MODEL_LOCALS_MAX) {
		struct config_path path = config_path("virtual_routers[%zu]", r);

		config_fail(reader, path.text, "local_addresses",
			"with this router port '%s' has %zu local addresses: at most %d",
			router->port, sum + most, MODEL_LOCALS_MAX);
	}
}

void
config_check_locals(struct config_reader *reader, const struct model *model)
{
	for (size_t i = 0; i < model->n_nodes; i++)
		for (size_t j = 0; j < model->nodes[i].lb.n_ports; j++)
			check_locals(reader, model, i, j);
	for (size_t r = 0; r < model->n_routers; r++) {
		check_router_locals(reader, model, r);
		check_sum(reader, model, r);
	}
}

static bool
is_member(const struct virtual_router *router, const struct node *node)
{
	for (size_t i = 0; i < router->n_members; i++)
		if (router->members[i].node == node)
			return true;
	return false;
}

bool
config_has_local(const struct model *model, const struct node *node, uint8_t family)
{
	for (size_t i = 0; i < node->lb.n_ports; i++)
		for (size_t j = 0; j < node->lb.ports[i].n_locals; j++)
			if (node->lb.ports[i].locals[j].family == family)
				return true;
	for (size_t i = 0; i < model->n_routers; i++)
		if (model->routers[i].n_locals > 0 && model->routers[i].family == family &&
			is_member(&model->routers[i], node))
			return true;
	return false;
}
