/* SPDX-License-Identifier: BSD-3-Clause */
/* Look-ups in a model; see model.h. */
#include "common/model.h"

static const char *const role_names[] = {
	[ROLE_LB] = "lb",
	[ROLE_WEB] = "web",
	[ROLE_APP] = "app",
	[ROLE_DB] = "db",
	[ROLE_MONITOR] = "monitor",
};

const struct node *
model_node(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->n_nodes; i++) {
		if (strcmp(model->nodes[i].name, name) == 0)
			return &model->nodes[i];
	}
	return NULL;
}

const struct node *
model_next_node(const struct model *model, enum node_role role, const struct node *previous)
{
	const struct node *end = model->nodes + model->n_nodes;

	for (const struct node *node = previous ? previous + 1 : model->nodes; node < end; node++) {
		if (node->role == role)
			return node;
	}
	return NULL;
}

const char *
node_role_name(enum node_role role)
{
	return role_names[role];
}
