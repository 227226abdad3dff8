/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers' parts in flow sync; see sync_members.h. */
#include "dataplane/sync_members.h"

#include "dataplane/pipeline.h"
#include "dataplane/sync_path.h"
#include "dataplane/takeover.h"

#include <errno.h>

int
sync_members_join(struct sync_members *members, struct pipeline *pipeline,
	const struct flow_table *remote, void (*wake)(void *ctx), void *ctx)
{
	struct sync_member *member = &members->each[members->n];
	int rc;

	if (members->n == RSS_WORKERS_MAX)
		return -ENOSPC;
	rc = sync_path_new(&member->path, remote, wake, ctx);
	if (rc < 0)
		return rc;
	member->pipeline = pipeline;
	members->n++;
	pipeline_join(pipeline, member->path);
	return 0;
}

void
sync_members_fini(struct sync_members *members)
{
	for (unsigned int i = 0; i < members->n; i++)
		sync_path_free(members->each[i].path);
}

void
sync_members_set_telling(struct sync_members *members, bool tells)
{
	for (unsigned int i = 0; i < members->n; i++)
		sync_path_set_telling(members->each[i].path, tells);
}

void
sync_members_set_changing(struct sync_members *members, bool changing)
{
	for (unsigned int i = 0; i < members->n; i++)
		sync_path_set_changing(members->each[i].path, changing);
}

void
sync_members_ask(struct sync_members *members, bool all)
{
	for (unsigned int i = 0; i < members->n; i++)
		sync_path_ask(members->each[i].path, all);
}

bool
sync_members_are_told(struct sync_members *members)
{
	for (unsigned int i = 0; i < members->n; i++)
		if (!sync_path_is_told(members->each[i].path))
			return false;
	return true;
}

bool
sync_members_may_have(const struct sync_members *members, const struct flow_key *key)
{
	for (unsigned int i = 0; i < members->n; i++) {
		const struct flow_table *flows = pipeline_flows(members->each[i].pipeline);

		if (flow_may_have(flows, flow_hash(flows, key)))
			return true;
	}
	return false;
}

bool
sync_members_have(const struct sync_members *members, const struct flow_key *key,
	const struct lease_table *leases, uint16_t lease, uint64_t now_ns)
{
	struct flow_copy copy;

	for (unsigned int i = 0; i < members->n; i++)
		if (flow_peek(pipeline_flows(members->each[i].pipeline), key, now_ns, &copy) &&
			!takeover_is_past(
				leases, lease, flow_age(copy.seen, flow_tick(now_ns)), now_ns))
			return true;
	return false;
}
