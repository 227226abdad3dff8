/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync between the packet path and the session; see sync_flows.h.
 *
 * What is sent comes in this order, each part waiting until the one before is out: views that are
 * due (view_teller.h), news of the workers, and in an account of all, what the other node told
 * while it held addresses that are held here now and that no packet has come for yet. */
#include "dataplane/sync_flows.h"

#include "common/clock.h"
#include "dataplane/pipeline.h"
#include "dataplane/sync_entry.h"
#include "dataplane/sync_members.h"
#include "dataplane/sync_path.h"
#include "dataplane/sync_remote.h"
#include "dataplane/view_teller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUN_EVENTS 2048  /* That one run sends. */
#define RUN_BUCKETS 2048 /* Of the remote table that one run looks at. */
#define SWEEP_BUCKETS_MAX 4096
enum account {
	ACCOUNT_NONE,
	ACCOUNT_WANTED,
	ACCOUNT_RUNNING,
};

struct sync_flows {
	struct sync_flows_config config;
	struct flow_table *remote;
	uint64_t events[N_FLOW_EVENTS]; /* Of the remote table. */
	struct sync_views *views;
	const struct snapshot *snapshot;
	struct sync_members members;
	struct view_teller *teller;
	bool peer;
	enum account account;
	uint32_t cursor; /* Bucket of the remote table that the account looks at next. */
	uint64_t swept_ns;
	struct sync_counters counters;
};

int
sync_flows_new(struct sync_flows **out, const struct sync_flows_config *config)
{
	const struct flow_timeouts timeouts = {0};
	struct sync_flows *sync = calloc(1, sizeof(*sync));
	int rc;

	if (!sync)
		return -ENOMEM;
	sync->config = *config;
	rc = sync_views_new(&sync->views);
	if (rc == 0)
		rc = view_teller_new(
			&sync->teller, &(struct view_teller_config){&sync->members, config->leases,
					       config->send, config->ctx});
	if (rc == 0)
		rc = flow_table_new(&sync->remote, config->n_flows, config->seed, &timeouts,
			&config->memory, sync->events);
	if (rc < 0) {
		sync_flows_free(sync);
		return rc;
	}
	*out = sync;
	return 0;
}

void
sync_flows_free(struct sync_flows *sync)
{
	if (!sync)
		return;
	sync_members_fini(&sync->members);
	flow_table_free(sync->remote);
	sync_views_free(sync->views);
	view_teller_free(sync->teller);
	free(sync);
}

int
sync_flows_join(struct sync_flows *sync, struct pipeline *pipeline)
{
	int rc = sync_members_join(
		&sync->members, pipeline, sync->remote, sync->config.wake, sync->config.ctx);

	if (rc == 0)
		sync_members_set_telling(&sync->members, sync->peer);
	return rc;
}

int
sync_flows_prepare(struct sync_flows *sync, const struct snapshot *snapshot)
{
	view_teller_prepare(sync->teller);
	return snapshot_keeps_sequences(snapshot) ? flow_table_keep_sequences(sync->remote) : 0;
}

void
sync_flows_set_snapshot(struct sync_flows *sync, const struct snapshot *snapshot)
{
	sync->snapshot = snapshot;
	view_teller_set_snapshot(sync->teller, snapshot);
	if (snapshot)
		sync_remote_set_timeouts(sync->remote, snapshot_flow_timeouts(snapshot));
}

void
sync_flows_resend(struct sync_flows *sync)
{
	sync->account = ACCOUNT_WANTED;
	view_teller_repeat(sync->teller);
}

void
sync_flows_set_peer(struct sync_flows *sync, bool there)
{
	sync->peer = there;
	view_teller_restart(sync->teller);
	sync_members_set_telling(&sync->members, there);
	sync->account = ACCOUNT_NONE;
	if (there)
		sync_flows_resend(sync);
}

/* --- What the other node tells --- */

void
sync_flows_meet(struct sync_flows *sync, unsigned int peer)
{
	sync_views_restart(sync->views, peer);
}

static enum sync_outcome
receive_flow(struct sync_flows *sync, const struct sync_record *record, uint64_t now_ns)
{
	struct flow_copy copy;
	struct flow_key key;
	enum sync_outcome outcome;

	if (!sync->snapshot)
		return SYNC_UNKNOWN_SERVICE;
	if (record->op == SYNC_FLOW_DEL) {
		if (!sync_entry_read_key(sync->snapshot, &record->flow, &key))
			return SYNC_UNKNOWN_SERVICE;
		sync_remote_take_out(sync->remote, &key);
		if (sync_members_may_have(&sync->members, &key))
			sync_remote_bury(sync->remote, &key, now_ns);
		return SYNC_APPLIED;
	}
	outcome = sync_entry_read(sync->snapshot, &record->flow, now_ns, &copy);
	return outcome == SYNC_APPLIED ? sync_remote_enter(sync->remote, &copy, now_ns) : outcome;
}

static void
count_outcome(struct sync_counters *counters, enum sync_outcome outcome)
{
	switch (outcome) {
	case SYNC_APPLIED:
		counters->applied++;
		break;
	case SYNC_UNKNOWN_SERVICE:
		counters->unknown_service++;
		break;
	case SYNC_UNKNOWN_BACKEND:
		counters->unknown_backend++;
		break;
	case SYNC_UNKNOWN_LOCAL:
		counters->unknown_local++;
		break;
	case SYNC_MALFORMED:
		counters->malformed++;
		break;
	case SYNC_NO_ROOM:
		counters->no_room++;
		break;
	}
}

static bool
receive_view(struct sync_flows *sync, unsigned int peer, const struct sync_record *record,
	uint64_t now_ns)
{
	int rc = sync_views_take(sync->views, peer, record);
	uint16_t lease = LEASE_NONE;

	if (record->op == SYNC_VIEW_ROUTER && rc >= 0)
		lease = lease_find(sync->config.leases, record->router);
	if (lease != LEASE_NONE)
		lease_set_elsewhere(sync->config.leases, lease, now_ns);
	if (rc == -EINVAL)
		sync->counters.malformed++;
	if (rc > 0)
		sync->counters.received_views++;
	return rc > 0;
}

bool
sync_flows_receive(struct sync_flows *sync, unsigned int peer, const struct sync_record *record,
	uint64_t now_ns)
{
	switch (record->op) {
	case SYNC_FLOW_PUT:
	case SYNC_FLOW_DEL:
		sync->counters.received++;
		count_outcome(&sync->counters, receive_flow(sync, record, now_ns));
		return false;
	case SYNC_VIEW:
	case SYNC_VIEW_ROUTER:
	case SYNC_VIEW_POOL:
		return receive_view(sync, peer, record, now_ns);
	case SYNC_BULK_BEGIN:
	case SYNC_BULK_END:
		break;
	}
	return false;
}

/* --- What is told to it --- */

static bool
tell(struct sync_flows *sync, const struct sync_record *record)
{
	return sync->config.send(sync->config.ctx, record);
}

/* Nodes that have come since the other one held the address may not know its flows. */
static bool
send_views(struct sync_flows *sync, uint64_t now_ns)
{
	bool gained = false;
	bool all = view_teller_run(sync->teller, now_ns, &gained);

	if (gained)
		sync->account = ACCOUNT_WANTED;
	sync->counters.sent_views = view_teller_n_told(sync->teller);
	return all;
}

static bool
send_gone(struct sync_flows *sync, const struct flow_key *key)
{
	struct sync_record record = {.op = SYNC_FLOW_DEL};

	sync_remote_take_out(sync->remote, key);
	if (!sync->peer || !sync_entry_write_key(sync->snapshot, key, &record.flow))
		return true;
	if (!tell(sync, &record))
		return false;
	sync->counters.sent_gone++;
	return true;
}

/* Sends the copy of a flow. Returns false if there is no room. */
static bool
send_copy(struct sync_flows *sync, const struct flow_copy *copy, uint64_t now_ns)
{
	struct sync_record record = {.op = SYNC_FLOW_PUT};

	if (!sync->peer || !flow_state_lasts(copy->state) ||
		!sync_entry_write(sync->snapshot, copy, now_ns, &record.flow))
		return true;
	if (!tell(sync, &record))
		return false;
	sync->counters.sent++;
	return true;
}

/* Sends what a worker's table has of the flow. What another node told of one under the same key is
 * older. Returns false if there is no room. */
static bool
send_flow(struct sync_flows *sync, const struct flow_table *table, const struct flow_key *key,
	uint64_t now_ns)
{
	struct flow_copy copy;

	if (!flow_peek(table, key, now_ns, &copy))
		return true;
	if (flow_state_lasts(copy.state))
		sync_remote_renew(sync->remote, &copy, now_ns);
	return send_copy(sync, &copy, now_ns);
}

/* Sends a worker's news. Returns false if there is no room for more. */
static bool
send_news(
	struct sync_flows *sync, const struct sync_member *member, unsigned int *n, uint64_t now_ns)
{
	const struct flow_table *flows = pipeline_flows(member->pipeline);
	const struct sync_event *event;

	for (; *n > 0 && (event = sync_ring_next(member->path->ring)) != NULL; --*n) {
		if (event->gone ? !send_gone(sync, &event->key)
				: !send_flow(sync, flows, &event->key, now_ns))
			return false;
		sync_ring_drop(member->path->ring);
	}
	return true;
}

/* Sends what the other node told before of flows that are this node's now. */
static bool
send_bucket(struct sync_flows *sync, const struct flow_bucket *bucket, uint64_t now_ns)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		const struct flow_key *key = &bucket->entries[i].key;
		const struct snapshot_vip *vip;
		struct flow_copy copy;

		if (!bucket->tags[i] || (key->family & FLOW_REVERSE))
			continue;
		vip = snapshot_vip_by_id(sync->snapshot, key->vip);
		if (!vip || !lease_held(sync->config.leases, vip->lease, now_ns) ||
			sync_members_have(
				&sync->members, key, sync->config.leases, vip->lease, now_ns))
			continue;
		if (flow_peek(sync->remote, key, now_ns, &copy) && !send_copy(sync, &copy, now_ns))
			return false;
	}
	return true;
}

/* Goes on with the account of all. Returns whether there is more to do at once. */
static bool
go_on(struct sync_flows *sync, uint64_t now_ns)
{
	const struct sync_record end = {.op = SYNC_BULK_END};

	for (unsigned int n = 0; n < RUN_BUCKETS && sync->cursor < sync->remote->n_buckets; n++) {
		if (!send_bucket(sync, &sync->remote->buckets[sync->cursor], now_ns))
			return false;
		sync->cursor++;
	}
	if (sync->cursor < sync->remote->n_buckets)
		return true;
	if (!view_teller_is_waiting(sync->teller) && sync_members_are_told(&sync->members) &&
		tell(sync, &end))
		sync->account = ACCOUNT_NONE;
	return false;
}

static bool
begin_account(struct sync_flows *sync)
{
	const struct sync_record record = {.op = SYNC_BULK_BEGIN};

	if (!tell(sync, &record))
		return false;
	sync->account = ACCOUNT_RUNNING;
	sync->cursor = 0;
	sync_members_ask(&sync->members, true);
	return true;
}

static void
sweep(struct sync_flows *sync, uint64_t now_ns)
{
	uint64_t n = (now_ns - sync->swept_ns) / NS_PER_MS * FLOW_SWEEP_BUCKETS;

	if (n == 0)
		return;
	sync->swept_ns = now_ns;
	n = n < SWEEP_BUCKETS_MAX ? n : SWEEP_BUCKETS_MAX;
	flow_sweep(sync->remote, now_ns,
		(uint32_t)(n < sync->remote->n_buckets ? n : sync->remote->n_buckets));
}

bool
sync_flows_run(struct sync_flows *sync, uint64_t now_ns)
{
	unsigned int n = RUN_EVENTS;

	sweep(sync, now_ns);
	if (!sync->snapshot)
		return false;
	if (sync->peer && !send_views(sync, now_ns))
		return false;
	if (sync->account == ACCOUNT_WANTED && !begin_account(sync))
		return false;
	for (unsigned int i = 0; i < sync->members.n; i++)
		if (!send_news(sync, &sync->members.each[i], &n, now_ns))
			return false;
	if (n == 0)
		return true;
	return sync->account == ACCOUNT_RUNNING && go_on(sync, now_ns);
}

const struct sync_views *
sync_flows_views(const struct sync_flows *sync)
{
	return sync->views;
}

const struct sync_counters *
sync_flows_counters(const struct sync_flows *sync)
{
	return &sync->counters;
}

const struct flow_table *
sync_flows_remote(const struct sync_flows *sync)
{
	return sync->remote;
}
