/* SPDX-License-Identifier: BSD-3-Clause */
/* What two dataplanes tell each other so that a takeover costs no connection: the seam between the
 * packet path (sync_flows.h), which makes and takes records, and the session (sync_session.h),
 * which carries them in order, none lost and none twice. On the wire: sync_message.h.
 *
 * Ids mean nothing to another node. A backend is its maglev_seed(), which is of its address and
 * name; a service is address, port and protocol; pools and virtual routers are their names.
 *
 * A view comes as one VIEW, then as many VIEW_ROUTER and VIEW_POOL records as it says, the parts of
 * a pool one after the other. It counts when the last has come. A whole account of the flows comes
 * between BULK_BEGIN and BULK_END; flows that it does not name keep what was said before. */
#ifndef DATAPLANE_SYNC_RECORD_H
#define DATAPLANE_SYNC_RECORD_H

#include "common/addr.h"
#include "common/model.h"
#include "dataplane/sequence.h"

#include <stdbool.h>
#include <stdint.h>

#define SYNC_NAME_SIZE (MODEL_NAME_MAX + 1)
#define SYNC_PART_TAKERS 64 /* Takers of a pool that one record names. */
#define SYNC_HOP_SIZE 6     /* Bytes of a link-layer address. */

/* The numbers are those on the wire. */
enum sync_op {
	SYNC_FLOW_PUT = 1,    /* flow: it is there, or was changed. */
	SYNC_FLOW_DEL = 2,    /* flow: it is gone; only its key counts. */
	SYNC_VIEW = 3,        /* view */
	SYNC_VIEW_ROUTER = 4, /* router */
	SYNC_VIEW_POOL = 5,   /* pool */
	SYNC_BULK_BEGIN = 6,
	SYNC_BULK_END = 7,
};

struct sync_flow {
	struct addr client;
	struct addr vip;
	struct addr local; /* Mode fullnat: what the backend sees as its client; else ADDR_NONE. */
	uint64_t backend;  /* maglev_seed() */
	struct sequence sequence; /* Zero if the flow has none. */
	uint16_t client_port;     /* Ports in host order. */
	uint16_t vip_port;
	uint16_t local_port;
	uint16_t idle_s;  /* Since its last packet. */
	uint8_t protocol; /* IANA number. */
	uint8_t state;    /* enum flow_state; never FLOW_FREE. */
	bool paired;      /* Modes nat and fullnat: the backend's packets come back through here. */
	/* If 'paired': the station on the VIP's link that the client's packets come from, to which
	 * the backend's go on; all zero: not known. */
	uint8_t hop[SYNC_HOP_SIZE];
};

/* How the sender would spread flows that it does not know, for the routers that it names: flows for
 * which it does just that are not told. Each router that the sender holds has one view at a time;
 * it is told when that changes, or what the sender holds does. */
struct sync_view {
	uint64_t generation; /* Rises within a session. */
	uint16_t n_routers;  /* VIEW_ROUTER records that follow: the sender holds them. */
	uint16_t n_pools;    /* Pools whose VIEW_POOL records follow. */
};

/* A backend that takes new flows, as its pool's Maglev table has it (struct maglev_member). */
struct sync_taker {
	uint64_t seed;
	uint16_t weight;
};

struct sync_pool {
	char name[SYNC_NAME_SIZE];
	uint16_t n_total; /* Takers of the pool. */
	uint16_t
		first; /* Index of this part's first; the pool is whole when first + n = n_total. */
	uint16_t n;    /* At most SYNC_PART_TAKERS; 0 only of a pool without takers. */
	struct sync_taker takers[SYNC_PART_TAKERS];
};

struct sync_record {
	enum sync_op op;
	union {
		struct sync_flow flow;
		struct sync_view view;
		char router[SYNC_NAME_SIZE]; /* Name of a virtual router. */
		struct sync_pool pool;
	};
};

#endif /* DATAPLANE_SYNC_RECORD_H */
