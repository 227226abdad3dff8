/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtual routers of this node: what the election has made of them, and the operator's wish to
 * hand them over; see cluster.h. */
#include "controlplane/cluster.h"

#include "controlplane/cluster_data.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct router_member *
find_member(const struct virtual_router *router, const struct node *node)
{
	for (size_t i = 0; i < router->n_members; i++) {
		if (router->members[i].node == node)
			return &router->members[i];
	}
	return NULL;
}

void
cluster_init_routers(struct cluster *cluster, uint64_t now_ns)
{
	const struct model *model = cluster->model;

	for (size_t i = 0; i < model->n_routers; i++) {
		const struct router_member *member = find_member(&model->routers[i], cluster->node);

		if (!member)
			continue;
		cluster->routers[cluster->n_routers++] = (struct cluster_router){
			.config = &model->routers[i],
			.configured_priority = member->priority,
			.priority = member->priority,
			.state = VRRP_INIT,
			.since_ns = now_ns,
		};
	}
}

size_t
cluster_n_routers(const struct cluster *cluster)
{
	return cluster->n_routers;
}

const struct cluster_router *
cluster_router(const struct cluster *cluster, size_t i)
{
	assert(i < cluster->n_routers);
	return &cluster->routers[i];
}

int
cluster_failover(struct cluster *cluster, const char *router, struct err *err)
{
	bool held[MODEL_ROUTERS_MAX] = {false};
	bool known = false;
	int n_asked = 0;

	for (size_t i = 0; i < cluster->n_routers; i++) {
		if (router && strcmp(cluster->routers[i].config->name, router) != 0)
			continue;
		known = true;
		held[i] = cluster->routers[i].state == VRRP_MASTER;
		n_asked += held[i];
	}
	if (router && !known)
		return err_set(err, -ENOENT,
			"'%s' is not a virtual router of %s: `weirctl status` lists them", router,
			cluster->node->name);
	if (n_asked == 0)
		return err_set(err, -EINVAL,
			"%s does not hold %s: run this on the node that does (`weirctl status`)",
			cluster->node->name, router ? router : "any virtual router");
	for (size_t i = 0; i < cluster->n_routers; i++) {
		if (held[i] && cluster->listener.on_failover)
			cluster->listener.on_failover(cluster->listener.ctx, i);
	}
	return n_asked;
}

void
cluster_router_count_adverts(
	struct cluster *cluster, size_t router, unsigned int n_sent, unsigned int n_received)
{
	assert(router < cluster->n_routers);
	cluster->routers[router].n_sent += n_sent;
	cluster->routers[router].n_received += n_received;
}

void
cluster_router_set_priority(struct cluster *cluster, size_t router, uint8_t priority)
{
	assert(router < cluster->n_routers);
	cluster->routers[router].priority = priority;
}

void
cluster_router_set_state(struct cluster *cluster, size_t router, enum vrrp_state state,
	const char *why, uint64_t now_ns)
{
	struct cluster_router *entry = &cluster->routers[router];
	struct transition *transition = history_add(&cluster->history);

	assert(router < cluster->n_routers);
	*transition = (struct transition){
		.at_ns = now_ns, .router = router, .from = entry->state, .to = state};
	snprintf(transition->why, sizeof(transition->why), "%s", why ? why : "");
	snprintf(entry->why, sizeof(entry->why), "%s", why ? why : "");
	entry->state = state;
	entry->since_ns = now_ns;
	entry->n_transitions++;
	if (cluster->listener.on_transition)
		cluster->listener.on_transition(cluster->listener.ctx, transition);
}

void
cluster_router_set_master(
	struct cluster *cluster, size_t router, const struct addr *master, uint8_t priority)
{
	assert(router < cluster->n_routers);
	cluster->routers[router].master = *master;
	cluster->routers[router].master_priority = priority;
}
