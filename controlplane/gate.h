/* SPDX-License-Identifier: BSD-3-Clause */
/* May this node hold virtual routers at all? Only while its dataplane is connected, has taken the
 * desired state, and knows where the backends are; and not before the checks, which go through the
 * dataplane, have said which of them are up. The last two are waited for only so long: a backend
 * that is down must not keep the node out. Nor before other nodes have told of the flows that they
 * know (flow sync), for which it has more patience: flows would break.
 *
 * Once open, the gate stays open as long as the dataplane is connected. Does no I/O and knows no
 * clock. */
#ifndef CONTROLPLANE_GATE_H
#define CONTROLPLANE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_PATIENCE_MS 3000
#define GATE_SYNC_PATIENCE_MS 30000

struct gate_inputs {
	bool connected;    /* To the dataplane ... */
	bool health_known; /* ... and each check has had its verdict since ... */
	bool accepted;     /* ... it has taken the desired state ... */
	bool ready;        /* ... and has resolved the next hops. */
	bool behind;       /* Other nodes are still telling it of their flows. */
};

struct gate {
	struct gate_inputs inputs;
	uint64_t connected_ns; /* When 'connected' became true ... */
	uint64_t accepted_ns;  /* ... and 'accepted'. */
	bool settled;          /* Health is known, or has been waited for long enough. */
	bool open;
	const char *why;      /* What is missing; "" when open. */
	uint64_t deadline_ns; /* When gate_update() should be called at the latest. */
};

/* Closed, and not connected. */
void gate_init(struct gate *gate);

/* Takes what has become of the inputs, and the time. Returns true if 'settled' or 'open' has
 * changed. */
bool gate_update(struct gate *gate, const struct gate_inputs *inputs, uint64_t now_ns);

#endif /* CONTROLPLANE_GATE_H */
