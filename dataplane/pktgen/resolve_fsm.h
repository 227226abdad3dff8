/* SPDX-License-Identifier: BSD-3-Clause */
/* Asking for the next hop's link-layer address: when to ask, and when to give up. Knows no clock.
 */
#ifndef DATAPLANE_PKTGEN_RESOLVE_FSM_H
#define DATAPLANE_PKTGEN_RESOLVE_FSM_H

#include "common/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_INTERVAL_NS (500 * NS_PER_MS)

enum resolve_action {
	RESOLVE_WAIT,
	RESOLVE_ASK,
	RESOLVE_FAIL
};

struct resolve {
	uint32_t n_left;  /* Questions. */
	uint64_t next_ns; /* When the next thing is to be done. */
};

/* Asks at once, and up to 'n_questions' times (at least 1). */
static inline void
resolve_init(struct resolve *resolve, uint32_t n_questions, uint64_t now_ns)
{
	*resolve = (struct resolve){.n_left = n_questions, .next_ns = now_ns};
}

/* What to do at 'now_ns', as long as there is no answer. */
static inline enum resolve_action
resolve_tick(struct resolve *resolve, uint64_t now_ns)
{
	if (now_ns < resolve->next_ns)
		return RESOLVE_WAIT;
	if (resolve->n_left == 0)
		return RESOLVE_FAIL;
	resolve->n_left--;
	resolve->next_ns = now_ns + RESOLVE_INTERVAL_NS;
	return RESOLVE_ASK;
}

#endif /* DATAPLANE_PKTGEN_RESOLVE_FSM_H */
