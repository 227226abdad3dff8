/* SPDX-License-Identifier: BSD-3-Clause */
/* The live state as the JSON that admin requests are answered with (admin.h). Knows no socket and
 * no clock. Functions return a new reference, or NULL when memory is short. */
#ifndef CONTROLPLANE_ADMIN_VIEW_H
#define CONTROLPLANE_ADMIN_VIEW_H

#include "controlplane/cluster.h"

#include <jansson.h>
#include <stdint.h>

json_t *admin_view_status(const struct cluster *cluster, uint64_t now_ns);

/* All services, or the one called 'name' (not NULL). */
json_t *admin_view_services(const struct cluster *cluster, const char *name);

/* The backends called 'name' in the pool called 'pool'; NULL: all. */
json_t *admin_view_backends(
	const struct cluster *cluster, const char *pool, const char *name, uint64_t now_ns);

/* The last transitions, the oldest first: of the router called 'router' (NULL: of all), at most
 * 'limit'. 'wall_ns' is the time of day at 'now_ns', in nanoseconds since 1970. */
json_t *admin_view_history(const struct cluster *cluster, const char *router, size_t limit,
	uint64_t now_ns, uint64_t wall_ns);

/* Add what the dataplane has counted ('stats' as in control.h) to what the functions above made.
 * Members that 'stats' lacks, or that have the wrong type, are left out. */
void admin_view_count_services(json_t *services, json_t *stats);
void admin_view_count_backends(json_t *backends, json_t *stats);

#endif /* CONTROLPLANE_ADMIN_VIEW_H */
