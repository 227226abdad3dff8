/* SPDX-License-Identifier: BSD-3-Clause */
/* A small load balancer for tests: two ports, one virtual router of each family, a few pools and
 * services, and a state that a case changes before world_apply(). */
#ifndef TESTS_DATAPLANE_WORLD_H
#define TESTS_DATAPLANE_WORLD_H

#include "common/control.h"
#include "dataplane/pipeline.h"
#include "frames.h"

#define WORLD_VIP4 "192.0.2.100"
#define WORLD_VIP6 "2001:db8::100"
#define WORLD_BACKENDS 4
#define WORLD_START_NS UINT64_C(1000000000000)

enum {
	WORLD_POOL4,
	WORLD_POOL6,
	WORLD_POOLS
};

enum {
	WORLD_HTTP4,
	WORLD_DNS4,
	WORLD_HTTP6,
	WORLD_DNS6,
	WORLD_SERVICES
};

struct world {
	struct port_table ports; /* 0 "front": frame_port_mac; 1 "back". */
	struct nexthop_table *nexthops;
	struct lease_table *leases;
	struct persistence *persistence;
	struct sync_views *views; /* A case's own; NULL: none. */
	struct pipeline *pipeline;
	struct snapshot *snapshot;
	uint64_t now_ns;

	/* Routers front4 and front6 with one address each; pools of 192.0.2.11, .12, ... and
	 * 2001:db8::11, ... named b1, b2, ...; HTTP by TCP, DNS by UDP. */
	struct control_state state;
	struct addr vips[2];
	struct control_router routers[2];
	struct control_backend backends[WORLD_POOLS][WORLD_BACKENDS];
	struct control_pool pools[WORLD_POOLS];
	struct control_service services[WORLD_SERVICES];
};

/* Builds it all, resolves the backends' next hops and holds both leases for an hour. */
void world_init(struct world *world, uint32_t n_flows);
void world_fini(struct world *world);

/* The same as a case's set-up and tear-down: '*state' is a world for 1 000 flows. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* Makes a snapshot of the state and puts it in force. */
void world_apply(struct world *world);

/* Runs one packet; returns its verdict. */
enum verdict world_run(struct world *world, struct packet *packet);

/* Runs the frame and asserts its verdict. */
void world_assert_verdict(struct world *world, struct frame *frame, enum verdict verdict);

/* The backend (0, 1, ...) whose address the frame now goes to, or -1. */
int world_backend_of(const struct packet *packet);

#endif /* TESTS_DATAPLANE_WORLD_H */
