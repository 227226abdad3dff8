/* SPDX-License-Identifier: BSD-3-Clause */
/* Which app node gets the next request: the one with the fewest requests of this worker in
 * flight. One balance belongs to one worker; nothing is shared but the nodes' state. */
#ifndef WEBTIER_BALANCE_H
#define WEBTIER_BALANCE_H

#include "webtier/upstream_set.h"

#define BALANCE_NONE (-1)

/* Counters of one node in one worker. */
struct balance_stats {
	uint64_t n_requests; /* Attempts made. */
	uint64_t n_failures; /* Attempts without a whole, valid response. */
	uint64_t n_connects; /* Connections opened. */
};

struct balance {
	struct upstream_set *set;
	uint32_t *n_outstanding;     /* By node. */
	struct balance_stats *stats; /* By node. */
	size_t turn;                 /* Where the search begins, so that equals take turns. */
};

/* Returns 0 or -ENOMEM. 'set' must outlive the balance. */
int balance_init(struct balance *balance, struct upstream_set *set);
void balance_fini(struct balance *balance);

/* The index of a node that is not down: preferably not ejected and not 'tried' (BALANCE_NONE: none
 * was); BALANCE_NONE if all are down. */
int balance_choose(struct balance *balance, int tried, uint64_t now_ns);

/* A request to node 'index' begins, and ends. */
void balance_begin(struct balance *balance, int index);
void balance_end(struct balance *balance, int index, bool success);

#endif /* WEBTIER_BALANCE_H */
