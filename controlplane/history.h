/* SPDX-License-Identifier: BSD-3-Clause */
/* The last transitions of this node's virtual routers: a ring that forgets the oldest. */
#ifndef CONTROLPLANE_HISTORY_H
#define CONTROLPLANE_HISTORY_H

#include "controlplane/vrrp_fsm.h"

#include <stddef.h>
#include <stdint.h>

#define HISTORY_MAX 256

#define TRANSITION_GONE SIZE_MAX /* Of a router that is no longer there. */

struct transition {
	uint64_t at_ns;
	size_t router; /* Its index in the cluster, or TRANSITION_GONE. */
	enum vrrp_state from;
	enum vrrp_state to;
	char why[VRRP_WHY_SIZE];
};

struct history {
	struct transition transitions[HISTORY_MAX];
	uint64_t n; /* Since the start; the ring has the last HISTORY_MAX of them. */
};

/* The transition to fill for what happens now. */
struct transition *history_add(struct history *history);

/* How many there are to see, and the one with the index 'i', the oldest being 0. */
size_t history_n(const struct history *history);
const struct transition *history_at(const struct history *history, size_t i);

#endif /* CONTROLPLANE_HISTORY_H */
