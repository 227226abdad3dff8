/* SPDX-License-Identifier: BSD-3-Clause */
/* What simulated dataplanes forward by: real packet paths and real snapshots (dataplane/).
 *
 * A scenario has a thousandth of a second, and a snapshot takes longer to be made; so all scenarios
 * share them. There is one of each: a snapshot is a function of how the backends are weighed and of
 * what was told of other nodes' views, and a packet path that is begun anew knows nothing of the
 * scenario before.
 *
 * Each virtual router has an address with a service of each of four kinds, and all share a pool. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "dataplane/lease.h"
#include "dataplane/pipeline.h"
#include "dataplane/snapshot.h"
#include "dataplane/sync_views.h"

#include <stddef.h>
#include <stdint.h>

#define STAGE_NODES 4
#define STAGE_ROUTERS 4
#define STAGE_BACKENDS 4
#define STAGE_WEIGHINGS 5 /* Ways to weigh the backends. */
#define STAGE_FLOWS 200   /* That a dataplane has room for. */
#define STAGE_POOL "web"

enum stage_service {
	STAGE_DR_MAGLEV,
	STAGE_DR_TURNS,
	STAGE_NAT_LEAST,
	STAGE_FULLNAT_TURNS,
	STAGE_SERVICES
};

/* Where a client's packet goes on, and from where it seems to come. */
struct stage_ends {
	int backend; /* -1: nowhere. */
	uint32_t source;
	uint16_t source_port;
};

struct stage;

/* Never returns NULL. */
struct stage *stage_new(void);
void stage_free(struct stage *stage);

/* To be called when no snapshot is in use any more, now and then. */
void stage_tidy(struct stage *stage);

/* The packet path of a dataplane that has just been started. */
struct pipeline *stage_begin(
	struct stage *stage, size_t node, struct lease_table *leases, uint64_t seed);

/* The snapshot of backends that are weighed so and of these views. */
const struct snapshot *stage_snapshot(
	struct stage *stage, unsigned int weighing, const struct sync_views *views);

/* The slot of a router in lease tables. */
uint16_t stage_lease(size_t router);

/* Sends a client's packet. */
struct stage_ends stage_send(struct pipeline *pipeline, const struct snapshot *snapshot,
	size_t router, enum stage_service service, uint16_t client_port, uint8_t tcp_flags,
	uint64_t now_ns);

#endif /* TESTS_SIM_STAGE_H */
