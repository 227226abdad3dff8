/* SPDX-License-Identifier: BSD-3-Clause */
/* The nodes of the cluster; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

#define MEMORY_MB_MIN 64
#define MEMORY_MB_MAX 1048576
#define WAKE_LATENCY_US_MAX 10000
#define FLOWS_MIN 1024
#define FLOWS_MAX (1u << 27)
#define QUEUES_MAX 64         /* Workers as well. */
#define VLAN_MAX 4094         /* 4095 is reserved. */
#define INTERFACE_NAME_MAX 15 /* IFNAMSIZ - 1 */
#define SOCKET_PATH_MAX 107   /* sun_path of sockaddr_un, without the NUL */

static void
build_locals(struct config_reader *reader, const char *path, const struct raw_port *raw,
	struct lb_port *port)
{
	if (raw->local_addresses_count > MODEL_LOCALS_MAX)
		config_fail(reader, path, "local_addresses", "%u addresses: at most %d for a port",
			raw->local_addresses_count, MODEL_LOCALS_MAX);
	port->locals = config_array(reader, raw->local_addresses_count, sizeof(*port->locals));
	for (size_t i = 0; port->locals && i < raw->local_addresses_count; i++) {
		struct config_path item = config_path("%s.local_addresses[%zu]", path, i);

		port->locals[i] = config_addr(reader, item.text, NULL, raw->local_addresses[i]);
		port->n_locals = i + 1;
	}
}

/* Packets that come in by the queues are spread over all workers. */
static void
build_queues(struct config_reader *reader, const char *path, const struct raw_port *raw,
	struct lb_port *port)
{
	port->n_queues = (uint16_t)config_number(
		reader, path, "queues", raw->queues, (struct config_range){1, QUEUES_MAX, 1});
	port->n_workers = (uint16_t)config_number(reader, path, "workers", raw->workers,
		(struct config_range){1, QUEUES_MAX, port->n_queues});
	if (port->n_workers < port->n_queues)
		config_fail(reader, path, "workers",
			"'%u' is less than queues (%u), of which each needs a worker",
			port->n_workers, port->n_queues);
}

static void
build_port(struct config_reader *reader, const char *path, const struct raw_port *raw,
	struct lb_port *port)
{
	port->name = config_name(reader, path, "name", raw->name);
	port->device = config_required(reader, path, "device", raw->device);
	port->host_interface = config_required(reader, path, "host_interface", raw->host_interface);
	if (strlen(port->host_interface) > INTERFACE_NAME_MAX || strchr(port->host_interface, '/'))
		config_fail(reader, path, "host_interface",
			"'%s' is not an interface name: at most %d characters, no '/'",
			port->host_interface, INTERFACE_NAME_MAX);
	build_queues(reader, path, raw, port);
	if (raw->vlan)
		port->vlan = (uint16_t)config_number(
			reader, path, "vlan", raw->vlan, (struct config_range){1, VLAN_MAX, 1});
	build_locals(reader, path, raw, port);
}

static const char *
build_socket(struct config_reader *reader, const char *path, const char *key, const char *raw)
{
	const char *file = config_file(reader, path, key, raw);

	if (!file)
		config_fail(reader, path, NULL, "the key '%s' is missing", key);
	else if (strlen(file) > SOCKET_PATH_MAX)
		config_fail(reader, path, key,
			"'%s' is longer than %d bytes, too long for a socket", file,
			SOCKET_PATH_MAX);
	return file;
}

static void
build_lb(struct config_reader *reader, const char *path, const struct raw_lb *raw,
	struct lb_node *lb)
{
	lb->memory_mb = (uint32_t)config_number(reader, path, "memory_mb", raw->memory_mb,
		(struct config_range){MEMORY_MB_MIN, MEMORY_MB_MAX, 256});
	lb->hugepages = config_bool(reader, path, "hugepages", raw->hugepages, false);
	lb->n_flows = (uint32_t)config_number(reader, path, "flows", raw->flows,
		(struct config_range){FLOWS_MIN, FLOWS_MAX, 1u << 20});
	lb->cores = config_text(reader, path, "cores", raw->cores, NULL);
	lb->wake_latency_us = MODEL_NO_LIMIT;
	if (raw->wake_latency_us)
		lb->wake_latency_us = (int32_t)config_number(reader, path, "wake_latency_us",
			raw->wake_latency_us, (struct config_range){0, WAKE_LATENCY_US_MAX, 0});
	lb->control_socket = build_socket(reader, path, "control_socket", raw->control_socket);
	lb->admin_socket = build_socket(reader, path, "admin_socket", raw->admin_socket);
	if (raw->ports_count < 1 || raw->ports_count > MODEL_PORTS_MAX)
		config_fail(reader, path, "ports", "%u ports: give from 1 to %d", raw->ports_count,
			MODEL_PORTS_MAX);
	lb->ports = config_array(reader, raw->ports_count, sizeof(*lb->ports));
	if (!lb->ports)
		return;
	lb->n_ports = raw->ports_count;
	for (size_t i = 0; i < lb->n_ports; i++) {
		struct config_path port = config_path("%s.ports[%zu]", path, i);

		build_port(reader, port.text, &raw->ports[i], &lb->ports[i]);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(lb->ports[j].name, lb->ports[i].name) == 0)
				config_fail(reader, port.text, "name", "'%s' is used twice",
					lb->ports[i].name);
		}
	}
}

static void
build_accesses(struct config_reader *reader, const char *path, const struct raw_lb *raw,
	struct lb_node *lb)
{
	struct config_path control = config_path("%s.control_access", path);
	struct config_path admin = config_path("%s.admin_access", path);

	config_build_access(reader, control.text, raw->control_access, &lb->control_access);
	config_build_access(reader, admin.text, raw->admin_access, &lb->admin_access);
}

/* Which keys a role needs and which it has no use for. */
enum need {
	NEVER,
	MAY,
	MUST
};

static const struct role_keys {
	const char *name;
	enum need metrics, listen, database, lb;
} roles[] = {
	[ROLE_LB] = {"lb", MUST, NEVER, NEVER, MUST},
	[ROLE_WEB] = {"web", MUST, NEVER, NEVER, NEVER},
	[ROLE_APP] = {"app", MUST, MUST, NEVER, NEVER},
	[ROLE_DB] = {"db", NEVER, MUST, MUST, NEVER},
	[ROLE_MONITOR] = {"monitor", NEVER, MUST, NEVER, NEVER},
};

static void
check_need(struct config_reader *reader, const char *path, const char *key, enum need need,
	bool given, const char *role)
{
	if (need == MUST && !given)
		config_fail(
			reader, path, NULL, "a node with role %s needs the key '%s'", role, key);
	if (need == NEVER && given)
		config_fail(reader, path, key, "a node with role %s has no use for this key", role);
}

static void
build_node(struct config_reader *reader, const char *path, const struct raw_node *raw,
	struct node *node)
{
	static const char *const words[] = {"lb", "web", "app", "db", "monitor", NULL};
	static const char *const database_roles[] = {"primary", "replica", NULL};
	const struct role_keys *keys;

	node->name = config_name(reader, path, "name", raw->name);
	node->role = (enum node_role)config_word(reader, path, "role", raw->role, words, -1);
	keys = &roles[node->role];
	check_need(reader, path, "metrics", keys->metrics, raw->metrics, keys->name);
	check_need(reader, path, "listen", keys->listen, raw->listen, keys->name);
	check_need(reader, path, "database", keys->database, raw->database, keys->name);
	check_need(reader, path, "lb", keys->lb, raw->lb, keys->name);
	node->metrics = config_endpoint(reader, path, "metrics", raw->metrics);
	node->listen = config_endpoint(reader, path, "listen", raw->listen);
	if (node->role == ROLE_LB && raw->lb) {
		struct config_path lb = config_path("%s.lb", path);

		build_lb(reader, lb.text, raw->lb, &node->lb);
		build_accesses(reader, lb.text, raw->lb, &node->lb);
	}
	if (node->role == ROLE_DB) {
		node->db.listen = node->listen;
		node->db.role = (enum database_role)config_word(
			reader, path, "database", raw->database, database_roles, DATABASE_PRIMARY);
	}
}

void
config_build_nodes(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	const struct node *primary = NULL;

	if (raw->nodes_count == 0)
		config_fail(reader, "", NULL, "the list 'nodes' is missing or empty");
	model->nodes = config_array(reader, raw->nodes_count, sizeof(*model->nodes));
	if (!model->nodes)
		return;
	for (size_t i = 0; i < raw->nodes_count; i++) {
		struct config_path path = config_path("nodes[%zu]", i);
		struct node *node = &model->nodes[i];

		build_node(reader, path.text, &raw->nodes[i], node);
		if (model_node(model, node->name))
			config_fail(reader, path.text, "name", "'%s' is used twice", node->name);
		if (node->role == ROLE_DB && node->db.role == DATABASE_PRIMARY) {
			if (primary)
				config_fail(reader, path.text, "database",
					"%s and %s are both the primary: there can be one",
					primary->name, node->name);
			primary = node;
		}
		model->n_nodes = i + 1;
	}
}
