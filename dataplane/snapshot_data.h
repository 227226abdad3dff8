/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside a snapshot. For snapshot.c, which builds it, and the packet path, which reads
 * it; everybody else uses snapshot.h. */
#ifndef DATAPLANE_SNAPSHOT_DATA_H
#define DATAPLANE_SNAPSHOT_DATA_H

#include "dataplane/ids.h"
#include "dataplane/maglev.h"
#include "dataplane/service.h"
#include "dataplane/snapshot.h"

/* A service as the packet path needs it. */
struct path_service {
	const struct maglev *maglev; /* NULL: no backend takes new flows. */
	uint32_t pool;
	uint16_t id;
	uint8_t mode; /* enum forward_mode */
	uint8_t reserved;
};

static_assert(sizeof(struct path_service) == 16, "four in a cache line");

/* A backend as the packet path needs it; all of them fit the first-level cache. */
struct path_backend {
	uint16_t nexthop;
	uint16_t pool; /* Index of its pool, to be compared with the service's. */
	bool usable;   /* Up: keeps its flows, even with weight 0. */
	uint8_t reserved[3];
};

static_assert(sizeof(struct path_backend) == 8, "eight in a cache line");

struct snapshot_pool {
	char name[CONTROL_NAME_SIZE];
	struct maglev *maglev; /* Shared with other snapshots; NULL: nobody takes new flows. */
};

struct snapshot {
	/* Packet path. */
	struct service_table table;
	struct path_service *path_services; /* In the order of the state. */
	struct path_backend *path_backends; /* By id. */
	const struct snapshot_vip **vips_by_id;
	struct snapshot_nat *nat; /* NULL: no service whose packets come back. */

	/* The rest belongs to the control thread. */
	struct snapshot_tables tables;
	uint64_t generation;
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
	const struct snapshot_backend **backends_by_id;
};

#endif /* DATAPLANE_SNAPSHOT_DATA_H */
