/* SPDX-License-Identifier: BSD-3-Clause */
/* The view of the node that held an address before: by what tables it spread flows.
 *
 * A flow in midstream that this node has never seen was begun by that node, so it is that node's
 * table which tells its backend, not the own one, which may have changed since: a backend was
 * added, drained, or seen to be down by one node only. So the snapshot has for each service beside
 * the own Maglev table the former one, if it is another, and goes by it while this node does not
 * hold the address or has not held it for longer than flows may be silent.
 *
 * As long as it does so, it is also what this node tells the other of as its view, and flows that
 * do not fit it are told one by one (sync_path.h). So the next takeover finds all of them, too. */
#ifndef DATAPLANE_SNAPSHOT_FORMER_H
#define DATAPLANE_SNAPSHOT_FORMER_H

#include "dataplane/flow_table.h"
#include "dataplane/lease.h"
#include "dataplane/snapshot_build.h"

/* Gives the services of a snapshot, which is otherwise finished, their former tables. Returns 0 or
 * -ENOMEM with a message. */
int snapshot_add_former(const struct snapshot_build *build);
void snapshot_free_former(struct snapshot *snapshot);

/* The service that a flow with this key belongs to, or NULL. */
const struct service_slot *former_service(
	const struct snapshot *snapshot, const struct flow_key *key);

/* The table by which packets of the service (an index) go whose flow nobody knows; NULL: no backend
 * takes any. */
const struct maglev *former_table(const struct snapshot *snapshot, uint32_t service,
	const struct lease_table *leases, uint64_t now_ns);

/* Whether a virtual router, by its lease, that goes by former tables now will not any more in
 * 'within_ns'. */
bool former_ends_within(const struct snapshot *snapshot, const struct lease_table *leases,
	uint16_t lease, uint64_t within_ns, uint64_t now_ns);

/* Whether the flow of the service goes where a node without it would send it by that table. */
bool former_computes(const struct snapshot *snapshot, uint32_t service,
	const struct lease_table *leases, const struct flow_entry *flow, uint64_t now_ns);

/* The backend for a packet without a flow if that is the former table's to say, else 0: then the
 * scheduler says. 'begins': it may be the first of its flow (UDP). */
uint16_t former_choice(const struct snapshot *snapshot, uint32_t service,
	const struct lease_table *leases, const struct flow_key *key, bool begins, uint64_t now_ns);

#endif /* DATAPLANE_SNAPSHOT_FORMER_H */
