/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of a flow table in words that another node understands, and back: ids against addresses and
 * seeds, by a snapshot. */
#ifndef DATAPLANE_SYNC_ENTRY_H
#define DATAPLANE_SYNC_ENTRY_H

#include "dataplane/flow_table.h"
#include "dataplane/snapshot.h"
#include "dataplane/sync_record.h"

#include <stdbool.h>
#include <stdint.h>

/* What became of a record. */
enum sync_outcome {
	SYNC_APPLIED,
	SYNC_UNKNOWN_SERVICE,
	SYNC_UNKNOWN_BACKEND,
	SYNC_UNKNOWN_LOCAL, /* Mode fullnat: its local address is no virtual router's here. */
	SYNC_MALFORMED,     /* No flow can be so. */
	SYNC_NO_ROOM,
};

/* Writes the flow as it is at 'now_ns'. Returns false if something of it is in no snapshot any
 * more. */
bool sync_entry_write(const struct snapshot *snapshot, const struct flow_copy *copy,
	uint64_t now_ns, struct sync_flow *out);

/* Writes what tells the flow with this key (of a first entry) from others. */
bool sync_entry_write_key(
	const struct snapshot *snapshot, const struct flow_key *key, struct sync_flow *out);

/* Reads a flow as one that was told at 'now_ns'. */
enum sync_outcome sync_entry_read(const struct snapshot *snapshot, const struct sync_flow *flow,
	uint64_t now_ns, struct flow_copy *out);

/* Reads its key. Returns false if its address is not in the snapshot. */
bool sync_entry_read_key(
	const struct snapshot *snapshot, const struct sync_flow *flow, struct flow_key *out);

#endif /* DATAPLANE_SYNC_ENTRY_H */
