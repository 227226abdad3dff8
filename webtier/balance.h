/* SPDX-License-Identifier: BSD-3-Clause */
/* Which app node gets the next request: the one with the fewest requests of this worker in
 * flight. One balance belongs to one worker; nothing is shared but the nodes' state. */
#ifndef WEBTIER_BALANCE_H
#define WEBTIER_BALANCE_H

#include "webtier/upstream_set.h"

#define BALANCE_NONE (-1) /* All nodes are down. */
#define BALANCE_OPEN (-2) /* All that are up are left alone by their circuits (circuit.h). */
#define BALANCE_FULL (-3) /* All that are left have as many requests as they may. */

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
	uint32_t max_outstanding;    /* Of one node; 0: any number. */
	size_t turn;                 /* Where the search begins, so that equals take turns. */
};

/* Returns 0 or -ENOMEM. 'set' must outlive the balance. */
int balance_init(struct balance *balance, struct upstream_set *set);
void balance_fini(struct balance *balance);

/* The index of a node that may be used: preferably not ejected and not 'tried' (BALANCE_NONE: none
 * was); or one of the above. */
int balance_choose(struct balance *balance, int tried, uint64_t now_ns);

/* How long until a node whose circuit is open may be tried; at least 1. */
uint64_t balance_open_for_ns(const struct balance *balance, uint64_t now_ns);

/* A request to node 'index' begins, and ends. */
void balance_begin(struct balance *balance, int index);
void balance_end(struct balance *balance, int index, bool success);

#endif /* WEBTIER_BALANCE_H */
