/* SPDX-License-Identifier: BSD-3-Clause */
/* May this node hold virtual routers at all? Only while its dataplane is connected, has taken the
 * desired state, and knows where the backends are; and not before the checks have said which of
 * them are up. The last two are waited for only so long: a backend that is down must not keep the
 * node out.
 *
 * Once open, the gate stays open as long as the dataplane is connected. Does no I/O and knows no
 * clock. */
#ifndef CONTROLPLANE_GATE_H
#define CONTROLPLANE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define GATE_PATIENCE_MS 3000

struct gate_inputs {
	bool health_known; /* Each check has its first verdict. */
	bool connected;    /* To the dataplane ... */
	bool accepted;     /* ... which has taken the state of this connection ... */
	bool ready;        /* ... and has resolved the next hops. */
};

struct gate {
	struct gate_inputs inputs;
	uint64_t start_ns;    /* Of the process. */
	uint64_t accepted_ns; /* When 'accepted' became true. */
	bool settled;         /* Health is known, or has been waited for long enough. */
	bool open;
	const char *why;      /* What is missing; "" when open. */
	uint64_t deadline_ns; /* When gate_update() should be called at the latest. */
};

void gate_init(struct gate *gate, uint64_t now_ns);

/* Takes what has become of the inputs, and the time. Returns true if 'settled' or 'open' has
 * changed. */
bool gate_update(struct gate *gate, const struct gate_inputs *inputs, uint64_t now_ns);

#endif /* CONTROLPLANE_GATE_H */
