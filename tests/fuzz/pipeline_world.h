/* SPDX-License-Identifier: BSD-3-Clause */
/* What the pipeline's fuzz target plays with: two ports, services of all modes
 * (pipeline_services.h), a few backends whose neighbours come and go, leases, a clock, and prepared
 * states that follow each other in any order. */
#ifndef TESTS_FUZZ_PIPELINE_WORLD_H
#define TESTS_FUZZ_PIPELINE_WORLD_H

#include "common/clock.h"
#include "common/control.h"
#include "dataplane/pipeline.h"
#include "pipeline_services.h"

#define WORLD_PORTS 2
#define WORLD_ROUTERS 2  /* front4 and front6, on port 0, for the VIPs of their family. */
#define WORLD_VIPS 2     /* Of each router. */
#define WORLD_BACKENDS 4 /* Of each pool. */
#define WORLD_HOSTS 6    /* Addresses of each family that are backends. */
#define WORLD_POOLS 6    /* Even ones IPv4, odd ones IPv6. */
#define WORLD_LOCALS 2   /* Of each port: one of each family. */
#define WORLD_STATES 14
#define WORLD_START_NS UINT64_C(1000000000000)
#define WORLD_SPAN_NS (3600 * NS_PER_S) /* How far an input may move the clock. */
#define WORLD_STARTS 65536              /* Inputs until one starts at WORLD_START_NS again. */

/* One prepared state and the snapshot of it. */
struct prepared {
	struct control_state state;
	struct addr vips[WORLD_ROUTERS][WORLD_VIPS];
	struct control_router routers[WORLD_ROUTERS];
	struct control_backend backends[WORLD_POOLS][WORLD_BACKENDS];
	struct control_pool pools[WORLD_POOLS];
	struct control_service services[WORLD_SERVICES];
	struct control_local locals[WORLD_PORTS];
	struct addr local_addresses[WORLD_PORTS][WORLD_LOCALS];
	struct snapshot *snapshot;
};

struct fuzz_world {
	struct port_table ports;
	struct nexthop_table *nexthops;
	struct lease_table *leases;
	struct persistence *persistence;
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

/* The local address of a port, which the states with services in mode fullnat have. */
struct addr world_local(unsigned int port, bool v6);

void world_move_clock(struct fuzz_world *world, uint64_t ns);
void world_set_lease(struct fuzz_world *world, unsigned int router, uint64_t ttl_ns);
void world_set_state(struct fuzz_world *world, unsigned int index);
void world_sweep(struct fuzz_world *world, uint32_t n_buckets);

/* Makes a host's neighbour entry known with the address 'version', or unknown. */
void world_set_neighbour(
	struct fuzz_world *world, bool v6, unsigned int host, bool known, uint8_t version);

#endif /* TESTS_FUZZ_PIPELINE_WORLD_H */
