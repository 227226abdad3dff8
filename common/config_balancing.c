/* SPDX-License-Identifier: BSD-3-Clause */
/* What is balanced and by whom, in the order in which the parts refer to each other; see
 * config_build.h. */
#include "common/config_build.h"

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

void
config_build_balancing(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	config_build_routers(reader, raw, model);
	if (reader->code == 0)
		config_build_pools(reader, raw, model);
	if (reader->code == 0)
		config_build_tracking(reader, raw, model);
	for (size_t i = 0; i < model->n_nodes; i++)
		for (size_t j = 0; j < model->nodes[i].lb.n_ports; j++)
			check_locals(reader, model, i, j);
	if (reader->code == 0)
		config_build_services(reader, raw, model);
}
