/* SPDX-License-Identifier: BSD-3-Clause */
/* App nodes and their state; see upstream_set.h. */
#include "webtier/upstream_set.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add_node(struct upstream_set *set, const struct node *node, enum upstream_state state)
{
	size_t n = atomic_load(&set->n_nodes);
	struct upstream_node *upstream = &set->nodes[n];

	assert(n < set->n_max);
	snprintf(upstream->name, sizeof(upstream->name), "%s", node->name);
	upstream->endpoint = node->listen;
	endpoint_format(&node->listen, upstream->host, sizeof(upstream->host));
	atomic_init(&upstream->state, state);
	atomic_init(&upstream->ejected_until_ns, 0);
	/* Whoever sees the number sees the node. */
	atomic_store(&set->n_nodes, n + 1);
}

int
upstream_set_init(struct upstream_set *set, const struct model *model)
{
	const struct node *node = NULL;
	size_t n = 0;

	memset(set, 0, sizeof(*set));
	while ((node = model_next_node(model, ROLE_APP, node)) != NULL)
		n++;
	set->nodes = calloc(n + UPSTREAM_SPARE, sizeof(set->nodes[0]));
	if (!set->nodes)
		return -ENOMEM;
	set->n_max = n + UPSTREAM_SPARE;
	while ((node = model_next_node(model, ROLE_APP, node)) != NULL)
		add_node(set, node, UPSTREAM_UNKNOWN);
	return 0;
}

static bool
is_same(const struct upstream_node *upstream, const struct node *node)
{
	return strcmp(upstream->name, node->name) == 0 &&
	       upstream->endpoint.port == node->listen.port &&
	       addr_equal(&upstream->endpoint.addr, &node->listen.addr);
}

static struct upstream_node *
find_node(struct upstream_set *set, const struct node *node)
{
	for (size_t i = 0; i < set->n_nodes; i++) {
		if (is_same(&set->nodes[i], node))
			return &set->nodes[i];
	}
	return NULL;
}

static bool
is_wanted(const struct upstream_node *upstream, const struct model *model)
{
	const struct node *node = NULL;

	while ((node = model_next_node(model, ROLE_APP, node)) != NULL) {
		if (is_same(upstream, node))
			return true;
	}
	return false;
}

/* Where others serve a new one need not be tried before its check has succeeded. */
int
upstream_set_update(struct upstream_set *set, const struct model *model, struct err *err)
{
	const struct node *node = NULL;
	size_t n_new = 0;

	while ((node = model_next_node(model, ROLE_APP, node)) != NULL)
		n_new += !find_node(set, node);
	if (set->n_nodes + n_new > set->n_max)
		return err_set(err, -ENOSPC,
			"%zu app nodes have come and gone: restart the web tier to take more",
			(size_t)set->n_nodes);
	for (size_t i = 0; i < set->n_nodes; i++) {
		if (!is_wanted(&set->nodes[i], model))
			atomic_store(&set->nodes[i].state, UPSTREAM_GONE);
	}
	while ((node = model_next_node(model, ROLE_APP, node)) != NULL) {
		struct upstream_node *upstream = find_node(set, node);
		int gone = UPSTREAM_GONE;

		if (!upstream)
			add_node(set, node, UPSTREAM_DOWN);
		else
			atomic_compare_exchange_strong(&upstream->state, &gone, UPSTREAM_DOWN);
	}
	return 0;
}

void
upstream_set_fini(struct upstream_set *set)
{
	free(set->nodes);
	memset(set, 0, sizeof(*set));
}

void
upstream_eject(struct upstream_node *node, uint64_t now_ns)
{
	atomic_store_explicit(
		&node->ejected_until_ns, now_ns + UPSTREAM_EJECT_NS, memory_order_relaxed);
}

bool
upstream_is_ejected(const struct upstream_node *node, uint64_t now_ns)
{
	return now_ns < atomic_load_explicit(&node->ejected_until_ns, memory_order_relaxed);
}

void
upstream_health_init(struct upstream_health *health, uint32_t rise, uint32_t fall)
{
	assert(rise > 0 && fall > 0);
	memset(health, 0, sizeof(*health));
	health->rise = rise;
	health->fall = fall;
	health->state = UPSTREAM_UNKNOWN;
}

bool
upstream_health_result(struct upstream_health *health, bool success)
{
	enum upstream_state seen = success ? UPSTREAM_UP : UPSTREAM_DOWN;

	if (seen == health->state) {
		health->n_run = 0;
		return false;
	}
	health->n_run++;
	if (health->state != UPSTREAM_UNKNOWN &&
		health->n_run < (success ? health->rise : health->fall))
		return false;
	health->state = seen;
	health->n_run = 0;
	return true;
}
