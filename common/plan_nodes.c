/* SPDX-License-Identifier: BSD-3-Clause */
/* What a change of a node does; see plan_data.h. */
#include "common/plan_data.h"

#define DP PLAN_DATAPLANE
#define CP PLAN_CONTROLPLANE
#define WEB PLAN_WEBTIER
#define APP PLAN_APPTIER
#define MON PLAN_MONITOR

/* --- Ports of a load balancer --- */

static const struct plan_treatment of_dataplane = {0, DP,
	"those that only this node knows break when its dataplane restarts; the peer takes over",
	true};
static const struct plan_treatment of_both = {0, DP | CP,
	"those that only this node knows break when its dataplane restarts; the peer takes over",
	true};
static const struct plan_treatment of_control = {
	0, CP, "none; the peer takes over while the control plane restarts", true};
static const struct plan_treatment of_locals = {
	CP, 0, "those from a local address that goes break", false};
static const struct plan_treatment of_sync = {
	CP, 0, "none; the nodes tell each other of all flows anew", false};
static const struct plan_treatment of_admin = {
	CP, 0, "none; who is connected keeps the rights that it had", false};
static const struct plan_treatment of_access = {
	DP, 0, "none; who is connected keeps the rights that it had", false};

static const void *
find_ports(const void *parent, size_t *n)
{
	const struct node *node = parent;

	*n = node->lb.n_ports;
	return node->lb.ports;
}

static void
format_locals(FILE *out, const void *field, const void *object)
{
	const struct lb_port *port = object;

	(void)field;
	plan_format_addrs(out, port->locals, port->n_locals);
}

static const struct plan_key port_keys[] = {
	PLAN_KEY(lb_port, device, "device", plan_format_text, of_dataplane),
	PLAN_KEY(lb_port, host_interface, "host_interface", plan_format_text, of_both),
	PLAN_KEY(lb_port, n_queues, "queues", plan_format_u16, of_dataplane),
	PLAN_KEY(lb_port, n_workers, "workers", plan_format_u16, of_dataplane),
	PLAN_KEY(lb_port, vlan, "vlan", plan_format_some16, of_dataplane),
	PLAN_KEY(lb_port, locals, "local_addresses", format_locals, of_locals),
	PLAN_KEYS_END,
};

static const struct plan_class node_parts_class = {"lb.ports", "name", find_ports,
	sizeof(struct lb_port), plan_format_name, port_keys, NULL, &of_both, &of_both, NULL};
static const struct plan_class *const node_parts[] = {&node_parts_class, NULL};

/* --- Nodes --- */

static const struct plan_treatment is_known = {
	CP | WEB | MON, 0, "none", false}; /* Who only has to know of it. */

static const struct plan_treatment *
treat_role(const void *object)
{
	static const struct plan_treatment other = {CP | WEB | MON, APP, "none", false};

	(void)object;
	return &other;
}

static const struct plan_treatment *
treat_metrics(const void *object)
{
	static const struct plan_treatment by_role[] = {
		[ROLE_LB] = {MON, CP, "none; the peer takes over while the control plane restarts",
			true},
		[ROLE_WEB] = {MON, WEB, "connections are drained when the web tier restarts", true},
		[ROLE_APP] = {MON, APP, "requests under way are finished before the restart", true},
		[ROLE_DB] = {MON, 0, "none", false},
		[ROLE_MONITOR] = {MON, 0, "none", false},
	};

	return &by_role[((const struct node *)object)->role];
}

static const struct plan_treatment *
treat_listen(const void *object)
{
	static const struct plan_treatment by_role[] = {
		[ROLE_LB] = {0, 0, "none", false},
		[ROLE_WEB] = {0, 0, "none", false},
		[ROLE_APP] = {WEB, APP, "requests under way are finished before the restart", true},
		[ROLE_DB] = {MON, APP, "requests under way are finished before the restart", false},
		[ROLE_MONITOR] = {0, MON, "none", true},
	};

	return &by_role[((const struct node *)object)->role];
}

static const struct plan_treatment *
treat_node(enum plan_action action, const void *object)
{
	static const struct plan_treatment app_added = {
		WEB | MON, 0, "none; it gets requests when its check succeeds", false};
	static const struct plan_treatment app_removed = {
		WEB | MON, 0, "it gets no new requests; those under way are finished", false};
	static const struct plan_treatment db = {
		MON, APP, "requests under way are finished before the restart", false};
	const struct node *node = object;

	if (node->role == ROLE_APP)
		return action == PLAN_ADDED ? &app_added : &app_removed;
	return node->role == ROLE_DB ? &db : &is_known;
}

static void
format_role(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(node_role_name(*(const enum node_role *)field), out);
}

static void
format_database(FILE *out, const void *field, const void *object)
{
	if (((const struct node *)object)->role == ROLE_DB)
		fputs(*(const enum database_role *)field == DATABASE_PRIMARY ? "primary"
									     : "replica",
			out);
}

/* Members that others than load balancers have without meaning. */
static void
format_lb_number(FILE *out, const void *field, const void *object)
{
	if (((const struct node *)object)->role == ROLE_LB)
		plan_format_u32(out, field, object);
}

static void
format_wake_latency(FILE *out, const void *field, const void *object)
{
	int32_t limit_us = *(const int32_t *)field;

	if (((const struct node *)object)->role == ROLE_LB && limit_us != MODEL_NO_LIMIT)
		fprintf(out, "%d", limit_us);
}

static void
format_lb_bool(FILE *out, const void *field, const void *object)
{
	if (((const struct node *)object)->role == ROLE_LB)
		plan_format_bool(out, field, object);
}

static void
format_lb_mode(FILE *out, const void *field, const void *object)
{
	if (((const struct node *)object)->role == ROLE_LB)
		fprintf(out, "%04o", *(const uint16_t *)field);
}

#define ACCESS_KEYS(name, member, treatment)                                                    \
	PLAN_KEY(node, lb.member.owner, name ".owner", plan_format_text, treatment),            \
		PLAN_KEY(node, lb.member.group, name ".group", plan_format_text, treatment),    \
		PLAN_KEY(node, lb.member.mode, name ".mode", format_lb_mode, treatment),        \
		PLAN_KEY(node, lb.member.write_users, name ".write_users", plan_format_words,   \
			treatment),                                                             \
		PLAN_KEY(node, lb.member.write_groups, name ".write_groups", plan_format_words, \
			treatment)

static const struct plan_key node_keys[] = {
	{"role", offsetof(struct node, role), format_role, NULL, treat_role},
	{"metrics", offsetof(struct node, metrics), plan_format_endpoint, NULL, treat_metrics},
	{"listen", offsetof(struct node, listen), plan_format_endpoint, NULL, treat_listen},
	{"database", offsetof(struct node, db.role), format_database, NULL, treat_role},
	PLAN_KEY(node, lb.memory_mb, "lb.memory_mb", format_lb_number, of_dataplane),
	PLAN_KEY(node, lb.hugepages, "lb.hugepages", format_lb_bool, of_dataplane),
	PLAN_KEY(node, lb.n_flows, "lb.flows", format_lb_number, of_dataplane),
	PLAN_KEY(node, lb.cores, "lb.cores", plan_format_text, of_dataplane),
	PLAN_KEY(node, lb.wake_latency_us, "lb.wake_latency_us", format_wake_latency, of_dataplane),
	PLAN_KEY(node, lb.control_socket, "lb.control_socket", plan_format_text, of_both),
	PLAN_KEY(node, lb.admin_socket, "lb.admin_socket", plan_format_text, of_control),
	PLAN_KEY(node, lb.sync_address, "lb.sync_address", plan_format_addr, of_sync),
	ACCESS_KEYS("lb.control_access", control_access, of_access),
	ACCESS_KEYS("lb.admin_access", admin_access, of_admin),
	PLAN_KEYS_END,
};

static const void *
find_nodes(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_nodes;
	return model->nodes;
}

const struct plan_class plan_nodes = {"nodes", "name", find_nodes, sizeof(struct node),
	plan_format_name, node_keys, node_parts, NULL, NULL, treat_node};
