/* SPDX-License-Identifier: BSD-3-Clause */
/* Choice of app node; see balance.h. */
#include "webtier/balance.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
balance_init(struct balance *balance, struct upstream_set *set)
{
	memset(balance, 0, sizeof(*balance));
	balance->set = set;
	balance->n_outstanding = calloc(set->n_max, sizeof(balance->n_outstanding[0]));
	balance->stats = calloc(set->n_max, sizeof(balance->stats[0]));
	if (balance->n_outstanding && balance->stats)
		return 0;
	balance_fini(balance);
	return -ENOMEM;
}

void
balance_fini(struct balance *balance)
{
	free(balance->n_outstanding);
	free(balance->stats);
	memset(balance, 0, sizeof(*balance));
}

/* How little we want the node: lower is better, below zero is not at all, and why. Having been
 * tried just now weighs more than having been ejected, and both more than any load. */
static int64_t
cost_of(const struct balance *balance, size_t index, int tried, uint64_t now_ns)
{
	const struct upstream_node *node = &balance->set->nodes[index];
	int64_t cost = balance->n_outstanding[index];
	int state = atomic_load_explicit(&node->state, memory_order_relaxed);

	if (state == UPSTREAM_DOWN || state == UPSTREAM_GONE)
		return BALANCE_NONE;
	if (circuit_closed_for_ns(&node->circuit, now_ns) > 0)
		return BALANCE_OPEN;
	if (balance->max_outstanding > 0 && cost >= balance->max_outstanding)
		return BALANCE_FULL;
	if (upstream_is_ejected(node, now_ns))
		cost += INT64_C(1) << 40;
	if ((int)index == tried)
		cost += INT64_C(1) << 41;
	return cost;
}

int
balance_choose(struct balance *balance, int tried, uint64_t now_ns)
{
	size_t n = balance->set->n_nodes;
	int64_t best_cost = INT64_MAX;
	int best = BALANCE_NONE;

	for (size_t i = 0; i < n; i++) {
		size_t index = (balance->turn + i) % n;
		int64_t cost = cost_of(balance, index, tried, now_ns);

		if (cost < 0) {
			if (best < 0 && cost < best)
				best = (int)cost;
		} else if (cost < best_cost) {
			best_cost = cost;
			best = (int)index;
		}
	}
	if (best >= 0)
		balance->turn = (size_t)best + 1;
	return best;
}

uint64_t
balance_open_for_ns(const struct balance *balance, uint64_t now_ns)
{
	uint64_t least_ns = UINT64_MAX;

	for (size_t i = 0; i < balance->set->n_nodes; i++) {
		const struct upstream_node *node = &balance->set->nodes[i];
		int state = atomic_load_explicit(&node->state, memory_order_relaxed);
		uint64_t for_ns = circuit_closed_for_ns(&node->circuit, now_ns);

		if (state != UPSTREAM_DOWN && state != UPSTREAM_GONE && for_ns < least_ns)
			least_ns = for_ns;
	}
	return least_ns == UINT64_MAX || least_ns == 0 ? 1 : least_ns;
}

void
balance_begin(struct balance *balance, int index)
{
	balance->n_outstanding[index]++;
	balance->stats[index].n_requests++;
}

void
balance_end(struct balance *balance, int index, bool success)
{
	assert(balance->n_outstanding[index] > 0);
	balance->n_outstanding[index]--;
	if (!success)
		balance->stats[index].n_failures++;
}
