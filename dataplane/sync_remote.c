/* SPDX-License-Identifier: BSD-3-Clause */
/* Changing the table of told flows; see sync_remote.h. */
#include "dataplane/sync_remote.h"

enum sync_outcome
sync_remote_enter(struct flow_table *remote, const struct flow_copy *copy, uint64_t now_ns)
{
	const struct flow_key *key = &copy->entry.key;
	const struct flow_key *second = &copy->second.key;
	struct flow_slot slot = flow_find(remote, key, flow_hash(remote, key));
	struct flow_slot other = {NULL, 0};

	if (slot.bucket)
		other = flow_other(remote, slot);
	if (slot.bucket && flow_entry_at(slot)->backend == copy->entry.backend &&
		copy->paired == (other.bucket != NULL) &&
		(!copy->paired || flow_key_equal(&flow_entry_at(other)->key, second))) {
		flow_update(remote, slot, copy);
		return SYNC_APPLIED;
	}
	if (slot.bucket)
		flow_remove(remote, slot);
	if (copy->paired) {
		other = flow_find(remote, second, flow_hash(remote, second));
		if (other.bucket)
			flow_remove(remote, other);
	}
	return flow_restore(remote, copy, now_ns).bucket ? SYNC_APPLIED : SYNC_NO_ROOM;
}

void
sync_remote_renew(struct flow_table *remote, const struct flow_copy *copy, uint64_t now_ns)
{
	const struct flow_key *key = &copy->entry.key;

	if (flow_find(remote, key, flow_hash(remote, key)).bucket)
		sync_remote_enter(remote, copy, now_ns);
}

void
sync_remote_bury(struct flow_table *remote, const struct flow_key *key, uint64_t now_ns)
{
	const struct flow_copy grave = {
		.entry.key = *key, .seen = flow_tick(now_ns), .state = FLOW_TCP_CLOSED};

	flow_restore(remote, &grave, now_ns);
}

void
sync_remote_set_timeouts(struct flow_table *remote, const struct flow_timeouts *timeouts)
{
	struct flow_timeouts own = *timeouts;

	/* Those are buried. */
	own.closed_ms = timeouts->established_ms;
	flow_set_timeouts(remote, &own);
}

void
sync_remote_take_out(struct flow_table *remote, const struct flow_key *key)
{
	struct flow_slot slot = flow_find(remote, key, flow_hash(remote, key));

	if (slot.bucket)
		flow_remove(remote, slot);
}
