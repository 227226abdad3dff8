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

/* Addresses that packets to backends come from in mode fullnat. */
struct nat_local {
	uint8_t address[16];
	uint16_t id;    /* As a VIP has. */
	uint16_t lease; /* LEASE_NONE: the node's own. */
};

/* Those of one port and family. */
struct nat_locals {
	struct nat_local locals[MODEL_LOCALS_MAX];
	uint32_t n;
	bool any_leased; /* Some are of virtual routers. */
};

struct snapshot_nat {
	/* (address, port, protocol) that backends send from, their addresses with port and protocol
	 * 0, and local addresses that they send to, likewise and with FLOW_LOCAL in 'family'. The
	 * family of all of them has FLOW_REVERSE. */
	struct service_table returns;
	bool any_local;
	struct nat_real *reals; /* By backend id. */
	struct nat_locals locals4[MODEL_PORTS_MAX];
	struct nat_locals locals6[MODEL_PORTS_MAX];
};

/* Makes what the state needs; '*out' is NULL if no service has such a mode. To be called when all
 * backends have their ids; they are in 'snapshot' in the order of the state. */
int snapshot_nat_new(struct snapshot_nat **out, const struct control_state *state,
	const struct snapshot *snapshot, struct err *err);
void snapshot_nat_free(struct snapshot_nat *nat);

#endif /* DATAPLANE_SNAPSHOT_NAT_H */
