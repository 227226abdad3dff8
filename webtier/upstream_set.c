/* SPDX-License-Identifier: BSD-3-Clause */
/* App nodes and their state; see upstream_set.h. */
#include "webtier/upstream_set.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
upstream_set_init(struct upstream_set *set, const struct model *model)
{
	const struct node *node = NULL;
	size_t n = 0;

	memset(set, 0, sizeof(*set));
	while ((node = model_next_node(model, ROLE_APP, node)) != NULL)
		n++;
	if (n == 0)
		return 0;
	set->nodes = calloc(n, sizeof(set->nodes[0]));
	if (!set->nodes)
		return -ENOMEM;
	while ((node = model_next_node(model, ROLE_APP, node)) != NULL) {
		struct upstream_node *upstream = &set->nodes[set->n_nodes++];

		upstream->name = node->name;
		upstream->endpoint = node->listen;
		endpoint_format(&node->listen, upstream->host, sizeof(upstream->host));
		atomic_init(&upstream->state, UPSTREAM_UNKNOWN);
		atomic_init(&upstream->ejected_until_ns, 0);
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
