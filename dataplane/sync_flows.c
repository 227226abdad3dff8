/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync between the packet path and the session; see sync_flows.h.
 *
 * What is sent comes in this order, each part waiting until the one before is out: views that have
 * changed, so that flows that need not be told are computed by the right one; news of the workers;
 * in an account of all, what the other node told while it held addresses that are held here now and
 * that no packet has come for yet. */
#include "dataplane/sync_flows.h"

#include "common/clock.h"
#include "dataplane/pipeline.h"
#include "dataplane/rss.h"
#include "dataplane/sync_entry.h"
#include "dataplane/sync_path.h"
#include "dataplane/sync_remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUN_EVENTS 2048  /* That one run sends. */
#define RUN_BUCKETS 2048 /* Of the remote table that one run looks at. */
#define SWEEP_BUCKETS_MAX 4096
#define VIEWS_NS NS_PER_S /* Time makes own views change too: former_table(). */
/* A view is told again after this time. Of three nodes one may hear late, after a cut, what another
 * told while it held, and later than what the one that holds now has told. */
#define VIEWS_AGAIN_NS (5 * NS_PER_S)

/* The view of a router that was told last. */
struct told_view {
	bool told;
	uint64_t digest;
	uint64_t told_ns;
};

struct member {
	struct pipeline *pipeline;
	struct sync_path *path;
};

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
	struct member members[RSS_WORKERS_MAX];
	unsigned int n_members;
	bool peer;
	struct told_view told[LEASES_MAX]; /* By slot of the lease table. */
	uint64_t generation;
	uint64_t looked_ns;          /* When views were looked at last. */
	bool look;                   /* They are to be looked at now. */
	struct sync_record *records; /* The view that is being sent. */
	size_t n_records;
	size_t n_sent;
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
	for (unsigned int i = 0; i < sync->n_members; i++)
		sync_path_free(sync->members[i].path);
	flow_table_free(sync->remote);
	sync_views_free(sync->views);
	free(sync->records);
	free(sync);
}

int
sync_flows_join(struct sync_flows *sync, struct pipeline *pipeline)
{
	struct member *member = &sync->members[sync->n_members];
	int rc;

	if (sync->n_members == RSS_WORKERS_MAX)
		return -ENOSPC;
	rc = sync_path_new(&member->path, sync->remote, sync->config.wake, sync->config.ctx);
	if (rc < 0)
		return rc;
	member->pipeline = pipeline;
	sync->n_members++;
	sync_path_set_telling(member->path, sync->peer);
	pipeline_join(pipeline, member->path);
	return 0;
}

static void
ask(struct sync_flows *sync, bool all)
{
	for (unsigned int i = 0; i < sync->n_members; i++)
		sync_path_ask(sync->members[i].path, all);
}

/* No more of the view that was being sent. */
static void
drop_records(struct sync_flows *sync)
{
	free(sync->records);
	sync->records = NULL;
	sync->n_records = 0;
	sync->n_sent = 0;
}

int
sync_flows_prepare(struct sync_flows *sync, const struct snapshot *snapshot)
{
	return snapshot_keeps_sequences(snapshot) ? flow_table_keep_sequences(sync->remote) : 0;
}

void
sync_flows_set_snapshot(struct sync_flows *sync, const struct snapshot *snapshot)
{
	sync->snapshot = snapshot;
	sync->look = true;
	if (snapshot)
		flow_set_timeouts(sync->remote, snapshot_flow_timeouts(snapshot));
}

void
sync_flows_resend(struct sync_flows *sync)
{
	sync->account = ACCOUNT_WANTED;
	memset(sync->told, 0, sizeof(sync->told));
	sync->look = true;
}

void
sync_flows_set_peer(struct sync_flows *sync, bool there)
{
	sync->peer = there;
	drop_records(sync);
	sync->generation = 0;
	for (unsigned int i = 0; i < sync->n_members; i++)
		sync_path_set_telling(sync->members[i].path, there);
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
receive_view(struct sync_flows *sync, unsigned int peer, const struct sync_record *record)
{
	int rc = sync_views_take(sync->views, peer, record);

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
		return receive_view(sync, peer, record);
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

/* Looks for a router whose own view is another than was told, and makes it the one to be sent. */
static void
find_view(struct sync_flows *sync, uint64_t now_ns)
{
	const struct lease_table *leases = sync->config.leases;
	size_t n;
	const struct snapshot_router *routers = snapshot_routers(sync->snapshot, &n);

	for (size_t i = 0; i < n; i++) {
		struct told_view *told = &sync->told[routers[i].lease];
		bool held = lease_held(leases, routers[i].lease, now_ns);
		uint64_t digest;
		bool is_new;

		if (!held)
			told->told = false;
		/* One that was gained just now is told at once. */
		if (!held || (told->told && !sync->look))
			continue;
		digest = sync_views_digest(sync->snapshot, &routers[i], leases, now_ns);
		is_new = !told->told || told->digest != digest;
		if (!is_new && now_ns - told->told_ns < VIEWS_AGAIN_NS)
			continue;
		if (sync_views_write(sync->snapshot, &routers[i], leases, now_ns, &sync->records,
			    &sync->n_records) < 0)
			return;
		sync_views_number(sync->records, ++sync->generation);
		*told = (struct told_view){true, digest, now_ns};
		sync->counters.sent_views++;
		if (is_new)
			ask(sync, false);
		return;
	}
	sync->look = false;
}

/* Sends all views that have changed. Returns false if there is no room for more. */
static bool
send_views(struct sync_flows *sync, uint64_t now_ns)
{
	if (now_ns - sync->looked_ns >= VIEWS_NS) {
		sync->looked_ns = now_ns;
		sync->look = true;
	}
	for (;;) {
		while (sync->n_sent < sync->n_records) {
			if (!tell(sync, &sync->records[sync->n_sent]))
				return false;
			sync->n_sent++;
		}
		drop_records(sync);
		find_view(sync, now_ns);
		if (!sync->records)
			return true;
	}
}

static bool
send_gone(struct sync_flows *sync, const struct flow_key *key)
{
	struct sync_record record = {.op = SYNC_FLOW_DEL};

	sync_remote_take_out(sync->remote, key);
	if (!sync_entry_write_key(sync->snapshot, key, &record.flow))
		return true;
	if (!tell(sync, &record))
		return false;
	sync->counters.sent_gone++;
	return true;
}

/* Sends what a worker's table, or the remote one, has of the flow. Returns false if there is no
 * room. */
static bool
send_flow(struct sync_flows *sync, const struct flow_table *table, const struct flow_key *key,
	uint64_t now_ns)
{
	struct sync_record record = {.op = SYNC_FLOW_PUT};
	struct flow_copy copy;

	if (!flow_peek(table, key, now_ns, &copy) ||
		(copy.state != FLOW_TCP_ESTABLISHED && copy.state != FLOW_TCP_FIN &&
			copy.state != FLOW_UDP_STREAM) ||
		!sync_entry_write(sync->snapshot, &copy, &record.flow))
		return true;
	if (!tell(sync, &record))
		return false;
	sync->counters.sent++;
	return true;
}

/* Sends a worker's news. Returns false if there is no room for more. */
static bool
send_news(struct sync_flows *sync, const struct member *member, unsigned int *n, uint64_t now_ns)
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

/* Whether a worker has the flow: then that is what is told of it. */
static bool
is_own(const struct sync_flows *sync, const struct flow_key *key)
{
	for (unsigned int i = 0; i < sync->n_members; i++) {
		const struct flow_table *flows = pipeline_flows(sync->members[i].pipeline);

		if (flow_may_have(flows, flow_hash(flows, key)))
			return true;
	}
	return false;
}

/* Sends what the other node told before of flows that are this node's now. */
static bool
send_bucket(struct sync_flows *sync, const struct flow_bucket *bucket, uint64_t now_ns)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		const struct flow_key *key = &bucket->entries[i].key;
		const struct snapshot_vip *vip;

		if (!bucket->tags[i] || (key->family & FLOW_REVERSE))
			continue;
		vip = snapshot_vip_by_id(sync->snapshot, key->vip);
		if (!vip || !lease_held(sync->config.leases, vip->lease, now_ns) ||
			is_own(sync, key))
			continue;
		if (!send_flow(sync, sync->remote, key, now_ns))
			return false;
	}
	return true;
}

/* Whether all news of all workers have been sent. */
static bool
is_told(const struct sync_flows *sync)
{
	for (unsigned int i = 0; i < sync->n_members; i++)
		if (!sync_path_is_done(sync->members[i].path) ||
			sync_ring_next(sync->members[i].path->ring))
			return false;
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
	if (is_told(sync) && tell(sync, &end))
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
	ask(sync, true);
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
	if (!sync->peer || !sync->snapshot)
		return false;
	if (sync->account == ACCOUNT_WANTED && !begin_account(sync))
		return false;
	if (!send_views(sync, now_ns))
		return false;
	for (unsigned int i = 0; i < sync->n_members; i++)
		if (!send_news(sync, &sync->members[i], &n, now_ns))
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
