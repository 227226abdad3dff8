/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside a snapshot. For snapshot.c, which builds it, and the packet path, which reads
 * it; everybody else uses snapshot.h. */
#ifndef DATAPLANE_SNAPSHOT_DATA_H
#define DATAPLANE_SNAPSHOT_DATA_H

#include "dataplane/ids.h"
#include "dataplane/limit.h"
#include "dataplane/maglev.h"
#include "dataplane/rota.h"
#include "dataplane/service.h"
#include "dataplane/snapshot.h"
#include "dataplane/snapshot_lists.h"
#include "dataplane/tunnel.h"
#include "dataplane/virtual_mac.h"

struct schedule;

/* Bits of path_service.options */
#define PATH_SPECIAL 0x01    /* Not Maglev alone: its schedule says how. */
#define PATH_MSS 0x02        /* Clamps the MSS of SYNs: snapshot.path_encaps. */
#define PATH_TUNNEL 0x04     /* Mode tunnel: snapshot.path_encaps. */
#define PATH_TRANSLATED 0x08 /* Mode nat or fullnat: snapshot.nat. */
#define PATH_COOKIES 0x10    /* SYNs are answered with cookies: syn_gate.h. */
#define PATH_LISTED 0x20     /* Clients are let in by lists: snapshot.lists. */
#define PATH_LIMITED 0x40    /* New flows are limited: snapshot.path_limits, path_max_flows. */
#define PATH_METERED 0x80    /* Packets are limited: snapshot.path_limits. */

/* What the packet path needs of a service beside its slot. */
struct path_service {
	const struct maglev *maglev; /* NULL: no backend takes new flows. */
	uint32_t pool;
	uint16_t id;
	uint8_t mode;    /* enum forward_mode */
	uint8_t options; /* PATH_* */
};

static_assert(sizeof(struct path_service) == 16, "four in a cache line");

/* From so many on, what packets need of their services is brought near in time: below, all of it
 * stays in the first-level cache, and asking for it only costs. */
#define SNAPSHOT_MANY_SERVICES 128

/* A backend as the packet path needs it; all of them fit the first-level cache. */
struct path_backend {
	uint16_t nexthop;
	uint16_t pool;   /* Index of its pool, to be compared with the service's. */
	uint16_t weight; /* 0: takes no new flows. */
	bool usable;     /* Up: keeps its flows, even with weight 0. */
	uint8_t reserved;
};

static_assert(sizeof(struct path_backend) == 8, "eight in a cache line");

/* What else the packet path needs of services that are in mode tunnel or fullnat or clamp the MSS.
 */
struct path_encap {
	struct tunnel_outer outer;
	struct tunnel tunnel;
	uint16_t mss;
	uint8_t client_address; /* enum client_address, of mode fullnat */
};

struct snapshot_pool {
	char name[CONTROL_NAME_SIZE];
	struct maglev *maglev; /* Shared with other snapshots; NULL: nobody takes new flows. */
	struct rota *rota;     /* As 'maglev'; NULL also if no service goes by turns. */
	uint16_t id;           /* Stays with the pool. */
};

/* A backend as other nodes know it. */
struct snapshot_seed {
	uint64_t seed; /* maglev_seed() */
	uint32_t pool; /* Index in the snapshot. */
	uint16_t id;
};

/* In a former table: a backend that this snapshot does not have. No backend's id. */
#define SNAPSHOT_BACKEND_ELSEWHERE UINT16_MAX

struct snapshot {
	/* Packet path. */
	struct service_table table;
	bool has_probes;                    /* A service has a probe_port. */
	bool many_services;                 /* More than stay in the first-level cache. */
	struct path_service *path_services; /* In the order of the state. */
	struct schedule *schedules;         /* Beside 'path_services'. */
	struct path_backend *path_backends; /* By id. */
	const struct snapshot_vip **vips_by_id;
	struct path_limit *path_limits; /* In the order of the state. */
	uint32_t *path_max_flows;       /* Of backends, by id; 0: any number. */
	struct path_encap *path_encaps; /* In the order of the state. */
	struct addr *path_addrs;        /* Of backends, by id. */
	struct snapshot_nat *nat;       /* NULL: no service whose packets come back. */
	struct snapshot_lists *lists;
	bool keeps_sequences;              /* A service shifts sequence numbers: flow_sequence(). */
	struct virtual_macs *virtual_macs; /* NULL: no router has one. */
	uint64_t former_tcp_ns; /* How long after it was gained an address goes by former tables. */
	uint64_t former_udp_ns;

	/* The rest belongs to the control thread. */
	struct snapshot_tables tables;
	uint16_t *leases; /* Acquired: of all routers, in the order of the state. */
	size_t n_leases;
	uint16_t *hops; /* Acquired: of all backends, in the order of the state. */
	size_t n_hops;
	uint64_t generation;
	struct flow_timeouts flow_timeouts;
	struct ids *vip_ids;
	struct ids *service_ids;
	struct ids *backend_ids;
	struct ids *pool_ids;   /* Pools by name, to find their tables again. */
	struct addr *addresses; /* Of all routers. */
	struct snapshot_router *routers;
	size_t n_routers;
	struct snapshot_vip *vips;
	size_t n_vips;
	struct snapshot_pool *pools;
	size_t n_pools;
	uint32_t *pools_by_id; /* Indices into 'pools'. */
	struct snapshot_service *services;
	size_t n_services;
	struct snapshot_backend *backends;
	size_t n_backends;
	struct snapshot_seed *seeds; /* Of all backends, sorted by pool and seed. */
	struct maglev **formers;     /* Tables that schedules have as former ones. */
	size_t n_formers;
	const struct snapshot_backend **backends_by_id;
};

#endif /* DATAPLANE_SNAPSHOT_DATA_H */
