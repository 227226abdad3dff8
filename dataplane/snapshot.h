/* SPDX-License-Identifier: BSD-3-Clause */
/* The desired state made ready for the packet path.
 *
 * A snapshot is built off the packet path from a control_state, never changed, published by one
 * store and freed when every worker has moved on. Flows outlive snapshots, so VIPs, services and
 * backends have small ids that stay the same as long as the thing itself is in the state:
 *   VIP      its address
 *   service  address, port, protocol
 *   backend  pool's name, own name and address
 * An id that becomes free is used again as late as possible. All ids start at 1.
 *
 * Begun and freed by the control thread; read by all. */
#ifndef DATAPLANE_SNAPSHOT_H
#define DATAPLANE_SNAPSHOT_H

#include "common/addr.h"
#include "common/control.h"
#include "common/err.h"
#include "dataplane/lease.h"
#include "dataplane/nexthop.h"
#include "dataplane/port_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct sync_views;
struct virtual_macs;

/* The tables that a snapshot refers to; they live longer than it. */
struct snapshot_tables {
	const struct port_table *ports;
	struct nexthop_table *nexthops;
	struct lease_table *leases;
	const struct sync_views *views; /* Of the node that held before (flow sync); NULL: none. */
};

/* A virtual router: what a lease is about, and what is announced when it is gained. */
struct snapshot_router {
	char name[CONTROL_NAME_SIZE];
	uint16_t lease; /* Slot in the lease table. */
	uint16_t port;  /* Index into the port table. */
	uint8_t mac[6]; /* Of its addresses: a virtual one, or the port's. */
	bool virtual_mac;
	const struct addr *addresses; /* Local ones last. */
	size_t n_addresses;
};

struct snapshot_vip {
	struct addr addr;
	uint16_t id;
	uint16_t lease; /* LEASE_NONE: of no router. */
	uint16_t port;  /* That it is answered on. */
	bool local;     /* Mode fullnat speaks from it. Always held if of no router. */
	bool accept;    /* Answers echo requests. */
	bool probed;    /* This node's host speaks to it: snapshot_service.probe_port. */
	uint8_t mac[6]; /* What ARP and ND say. */
};

struct snapshot_service {
	char name[CONTROL_NAME_SIZE];
	struct addr address;
	uint16_t port; /* Host order; 0: all ports. */
	uint8_t protocol;
	uint8_t mode;           /* enum forward_mode */
	uint8_t scheduler;      /* enum scheduler_kind */
	uint8_t client_address; /* enum client_address */
	bool is_new;            /* Not in the previous snapshot. */
	uint16_t id;
	uint32_t pool; /* Index into the state's pools. */
	/* The host's packets from this port on are probes of the pool's backends; 0: none are. */
	uint16_t probe_port;
	const struct snapshot_backend *probed; /* Of these, ... */
	size_t n_probed;                       /* ... so many. */
};

struct snapshot_backend {
	char pool[CONTROL_NAME_SIZE];
	char name[CONTROL_NAME_SIZE];
	struct addr addr;
	uint16_t id;
	uint16_t nexthop; /* Slot in the next hop table. */
	uint16_t weight;
	bool up;
	bool is_new; /* Not in the previous snapshot. */
};

/* Builds a snapshot of 'state'; ids are those of 'previous' (NULL: none), which is not changed.
 * Acquires the next hops of all backends and the leases of all routers. Returns 0 and what the
 * caller frees, or a negative errno with 'err' set and '*out' untouched. */
int snapshot_new(struct snapshot **out, const struct control_state *state,
	const struct snapshot *previous, const struct snapshot_tables *tables, struct err *err);

/* The same in two steps, of which the longer one, the second, may be done by another thread while
 * 'previous' stays and no other snapshot is built or freed. The first, the control thread's, has
 * acquired all leases and next hops when it returns. What it returned is the caller's to free also
 * when the second step fails. */
int snapshot_begin(struct snapshot **out, const struct control_state *state,
	const struct snapshot_tables *tables, struct err *err);
int snapshot_build(struct snapshot *snapshot, const struct control_state *state,
	const struct snapshot *previous, struct err *err);

/* Releases next hops and leases and frees the snapshot. No worker may be using it. */
void snapshot_free(struct snapshot *snapshot);

uint64_t snapshot_generation(const struct snapshot *snapshot);
const struct flow_timeouts *snapshot_flow_timeouts(const struct snapshot *snapshot);

/* Whether a service needs flow tables to keep sequence numbers. */
bool snapshot_keeps_sequences(const struct snapshot *snapshot);

/* The snapshot's content in the order of the state. */
const struct snapshot_router *snapshot_routers(const struct snapshot *snapshot, size_t *n);
const struct snapshot_vip *snapshot_vips(const struct snapshot *snapshot, size_t *n);
const struct snapshot_service *snapshot_services(const struct snapshot *snapshot, size_t *n);
const struct snapshot_backend *snapshot_backends(const struct snapshot *snapshot, size_t *n);

/* Who has which virtual MAC; NULL: no router has one. */
const struct virtual_macs *snapshot_virtual_macs(const struct snapshot *snapshot);

/* What has an id or an address, or NULL. */
const struct snapshot_vip *snapshot_vip_by_id(const struct snapshot *snapshot, uint16_t id);
const struct snapshot_vip *snapshot_vip_by_addr(
	const struct snapshot *snapshot, const struct addr *addr);
const struct snapshot_backend *snapshot_backend_by_id(const struct snapshot *snapshot, uint16_t id);

/* The id of the backend of a pool (an index into the state's) with this maglev_seed(), or 0. */
uint16_t snapshot_backend_by_seed(const struct snapshot *snapshot, uint32_t pool, uint64_t seed);

const struct snapshot_service *snapshot_service_find(const struct snapshot *snapshot,
	const struct addr *address, uint16_t port, uint8_t protocol);

#endif /* DATAPLANE_SNAPSHOT_H */
