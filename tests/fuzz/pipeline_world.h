/* SPDX-License-Identifier: BSD-3-Clause */
/* What the pipeline's fuzz target plays with: two ports, a few backends whose neighbours come and
 * go, leases, a clock, and prepared states that follow each other in any order. */
#ifndef TESTS_FUZZ_PIPELINE_WORLD_H
#define TESTS_FUZZ_PIPELINE_WORLD_H

#include "common/clock.h"
#include "common/control.h"
#include "dataplane/pipeline.h"

#define WORLD_PORTS 2
#define WORLD_ROUTERS 2  /* front4 and front6, on port 0, for the VIP of their family. */
#define WORLD_BACKENDS 4 /* Of each pool. */
#define WORLD_HOSTS 6    /* Addresses of each family that are backends. */
#define WORLD_POOLS 4    /* Even ones IPv4, odd ones IPv6. */
#define WORLD_SERVICES 8
#define WORLD_STATES 9
#define WORLD_START_NS UINT64_C(1000000000000)
#define WORLD_SPAN_NS (3600 * NS_PER_S) /* How far an input may move the clock. */
#define WORLD_STARTS 65536              /* Inputs until one starts at WORLD_START_NS again. */

#define WORLD_VIP4 "192.0.2.100"
#define WORLD_VIP4_ALONE "192.0.2.101" /* Of a service, but of no router. */
#define WORLD_VIP6 "2001:db8::100"

/* One prepared state and the snapshot of it. */
struct prepared {
	struct control_state state;
	struct addr vips[WORLD_ROUTERS];
	struct control_router routers[WORLD_ROUTERS];
	struct control_backend backends[WORLD_POOLS][WORLD_BACKENDS];
	struct control_pool pools[WORLD_POOLS];
	struct control_service services[WORLD_SERVICES];
	struct snapshot *snapshot;
};

struct fuzz_world {
	struct port_table ports;
	struct nexthop_table *nexthops;
	struct lease_table *leases;
	struct pipeline *pipeline;
	struct prepared prepared[WORLD_STATES];
	const struct prepared *now; /* NULL: no state yet. */
	uint64_t start_ns;          /* Of the input. */
	uint64_t now_ns;
	uint64_t held_until_ns[WORLD_ROUTERS];
	uint32_t n_buckets;
	uint64_t n_swept; /* Buckets, since the start. */
};

void world_new(struct fuzz_world *world);

/* Back to the beginning, but later than all before: no flow, no fragment, no state, no lease, all
 * neighbours known. */
void world_reset(struct fuzz_world *world);

void world_move_clock(struct fuzz_world *world, uint64_t ns);
void world_set_lease(struct fuzz_world *world, unsigned int router, uint64_t ttl_ns);
void world_set_state(struct fuzz_world *world, unsigned int index);
void world_sweep(struct fuzz_world *world, uint32_t n_buckets);

/* Makes a host's neighbour entry known with the address 'version', or unknown. */
void world_set_neighbour(
	struct fuzz_world *world, bool v6, unsigned int host, bool known, uint8_t version);

#endif /* TESTS_FUZZ_PIPELINE_WORLD_H */
