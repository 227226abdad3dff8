/* SPDX-License-Identifier: BSD-3-Clause */
/* Which virtual routers this node holds, and until when: the source of the lease messages.
 *
 * Each router is held until a time of its own, extended with each advert that was really sent. The
 * dataplane takes one time for all, so a message carries the earliest; the next one,
 * sent with the next advert of any router, carries the others on. Thus no router is held longer
 * than its last advert allows. Does no I/O and knows no clock. */
#ifndef CONTROLPLANE_LEASE_H
#define CONTROLPLANE_LEASE_H

#include "common/control.h"
#include "common/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lease {
	uint64_t until_ns[MODEL_ROUTERS_MAX]; /* 0: not held. */
	bool announce[MODEL_ROUTERS_MAX];     /* To be announced again with the next message. */
	bool changed; /* Something happened that the dataplane has not been told. */
};

/* Nothing is held. */
void lease_init(struct lease *lease);

void lease_hold(struct lease *lease, size_t router, uint64_t until_ns);
void lease_let_go(struct lease *lease, size_t router);

/* Somebody else believes to hold 'router': if it is held here, the network is to be told again. */
void lease_announce(struct lease *lease, size_t router);

/* True if 'router' is held at 'now_ns'. */
bool lease_is_held(const struct lease *lease, size_t router, uint64_t now_ns);

/* The dataplane knows nothing of what it was told before (a new connection). */
void lease_forget(struct lease *lease);

/* Fills '*out' with what holds at 'now_ns'; names[i] is the name of router i. Clears 'changed'.
 * Returns 0 or -ENOMEM. The caller ends with control_lease_fini(). */
int lease_message(struct lease *lease, const char *const *names, size_t n_names, uint64_t now_ns,
	struct control_lease *out);

#endif /* CONTROLPLANE_LEASE_H */
