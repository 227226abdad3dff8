/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow table of one worker: which backend a connection went to.
 *
 * Fixed size, never refuses to work, no timer per flow. See flow.c for the layout. The worker
 * alone changes it; the control thread may list it at the same time with flow_list(). */
#ifndef DATAPLANE_FLOW_H
#define DATAPLANE_FLOW_H

#include "common/addr.h"
#include "common/flow_timeouts.h"
#include "dataplane/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* FLOW_STATE(identifier, "name") */
#define FLOW_STATES                                \
	FLOW_STATE(FREE, "free")                   \
	FLOW_STATE(TCP_EMBRYONIC, "embryonic")     \
	FLOW_STATE(TCP_ESTABLISHED, "established") \
	FLOW_STATE(TCP_FIN, "fin")                 \
	FLOW_STATE(TCP_CLOSED, "closed")           \
	FLOW_STATE(UDP_NEW, "udp_new")             \
	FLOW_STATE(UDP_STREAM, "udp")

enum flow_state {
#define FLOW_STATE(id, name) FLOW_##id,
	FLOW_STATES
#undef FLOW_STATE
		N_FLOW_STATES
};

const char *flow_state_name(enum flow_state state);

struct flow_table;

/* One flow as flow_list() shows it. */
struct flow_view {
	struct addr client;
	uint16_t client_port; /* Host order. */
	uint16_t vip;         /* Id, see snapshot_vip_by_id(). */
	uint16_t vip_port;    /* Host order. */
	uint16_t backend;     /* Id, see snapshot_backend_by_id(). */
	uint8_t protocol;
	enum flow_state state;
	uint64_t idle_ms;
};

/* Buckets for one pipeline_sweep() when it is called once a millisecond: a table for 1 M flows is
 * then swept every 10 s. */
#define FLOW_SWEEP_BUCKETS 16

/* Lists live flows from bucket '*cursor' on (start with 0), at most 'n_max' (at least
 * FLOW_LIST_MIN), and moves '*cursor'. Returns how many; 0 at the end. Any thread: what changes
 * meanwhile is seen before or after, never half. */
#define FLOW_LIST_MIN 16
uint32_t flow_list(const struct flow_table *table, uint64_t now_ns, uint32_t *cursor,
	struct flow_view *views, uint32_t n_max);

/* Puts other timeouts in force, for flows that there are as well. A flow in use may be forgotten
 * when its new timeout is less than what its time may be old (flow_is_steady()), a 64th of the
 * old one. Control thread; the worker sees each number before or after. */
void flow_set_timeouts(struct flow_table *table, const struct flow_timeouts *timeouts);

/* Lets no packet take its flow as it is (flow_is_steady()) that was seen before the last 'n_ticks':
 * it may have been another node's meanwhile. UINT16_MAX: any may be as old as its timeout lets it.
 * As flow_set_timeouts(). */
void flow_limit_steady(struct flow_table *table, uint16_t n_ticks);

/* Live flows, those included that have timed out but were not swept yet. Any thread. */
uint64_t flow_count(const struct flow_table *table);

#endif /* DATAPLANE_FLOW_H */
