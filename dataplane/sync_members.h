/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers' parts in flow sync (sync_path.h), all together. Main thread only. */
#ifndef DATAPLANE_SYNC_MEMBERS_H
#define DATAPLANE_SYNC_MEMBERS_H

#include "dataplane/flow_table.h"
#include "dataplane/lease.h"
#include "dataplane/rss.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline;
struct sync_path;

struct sync_member {
	struct pipeline *pipeline;
	struct sync_path *path;
};

struct sync_members {
	struct sync_member each[RSS_WORKERS_MAX];
	unsigned int n;
};

/* Joins a worker's pipeline, which outlives this, as 'remote' and 'ctx' do. Workers call 'wake'
 * when there are news. Returns 0, -ENOSPC or -ENOMEM. */
int sync_members_join(struct sync_members *members, struct pipeline *pipeline,
	const struct flow_table *remote, void (*wake)(void *ctx), void *ctx);

/* No worker may run. */
void sync_members_fini(struct sync_members *members);

/* As the functions of struct sync_path, for each. */
void sync_members_set_telling(struct sync_members *members, bool tells);
void sync_members_set_changing(struct sync_members *members, bool changing);
void sync_members_ask(struct sync_members *members, bool all);
bool sync_members_are_told(struct sync_members *members);

/* False: none has a flow under the key. */
bool sync_members_may_have(const struct sync_members *members, const struct flow_key *key);

/* Whether one has the flow and has seen it since another node had its address (takeover.h). */
bool sync_members_have(const struct sync_members *members, const struct flow_key *key,
	const struct lease_table *leases, uint16_t lease, uint64_t now_ns);

#endif /* DATAPLANE_SYNC_MEMBERS_H */
