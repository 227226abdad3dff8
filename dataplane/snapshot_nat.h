/* SPDX-License-Identifier: BSD-3-Clause */
/* What a snapshot knows of services whose packets come back: how to tell a backend's packets from
 * others, and to what addresses the client's are turned. */
#ifndef DATAPLANE_SNAPSHOT_NAT_H
#define DATAPLANE_SNAPSHOT_NAT_H

#include "common/addr.h"
#include "common/control.h"
#include "common/err.h"
#include "dataplane/service.h"

struct snapshot;

/* A backend as it is addressed. */
struct nat_real {
	uint8_t address[16];
	be16 port;   /* 0: the service's. */
	uint16_t id; /* Of its address: the slot of the next hop. */
};

struct snapshot_nat {
	/* (address, port, protocol) that backends send from; their 'family' has FLOW_REVERSE. */
	struct service_table returns;
	struct nat_real *reals; /* By backend id. */
};

/* Makes what the state needs; '*out' is NULL if no service has such a mode. To be called when all
 * backends have their ids; they are in 'snapshot' in the order of the state. */
int snapshot_nat_new(struct snapshot_nat **out, const struct control_state *state,
	const struct snapshot *snapshot, struct err *err);
void snapshot_nat_free(struct snapshot_nat *nat);

#endif /* DATAPLANE_SNAPSHOT_NAT_H */
