/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync of a simulated dataplane; see sharing.h. */
#include "sharing.h"

#include "connections.h"
#include "dataplane/flow_table.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/snapshot_former.h"
#include "dataplane/sync_flows.h"
#include "dataplane/sync_path.h"
#include "dataplane/sync_session.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_NS (100 * NS_PER_MS) /* As in sync.c. */
#define WALK_NS NS_PER_MS        /* As a worker does. */
/* A snapshot is made in a thread beside. */
#define MAKE_MIN_NS (NS_PER_MS / 10)
#define MAKE_MAX_NS (3 * NS_PER_MS)

#define VIEWS_LOGGED 128

/* A view that a node tells; here it is of one router with one pool. */
struct view_said {
	uint64_t generation;
	uint64_t digest;
	size_t router;
};

struct peer {
	struct sharing *own;
	uint8_t node;
	struct sync_session *session;
	bool began, told; /* A whole account has begun, and come, in this session ... */
	bool was_told;    /* ... or one before. */
	struct view_said hearing;
};

struct sharing {
	struct world *world;
	size_t node;

	/* Of the dataplane that runs. */
	struct lease_table leases;
	struct pipeline *pipeline;
	struct sync_flows *flows;
	struct peer peers[NODES_MAX];    /* By node. */
	const struct snapshot *snapshot; /* In force. */
	const struct snapshot *made;     /* Comes into force at 'made_ns'; NULL: none. */
	uint64_t made_ns;
	bool stale; /* Another snapshot is to be made. */
	bool there; /* There is somebody to tell. */
	uint64_t next_ns;

	/* For check_order(): of all dataplanes that have run here. */
	struct view_said said[VIEWS_LOGGED];
	uint64_t n_said;
	struct view_said saying;
	uint64_t n_heard[NODES_MAX][STAGE_ROUTERS]; /* Of what a node said, what is in force. */
};

static struct sharing *
sharing_of(const struct world *world, size_t n)
{
	return world->nodes[n].sharing;
}

static void
must(int rc)
{
	if (rc < 0)
		abort();
}

/* --- The order of views --- */

/* Takes the next record of a view into the account of it. Returns whether it is the last one. */
static bool
read_view(struct view_said *view, const struct sync_record *record)
{
	if (record->op == SYNC_VIEW) {
		*view = (struct view_said){.generation = record->view.generation};
	} else if (record->op == SYNC_VIEW_ROUTER) {
		view->router = (size_t)(record->router[1] - '0');
	} else if (record->op == SYNC_VIEW_POOL) {
		for (unsigned int i = 0; i < record->pool.n; i++)
			view->digest = hash_mix(view->digest ^ record->pool.takers[i].seed) +
				       record->pool.takers[i].weight;
		return true;
	}
	return false;
}

/* A view of the peer has come into force here: it must be a later one than that before. */
static void
check_order(struct sharing *sharing, const struct peer *peer)
{
	const struct sharing *from = sharing_of(sharing->world, peer->node);
	const struct view_said *heard = &peer->hearing;
	uint64_t *n_heard = &sharing->n_heard[peer->node][heard->router];
	uint64_t i = from->n_said;

	world_say(sharing->world, "n%zu r%zu: view %llu of n%u", sharing->node, heard->router,
		(unsigned long long)heard->generation, peer->node);
	for (; i > 0 && from->n_said - i < VIEWS_LOGGED; i--) {
		const struct view_said *said = &from->said[(i - 1) % VIEWS_LOGGED];

		if (said->generation == heard->generation && said->digest == heard->digest &&
			said->router == heard->router)
			break;
	}
	if (i <= *n_heard)
		check_fail(sharing->world, "n%zu goes by an old view of n%u of r%zu", sharing->node,
			peer->node, heard->router);
	*n_heard = i;
}

/* --- What flows and sessions ask for --- */

static bool
send_record(void *ctx, const struct sync_record *record)
{
	struct sharing *sharing = ctx;

	for (size_t i = 0; i < sharing->world->n_nodes; i++)
		if (i != sharing->node && sync_session_room(sharing->peers[i].session) < 2)
			return false;
	for (size_t i = 0; i < sharing->world->n_nodes; i++)
		if (i != sharing->node)
			sync_session_put(sharing->peers[i].session, record);
	if (read_view(&sharing->saying, record))
		sharing->said[sharing->n_said++ % VIEWS_LOGGED] = sharing->saying;
	return true;
}

static void
wake(void *ctx)
{
	struct sharing *sharing = ctx;

	sharing->next_ns = 0;
}

static void
send_message(void *ctx, const uint8_t *bytes, size_t size)
{
	const struct peer *peer = ctx;
	struct world *world = peer->own->world;
	struct message message = {.kind = MESSAGE_SYNC,
		.from = (uint8_t)peer->own->node,
		.to = peer->node,
		.datagram = world_datagram(world, bytes, size)};

	world_send_over(world, &message);
}

static void
take_record(void *ctx, const struct sync_record *record)
{
	struct peer *peer = ctx;
	struct sharing *sharing = peer->own;
	bool is_view = read_view(&peer->hearing, record);

	if (record->op == SYNC_FLOW_PUT || record->op == SYNC_FLOW_DEL)
		connections_told(sharing->world, sharing->node, record);
	peer->told |= peer->began && record->op == SYNC_BULK_END;
	peer->was_told |= peer->told;
	peer->began |= record->op == SYNC_BULK_BEGIN;
	if (!sync_flows_receive(
		    sharing->flows, peer->node, record, world_clock(sharing->world, sharing->node)))
		return;
	if (is_view)
		check_order(sharing, peer);
	sharing->stale = true;
	sharing->next_ns = 0;
}

static bool
is_any_up(const struct sharing *sharing)
{
	for (size_t i = 0; i < sharing->world->n_nodes; i++)
		if (i != sharing->node && sync_session_is_up(sharing->peers[i].session))
			return true;
	return false;
}

static void
take_event(void *ctx, enum sync_session_event event)
{
	struct peer *peer = ctx;
	struct sharing *sharing = peer->own;

	world_say(sharing->world, "n%zu: session with n%u: %s", sharing->node, peer->node,
		event == SYNC_EVENT_UP     ? "up"
		: event == SYNC_EVENT_DOWN ? "down"
					   : "all again");
	sharing->next_ns = 0;
	if (event == SYNC_EVENT_DOWN) {
		sharing->there = is_any_up(sharing);
		if (!sharing->there)
			sync_flows_set_peer(sharing->flows, false);
		return;
	}
	if (event == SYNC_EVENT_UP) {
		peer->began = peer->told = false;
		sync_flows_meet(sharing->flows, peer->node);
	}
	if (sharing->there)
		sync_flows_resend(sharing->flows);
	else
		sync_flows_set_peer(sharing->flows, true);
	sharing->there = true;
}

static uint64_t
draw(void *ctx)
{
	const struct peer *peer = ctx;

	return world_next_random(peer->own->world);
}

/* --- Snapshots --- */

static void
publish(struct sharing *sharing, const struct snapshot *snapshot)
{
	must(pipeline_prepare(sharing->pipeline, snapshot));
	must(sync_flows_prepare(sharing->flows, snapshot));
	sync_flows_set_snapshot(sharing->flows, snapshot);
	sharing->snapshot = snapshot;
	connections_changed(sharing->world);
}

static const struct snapshot *
make(const struct sharing *sharing)
{
	const struct world *world = sharing->world;

	return stage_snapshot(world->stage, world->nodes[sharing->node].weighing,
		sync_flows_views(sharing->flows));
}

static void
renew(struct sharing *sharing, uint64_t now_ns)
{
	if (sharing->made && now_ns >= sharing->made_ns) {
		publish(sharing, sharing->made);
		sharing->made = NULL;
	}
	if (!sharing->stale || sharing->made)
		return;
	sharing->stale = false;
	sharing->made = make(sharing);
	sharing->made_ns = now_ns + world_between(sharing->world, MAKE_MIN_NS, MAKE_MAX_NS);
}

/* --- Its life --- */

static void
add_peer(struct sharing *sharing, size_t n, uint64_t now_ns)
{
	struct peer *peer = &sharing->peers[n];
	char name[8];
	const struct sync_session_config config = {
		.node = name,
		.send = send_message,
		.take = take_record,
		.event = take_event,
		.draw = draw,
		.ctx = peer,
	};

	snprintf(name, sizeof(name), "n%zu", sharing->node);
	*peer = (struct peer){.own = sharing, .node = (uint8_t)n};
	must(sync_session_new(&peer->session, &config, now_ns));
}

void
sharing_start(struct world *world, size_t n)
{
	struct sharing *sharing = sharing_of(world, n);
	uint64_t now_ns = world_clock(world, n);
	struct sync_flows_config config = {
		.n_flows = STAGE_FLOWS, .memory = memory_heap(), .send = send_record, .wake = wake};

	if (!world->sync)
		return;
	if (!sharing) {
		sharing = calloc(1, sizeof(*sharing));
		if (!sharing)
			abort();
		sharing->world = world;
		sharing->node = n;
		world->nodes[n].sharing = sharing;
	}
	memset(&sharing->leases, 0, sizeof(sharing->leases));
	config.seed = world_next_random(world);
	config.leases = &sharing->leases;
	config.ctx = sharing;
	must(sync_flows_new(&sharing->flows, &config));
	sharing->pipeline =
		stage_begin(world->stage, n, &sharing->leases, world_next_random(world));
	must(sync_flows_join(sharing->flows, sharing->pipeline));
	sharing->made = NULL;
	sharing->stale = false;
	sharing->there = false;
	sharing->next_ns = now_ns;
	publish(sharing, make(sharing));
	for (size_t i = 0; i < world->n_nodes; i++)
		if (i != n)
			add_peer(sharing, i, now_ns);
}

void
sharing_stop(struct world *world, size_t n)
{
	struct sharing *sharing = sharing_of(world, n);

	if (!sharing || !sharing->flows)
		return;
	for (size_t i = 0; i < NODES_MAX; i++)
		sync_session_free(sharing->peers[i].session);
	memset(sharing->peers, 0, sizeof(sharing->peers));
	sync_flows_free(sharing->flows);
	sharing->flows = NULL;
	connections_forget(world, n);
}

void
sharing_fini(struct world *world, size_t n)
{
	sharing_stop(world, n);
	free(world->nodes[n].sharing);
	world->nodes[n].sharing = NULL;
}

uint64_t
sharing_next_ns(const struct world *world, size_t n)
{
	const struct sharing *sharing = sharing_of(world, n);

	return sharing && sharing->flows ? sharing->next_ns : NEVER;
}

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
sharing_run(struct world *world, size_t n)
{
	struct sharing *sharing = sharing_of(world, n);
	uint64_t now_ns = world_clock(world, n);
	bool again;

	sharing->next_ns = NEVER;
	renew(sharing, now_ns);
	pipeline_share(sharing->pipeline, sharing->snapshot, now_ns);
	again = sync_flows_run(sharing->flows, now_ns);
	for (size_t i = 0; i < world->n_nodes; i++) {
		struct sync_session *session = sharing->peers[i].session;

		if (i == n)
			continue;
		if (sync_session_deadline(session) <= now_ns)
			sync_session_run(session, now_ns);
		sharing->next_ns = min_u64(sharing->next_ns, sync_session_deadline(session));
	}
	sharing->next_ns = min_u64(sharing->next_ns, now_ns + RUN_NS);
	if (sharing->made || sharing->stale)
		sharing->next_ns = min_u64(sharing->next_ns, sharing->made_ns);
	if (again || !sync_path_is_done(sharing->pipeline->sync))
		sharing->next_ns = min_u64(sharing->next_ns, now_ns + WALK_NS);
	/* Time goes on. */
	if (sharing->next_ns <= now_ns)
		sharing->next_ns = now_ns + 1;
}

void
sharing_hear(struct world *world, size_t n, const struct message *message)
{
	struct sharing *sharing = sharing_of(world, n);
	struct sync_session *session = sharing->peers[message->from].session;
	uint64_t now_ns = world_clock(world, n);

	sync_session_receive(session, message->datagram->bytes, message->datagram->size, now_ns);
	if (sharing->next_ns <= now_ns || sync_session_deadline(session) <= now_ns)
		sharing_run(world, n);
}

/* --- For the rest of the world --- */

static bool
runs(const struct sharing *sharing)
{
	return sharing && sharing->flows;
}

void
sharing_reweigh(struct world *world, size_t n)
{
	struct sharing *sharing = sharing_of(world, n);

	if (!runs(sharing))
		return;
	sharing->stale = true;
	sharing->next_ns = 0;
}

void
sharing_hold(struct world *world, size_t n, size_t router, uint64_t until_ns, bool begins)
{
	struct sharing *sharing = sharing_of(world, n);

	if (!runs(sharing))
		return;
	if (begins)
		lease_begin(&sharing->leases, stage_lease(router), world_clock(world, n));
	lease_set(&sharing->leases, stage_lease(router), until_ns);
}

bool
sharing_is_synced(struct world *world, size_t n)
{
	const struct sharing *sharing = sharing_of(world, n);
	uint64_t now_ns = world_clock(world, n);

	for (size_t i = 0; runs(sharing) && i < world->n_nodes; i++) {
		const struct peer *peer = &sharing->peers[i];

		if (i == n)
			continue;
		if (!sync_session_is_synced(peer->session, now_ns))
			return false;
		if (sync_session_is_up(peer->session) && !peer->told)
			check_fail(
				world, "n%zu is said to know all of n%zu before it was told", n, i);
	}
	return true;
}

bool
sharing_was_told(const struct world *world, size_t n, size_t peer)
{
	return sharing_of(world, n)->peers[peer].was_told;
}

bool
sharing_knows_view(const struct world *world, size_t n, size_t holder, size_t router)
{
	const struct sharing *there = sharing_of(world, holder);
	char name[8];
	const struct sync_view_pool *pool;
	const struct maglev *table = former_table(there->snapshot,
		(uint32_t)(router * STAGE_SERVICES), &there->leases, world_clock(world, holder));

	snprintf(name, sizeof(name), "r%zu", router);
	pool = sync_views_find(sync_flows_views(sharing_of(world, n)->flows), name, STAGE_POOL);
	if (!pool || pool->n != table->n_members)
		return false;
	for (uint32_t i = 0; i < pool->n; i++)
		if (pool->takers[i].seed != table->members[i].seed ||
			pool->takers[i].weight != table->members[i].weight)
			return false;
	return true;
}

struct stage_ends
sharing_send(struct world *world, size_t n, size_t router, enum stage_service service,
	uint16_t client_port, uint8_t tcp_flags)
{
	struct sharing *sharing = sharing_of(world, n);

	return stage_send(sharing->pipeline, sharing->snapshot, router, service, client_port,
		tcp_flags, world_clock(world, n));
}
