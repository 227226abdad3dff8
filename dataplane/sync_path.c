/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's part of flow sync; see sync_path.h. */
#include "dataplane/sync_path.h"

#include "common/clock.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/snapshot_former.h"
#include "dataplane/takeover.h"

#include <errno.h>

#define LINE_BYTES 64

/* A flow is told again after this part of its timeout: it may get lost once and is late once. */
#define REFRESH_PARTS 3

/* How quickly a walk that was asked for goes, and the most that it catches up after a sleep. A
 * million flows take 0.6 s and a twentieth of the worker. */
#define WALK_BUCKETS_PER_MS 256u
#define WALK_BUCKETS_MAX 8192u

/* What is to become of a flow. */
enum telling {
	TELLING_NOT,        /* It is not ours to tell, or nothing that helps the other node. */
	TELLING_COMPUTABLE, /* The other node comes to the same by itself. */
	TELLING,
};

int
sync_path_new(
	struct sync_path **out, const struct flow_table *remote, void (*wake)(void *ctx), void *ctx)
{
	const struct memory memory = memory_heap();
	struct sync_path *path = memory.alloc(memory.ctx, sizeof(*path), LINE_BYTES);

	if (!path)
		return -ENOMEM;
	path->ring = memory.alloc(memory.ctx, sizeof(*path->ring), LINE_BYTES);
	if (!path->ring) {
		sync_path_free(path);
		return -ENOMEM;
	}
	path->remote = remote;
	path->wake = wake;
	path->ctx = ctx;
	*out = path;
	return 0;
}

void
sync_path_free(struct sync_path *path)
{
	const struct memory memory = memory_heap();

	if (path)
		memory.free(memory.ctx, path->ring);
	memory.free(memory.ctx, path);
}

void
sync_path_set_telling(struct sync_path *path, bool tells)
{
	__atomic_store_n(&path->tells, tells, __ATOMIC_RELAXED);
}

void
sync_path_ask(struct sync_path *path, bool all)
{
	uint32_t next = path->asked + 1;

	if (all)
		__atomic_store_n(&path->asked_all, next, __ATOMIC_RELAXED);
	__atomic_store_n(&path->asked, next, __ATOMIC_RELEASE);
	path->has_mark = false;
}

void
sync_path_set_changing(struct sync_path *path, bool changing)
{
	__atomic_store_n(&path->changing, changing, __ATOMIC_RELAXED);
}

bool
sync_path_is_done(const struct sync_path *path)
{
	return __atomic_load_n(&path->done, __ATOMIC_ACQUIRE) == path->asked;
}

bool
sync_path_is_told(struct sync_path *path)
{
	if (!sync_path_is_done(path))
		return false;
	if (!path->has_mark) {
		path->mark = sync_ring_end(path->ring);
		path->has_mark = true;
	}
	return sync_ring_is_past(path->ring, path->mark);
}

static bool
tells(const struct pipeline *pipeline)
{
	return !pipeline->only_looks && __atomic_load_n(&pipeline->sync->tells, __ATOMIC_RELAXED);
}

static void
put(struct pipeline *pipeline, const struct flow_key *key, bool gone)
{
	const struct sync_event event = {.key = *key, .gone = gone};
	uint64_t *events = pipeline->stats->path_events;

	if (!sync_ring_put(pipeline->sync->ring, &event)) {
		pipeline->sync->lost = true;
		stats_add(&events[PATH_SYNC_LOST], 1);
		return;
	}
	stats_add(&events[PATH_SYNC_TOLD], 1);
	pipeline->sync->wake(pipeline->sync->ctx);
}

/* Whether this node speaks for the address. One without a router is whoever's it comes to. */
static bool
is_ours(const struct pipeline *pipeline, const struct snapshot *snapshot, uint16_t id,
	uint64_t now_ns)
{
	const struct snapshot_vip *vip = snapshot->vips_by_id[id];

	return vip &&
	       (vip->lease == LEASE_NONE || lease_held(pipeline->local.leases, vip->lease, now_ns));
}

/* Whether the other node could go on with a flow whose packets come back: with one of mode fullnat
 * only if its local address moves there too. */
static bool
is_movable(const struct pipeline *pipeline, const struct snapshot *snapshot, struct flow_slot slot)
{
	struct flow_slot other = flow_other(pipeline->flows, slot);
	const struct snapshot_vip *local;

	if (!other.bucket)
		return false;
	if (!(flow_entry_at(other)->key.family & FLOW_LOCAL))
		return true;
	local = snapshot->vips_by_id[flow_entry_at(other)->key.vip];
	return local && local->lease != LEASE_NONE;
}

static enum telling
judge(const struct pipeline *pipeline, const struct snapshot *snapshot, struct flow_slot slot,
	uint64_t now_ns)
{
	const struct flow_entry *entry = flow_entry_at(slot);
	const struct service_slot *service;

	if (!is_ours(pipeline, snapshot, entry->key.vip, now_ns))
		return TELLING_NOT;
	service = former_service(snapshot, &entry->key);
	if (!service)
		return TELLING_NOT;
	if (snapshot->path_services[service->service].options & PATH_TRANSLATED)
		return is_movable(pipeline, snapshot, slot) ? TELLING : TELLING_NOT;
	return former_computes(snapshot, service->service, pipeline->local.leases, entry, now_ns)
		       ? TELLING_COMPUTABLE
		       : TELLING;
}

/* Whether the view that the other node goes by is just being changed. */
static bool
is_changing(const struct pipeline *pipeline)
{
	return __atomic_load_n(&pipeline->sync->changing, __ATOMIC_RELAXED);
}

/* Whether another node has told of a flow with this key. Then all hear of this one, even if it can
 * be computed: it may be a later one. */
static bool
was_told(const struct pipeline *pipeline, const struct flow_key *key)
{
	const struct flow_table *remote = pipeline->sync->remote;

	return flow_may_have(remote, flow_hash(remote, key));
}

/* Ticks after which flows in a state are told again. */
static uint16_t
refresh_ticks(const struct flow_table *table, enum flow_state state)
{
	uint16_t ticks = __atomic_load_n(&table->timeouts[state], __ATOMIC_RELAXED) / REFRESH_PARTS;

	return ticks > 0 ? ticks : 1;
}

/* Whether the other node is about to forget the flow, having been told how long it had rested. */
static bool
has_rested(const struct pipeline *pipeline, struct flow_slot slot, struct sync_before before)
{
	const struct flow_table *table = pipeline->flows;

	return (before.state & FLOW_SHARED) && flow_age(before.seen, slot.bucket->seen[slot.i]) >
						       refresh_ticks(table, flow_state_at(slot));
}

void
sync_path_note(const struct burst *burst, struct flow_slot slot, const struct flow_key *key,
	struct sync_before before, bool is)
{
	struct pipeline *pipeline = burst->pipeline;

	if (is)
		pipeline->news |= slot.bucket->states[slot.i] != before.state ||
				  has_rested(pipeline, slot, before);
	else if ((before.state & FLOW_SHARED) && !pipeline->only_looks &&
		 is_ours(pipeline, burst->snapshot, key->vip, burst->now_ns))
		put(pipeline, key, true);
}

void
sync_path_tell(struct pipeline *pipeline, const struct snapshot *snapshot,
	const struct flow_key *key, uint64_t now_ns)
{
	struct flow_slot slot = flow_find(pipeline->flows, key, flow_hash(pipeline->flows, key));
	enum telling telling = TELLING_NOT;
	bool known;

	pipeline->news = false;
	/* Packets that still come to a node that has let go of the address change nothing for the
	 * one that has it now. */
	if (pipeline->only_looks || !slot.bucket || !is_ours(pipeline, snapshot, key->vip, now_ns))
		return;
	known = (slot.bucket->states[slot.i] & FLOW_SHARED) || was_told(pipeline, key);
	if (!known && !(tells(pipeline) && flow_state_lasts(flow_state_at(slot))))
		return;
	if (flow_state_lasts(flow_state_at(slot)))
		telling = judge(pipeline, snapshot, slot, now_ns);
	/* Another node may go by another view, and what it was told comes before what it computes.
	 */
	if (telling == TELLING_COMPUTABLE && (known || is_changing(pipeline)))
		telling = TELLING;
	flow_set_shared(slot, telling == TELLING);
	/* What was told and is so no longer must not be believed any more. */
	if (telling == TELLING || known)
		put(pipeline, key, telling != TELLING);
	else if (telling == TELLING_COMPUTABLE && flow_state_at(slot) != FLOW_TCP_FIN)
		stats_add(&pipeline->stats->path_events[PATH_SYNC_SUPPRESSED], 1);
}

/* Ticks for one round: the shortest of them. */
static uint16_t
round_ticks(const struct flow_table *table)
{
	uint16_t established = refresh_ticks(table, FLOW_TCP_ESTABLISHED);
	uint16_t fin = refresh_ticks(table, FLOW_TCP_FIN);
	uint16_t udp = refresh_ticks(table, FLOW_UDP_STREAM);
	uint16_t least = established < fin ? established : fin;

	return least < udp ? least : udp;
}

/* Whether it is this round's turn to tell the flow again. The tag spreads them. */
static bool
is_due(const struct pipeline *pipeline, struct flow_slot slot)
{
	const struct flow_table *table = pipeline->flows;
	uint32_t n_rounds = refresh_ticks(table, flow_state_at(slot)) / round_ticks(table);

	return n_rounds <= 1 || (pipeline->sync->round + slot.bucket->tags[slot.i]) % n_rounds == 0;
}

/* Whether what another node told of the flow is newer than what this one has. */
static bool
is_outdated(const struct pipeline *pipeline, const struct snapshot *snapshot, struct flow_slot slot,
	uint64_t now_ns)
{
	const struct flow_key *key = &flow_entry_at(slot)->key;
	const struct snapshot_vip *vip = snapshot->vips_by_id[key->vip];

	return vip &&
	       takeover_is_past(pipeline->local.leases, vip->lease,
		       flow_age_at(slot, flow_tick(now_ns)), now_ns) &&
	       was_told(pipeline, key);
}

static void
visit(struct pipeline *pipeline, const struct snapshot *snapshot, struct flow_slot slot,
	uint64_t now_ns)
{
	struct sync_path *path = pipeline->sync;
	bool shared = slot.bucket->states[slot.i] & FLOW_SHARED;
	const struct flow_key *key = &flow_entry_at(slot)->key;
	enum telling telling;

	if (!flow_state_lasts(flow_state_at(slot)) ||
		flow_timed_out(pipeline->flows, slot, flow_tick(now_ns)) ||
		is_outdated(pipeline, snapshot, slot, now_ns))
		return;
	if (path->left == 0) {
		if (shared && is_due(pipeline, slot) &&
			is_ours(pipeline, snapshot, key->vip, now_ns))
			put(pipeline, key, false);
		return;
	}
	if (key->family & FLOW_REVERSE)
		return;
	telling = judge(pipeline, snapshot, slot, now_ns);
	if (telling == TELLING_NOT)
		return;
	/* One that has become computable stays shared: what was told of it is still right, but only
	 * until it ends. So all nodes have been told of what is. */
	flow_set_shared(slot, shared || telling == TELLING);
	if (shared ? path->all : telling == TELLING)
		put(pipeline, key, false);
}

/* Visits the next bucket. */
static void
step(struct pipeline *pipeline, const struct snapshot *snapshot, uint64_t now_ns)
{
	struct sync_path *path = pipeline->sync;
	struct flow_bucket *bucket = &pipeline->flows->buckets[path->cursor];

	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++)
		if (bucket->tags[i])
			visit(pipeline, snapshot, (struct flow_slot){bucket, i}, now_ns);
	if (++path->cursor == pipeline->flows->n_buckets) {
		path->cursor = 0;
		path->round++;
	}
	if (path->left > 0 && --path->left == 0) {
		path->all = false;
		__atomic_store_n(&path->done, path->running, __ATOMIC_RELEASE);
	}
}

/* Begins the walk that was asked for last, or one that tells all again because news were lost. */
static void
begin(struct sync_path *path, uint32_t n_buckets)
{
	uint32_t asked = __atomic_load_n(&path->asked, __ATOMIC_ACQUIRE);
	uint32_t asked_all = __atomic_load_n(&path->asked_all, __ATOMIC_RELAXED);
	bool again = path->lost && sync_ring_room(path->ring) >= SYNC_RING_SLOTS / 2;

	if (asked == path->running && !again)
		return;
	/* Numbers wrap: only how far ahead one is counts. */
	path->all |= again || (int32_t)(asked_all - path->done) > 0;
	path->lost = path->lost && !again;
	path->running = asked;
	path->left = n_buckets;
}

/* How many buckets are to be visited now. */
static uint32_t
n_due(struct sync_path *path, const struct flow_table *table, uint64_t now_ns)
{
	uint64_t round_ns = (uint64_t)round_ticks(table) << FLOW_TICK_SHIFT;
	uint64_t elapsed_ns = now_ns - path->walked_ns;
	uint64_t n;

	if (elapsed_ns > NS_PER_S) {
		elapsed_ns = NS_PER_S;
		path->walked_ns = now_ns - elapsed_ns;
	}
	if (path->left > 0) {
		n = (elapsed_ns / NS_PER_MS) * WALK_BUCKETS_PER_MS;
		path->walked_ns = n > 0 ? now_ns : path->walked_ns;
		return (uint32_t)(n < WALK_BUCKETS_MAX ? n : WALK_BUCKETS_MAX);
	}
	n = elapsed_ns * table->n_buckets / round_ns;
	path->walked_ns += n * round_ns / table->n_buckets;
	return (uint32_t)n;
}

void
sync_path_walk(struct pipeline *pipeline, const struct snapshot *snapshot, uint64_t now_ns)
{
	struct sync_path *path = pipeline->sync;
	bool asked;

	if (!tells(pipeline) || !snapshot) {
		path->walked_ns = now_ns;
		return;
	}
	begin(path, pipeline->flows->n_buckets);
	asked = path->left > 0;
	/* What a walk tells can wait: it never fills the ring. */
	for (uint32_t n = n_due(path, pipeline->flows, now_ns);
		n > 0 && (path->left > 0) == asked &&
		sync_ring_room(path->ring) >= 2 * FLOW_BUCKET_ENTRIES;
		n--)
		step(pipeline, snapshot, now_ns);
}
