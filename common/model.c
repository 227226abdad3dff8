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

bool
check_goes_by(const struct check *check, const struct pool *pool, const struct service *service)
{
	bool udp = check->type == CHECK_UDP || check->type == CHECK_DNS;

	if (service->pool != pool || service->protocol != (udp ? PROTOCOL_UDP : PROTOCOL_TCP) ||
		(service->mode != MODE_DR && service->mode != MODE_TUNNEL))
		return false;
	/* A service of all ports has none of its own. */
	return service->port == 0 ? check->port != 0
				  : check->port == 0 || check->port == service->port;
}

const char *
check_type_name(enum check_type type)
{
	static const char *const names[] = {
		[CHECK_NONE] = "none",
		[CHECK_TCP] = "tcp",
		[CHECK_HTTP] = "http",
		[CHECK_HTTPS] = "https",
		[CHECK_TLS] = "tls",
		[CHECK_UDP] = "udp",
		[CHECK_DNS] = "dns",
		[CHECK_ICMP] = "icmp",
		[CHECK_MARIADB] = "mariadb",
		[CHECK_SCRIPT] = "script",
	};

	return names[type];
}

bool
check_http_expects(const struct check_http *http, unsigned int status)
{
	for (size_t i = 0; i < http->n_statuses; i++) {
		if (status >= http->statuses[i].first && status <= http->statuses[i].last)
			return true;
	}
	return false;
}
