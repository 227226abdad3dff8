/* SPDX-License-Identifier: BSD-3-Clause */
/* The load balancer that a benchmark measures: one port, one virtual router, so many services over
 * so many backends whose neighbours are all known, and snapshots of that. */
#ifndef TESTS_BENCH_SCENE_H
#define TESTS_BENCH_SCENE_H

#include "common/control.h"
#include "dataplane/persistence.h"
#include "dataplane/snapshot.h"

struct scene_config {
	uint32_t n_services;
	uint32_t n_backends;
	uint8_t mode;      /* enum forward_mode */
	uint8_t tunnel;    /* enum tunnel_type */
	uint8_t scheduler; /* enum scheduler_kind */
	uint8_t family;    /* enum addr_family: of virtual addresses and backends. */
	uint8_t protocol;  /* enum protocol */
};

struct scene {
	struct port_table ports; /* One, "front". */
	struct nexthop_table *nexthops;
	struct lease_table *leases;
	struct persistence *persistence;
	struct control_state state;
	struct control_router router;
	struct control_pool pool;
	struct control_local local;
};

/* 'mac' is the port's. Returns 0, or a negative errno with 'err' set. */
int scene_init(struct scene *scene, const struct scene_config *config, const uint8_t mac[static 6],
	struct err *err);
void scene_fini(struct scene *scene);

/* Makes a snapshot that follows 'previous' (NULL: the first). From the second on each gives another
 * backend another weight, so that tables have to be built anew. Returns as scene_init(). */
int scene_snapshot(struct scene *scene, struct snapshot **out, const struct snapshot *previous,
	struct err *err);

#endif /* TESTS_BENCH_SCENE_H */
