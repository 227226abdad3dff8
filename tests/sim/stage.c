/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet paths and snapshots of simulated dataplanes; see stage.h. */
#include "stage.h"

#include "../dataplane/frames.h"
#include "common/control.h"
#include "dataplane/pipeline_data.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOTS_MAX 96 /* That stage_tidy() keeps. */
#define IDS 64           /* More than there are backends and services. */

static const uint8_t backend_mac[5] = {2, 0, 0, 0, 0xbe};
static const char client[] = "198.51.100.7";

static const uint16_t weighings[STAGE_WEIGHINGS][STAGE_BACKENDS] = {
	{100, 100, 100, 100},
	{100, 0, 100, 100},
	{100, 100, 0, 100},
	{100, 100, 100, 0},
	{30, 100, 100, 100},
};

static const struct {
	uint16_t port;
	uint8_t mode;
	uint8_t scheduler;
} kinds[STAGE_SERVICES] = {
	[STAGE_DR_MAGLEV] = {80, MODE_DR, SCHEDULER_MAGLEV},
	[STAGE_DR_TURNS] = {81, MODE_DR, SCHEDULER_ROUND_ROBIN},
	[STAGE_NAT_LEAST] = {82, MODE_NAT, SCHEDULER_LEAST_CONNECTIONS},
	[STAGE_FULLNAT_TURNS] = {83, MODE_FULLNAT, SCHEDULER_ROUND_ROBIN},
};

/* A snapshot, and what it is made of: of each router which weighing its former view has, counted
 * from 1; 0: none. */
struct made {
	uint8_t weighing;
	uint8_t formers[STAGE_ROUTERS];
	struct snapshot *snapshot;
};

struct stage {
	struct port_table ports;
	struct nexthop_table *nexthops;
	struct lease_table *leases; /* Of the snapshots; dataplanes have their own. */
	struct pipeline *pipelines[STAGE_NODES];

	struct control_state state;
	struct addr vips[STAGE_ROUTERS], locals[STAGE_ROUTERS];
	struct control_router routers[STAGE_ROUTERS];
	struct control_backend backends[STAGE_BACKENDS];
	struct control_pool pool;
	struct control_service services[STAGE_ROUTERS * STAGE_SERVICES];

	/* Of each weighing: its snapshot without views, whose table it is, and one that has the
	 * tables of all others as former ones, in which later snapshots find them. */
	struct snapshot *plain[STAGE_WEIGHINGS];
	struct snapshot *bases[STAGE_WEIGHINGS];
	struct made *made;
	size_t n_made, size;
};

static void
must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "stage: %d\n", rc);
		abort();
	}
}

static struct addr __attribute__((format(printf, 1, 2))) address(const char *format, ...)
{
	char text[ADDR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return frame_addr(text);
}

/* --- The state --- */

static void
fill_router(struct stage *stage, size_t r)
{
	struct control_router *router = &stage->routers[r];

	snprintf(router->name, sizeof(router->name), "r%zu", r);
	snprintf(router->port, sizeof(router->port), "back");
	stage->vips[r] = address("192.0.2.%zu", 100 + r);
	stage->locals[r] = address("192.0.2.%zu", 5 + r);
	router->addresses = &stage->vips[r];
	router->n_addresses = 1;
	router->locals = &stage->locals[r];
	router->n_locals = 1;
	router->accept = true;
	for (size_t k = 0; k < STAGE_SERVICES; k++) {
		struct control_service *service = &stage->services[r * STAGE_SERVICES + k];

		snprintf(service->name, sizeof(service->name), "s%zu-%zu", r, k);
		service->address = stage->vips[r];
		service->port = kinds[k].port;
		service->protocol = PROTOCOL_TCP;
		service->mode = kinds[k].mode;
		service->scheduler = kinds[k].scheduler;
	}
}

static void
fill_state(struct stage *stage)
{
	for (size_t r = 0; r < STAGE_ROUTERS; r++)
		fill_router(stage, r);
	for (size_t b = 0; b < STAGE_BACKENDS; b++) {
		snprintf(stage->backends[b].name, sizeof(stage->backends[b].name), "b%zu", b + 1);
		stage->backends[b].addr = address("192.0.2.%zu", 11 + b);
		stage->backends[b].up = true;
	}
	snprintf(stage->pool.name, sizeof(stage->pool.name), STAGE_POOL);
	stage->pool.backends = stage->backends;
	stage->pool.n_backends = STAGE_BACKENDS;
	stage->state = (struct control_state){
		.routers = stage->routers,
		.n_routers = STAGE_ROUTERS,
		.pools = &stage->pool,
		.n_pools = 1,
		.services = stage->services,
		.n_services = STAGE_ROUTERS * STAGE_SERVICES,
	};
}

/* --- Snapshots --- */

static struct snapshot *
make(struct stage *stage, unsigned int weighing, const struct sync_views *views,
	const struct snapshot *previous)
{
	const struct snapshot_tables tables = {.ports = &stage->ports,
		.nexthops = stage->nexthops,
		.leases = stage->leases,
		.views = views};
	struct snapshot *snapshot;
	struct err err = {""};

	for (size_t b = 0; b < STAGE_BACKENDS; b++)
		stage->backends[b].weight = weighings[weighing][b];
	stage->state.generation++;
	must(snapshot_new(&snapshot, &stage->state, previous, &tables, &err));
	return snapshot;
}

static void
resolve(struct stage *stage, const struct snapshot *snapshot)
{
	struct nexthop hop = {.port = 1, .state = NEXTHOP_READY};
	size_t n;
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n);

	memcpy(hop.mac, backend_mac, sizeof(backend_mac));
	for (size_t i = 0; i < n; i++) {
		hop.mac[5] = (uint8_t)(backends[i].name[1] - '1');
		nexthop_set(stage->nexthops, backends[i].nexthop, &hop);
	}
}

/* Views that say of a router each that it is spread by one of the other weighings. */
static struct sync_views *
view_others(struct stage *stage, unsigned int weighing)
{
	struct sync_views *views;
	size_t n_routers, n;
	const struct snapshot_router *routers = snapshot_routers(stage->plain[0], &n_routers);
	unsigned int other = 0;

	must(sync_views_new(&views));
	for (size_t r = 0; r < n_routers; r++, other++) {
		struct sync_record *records;

		if (other == weighing)
			other++;
		must(sync_views_write(
			stage->plain[other], &routers[r], stage->leases, 0, &records, &n));
		sync_views_number(records, r + 1);
		for (size_t i = 0; i < n; i++)
			must(sync_views_take(views, 0, &records[i]));
		free(records);
	}
	return views;
}

static void
make_bases(struct stage *stage)
{
	for (unsigned int w = 0; w < STAGE_WEIGHINGS; w++)
		stage->plain[w] = make(stage, w, NULL, stage->plain[0]);
	for (unsigned int w = 0; w < STAGE_WEIGHINGS; w++) {
		struct sync_views *views = view_others(stage, w);

		stage->bases[w] = make(stage, w, views, stage->plain[w]);
		sync_views_free(views);
	}
	resolve(stage, stage->plain[0]);
}

/* Which weighing has these takers, counted from 1. */
static uint8_t
weighing_of(const struct stage *stage, const struct sync_view_pool *pool)
{
	for (unsigned int w = 0; w < STAGE_WEIGHINGS; w++) {
		const struct maglev *table = stage->plain[w]->pools[0].maglev;
		uint32_t n_same = 0;

		while (n_same < pool->n && n_same < table->n_members &&
			pool->takers[n_same].seed == table->members[n_same].seed &&
			pool->takers[n_same].weight == table->members[n_same].weight)
			n_same++;
		if (n_same == pool->n && n_same == table->n_members)
			return (uint8_t)(w + 1);
	}
	fprintf(stderr, "stage: a view is none that any node can have\n");
	abort();
}

static struct made *
add_made(struct stage *stage)
{
	if (stage->n_made == stage->size) {
		stage->size = 2 * stage->size + 64;
		stage->made = realloc(stage->made, stage->size * sizeof(*stage->made));
		if (!stage->made)
			abort();
	}
	return &stage->made[stage->n_made++];
}

const struct snapshot *
stage_snapshot(struct stage *stage, unsigned int weighing, const struct sync_views *views)
{
	struct made wanted = {.weighing = (uint8_t)weighing};

	for (size_t r = 0; r < STAGE_ROUTERS; r++) {
		const struct sync_view_pool *pool =
			sync_views_find(views, stage->routers[r].name, STAGE_POOL);

		if (pool)
			wanted.formers[r] = weighing_of(stage, pool);
	}
	for (size_t i = 0; i < stage->n_made; i++)
		if (stage->made[i].weighing == wanted.weighing &&
			memcmp(stage->made[i].formers, wanted.formers, sizeof(wanted.formers)) == 0)
			return stage->made[i].snapshot;
	wanted.snapshot = make(stage, weighing, views, stage->bases[weighing]);
	*add_made(stage) = wanted;
	return wanted.snapshot;
}

static void
forget_made(struct stage *stage)
{
	for (size_t i = 0; i < stage->n_made; i++)
		snapshot_free(stage->made[i].snapshot);
	stage->n_made = 0;
}

void
stage_tidy(struct stage *stage)
{
	if (stage->n_made > SNAPSHOTS_MAX)
		forget_made(stage);
}

uint16_t
stage_lease(size_t router)
{
	/* Snapshots acquire them in the order of the state; make_pipelines() looks. */
	return (uint16_t)(LEASE_NONE + 1 + router);
}

/* --- Packet paths --- */

static void
make_pipelines(struct stage *stage)
{
	const struct pipeline_config config = {.n_flows = STAGE_FLOWS,
		.seed = 1,
		.memory = memory_heap(),
		.ports = &stage->ports,
		.nexthops = stage->nexthops,
		.leases = stage->leases};
	size_t n;
	const struct snapshot_router *routers = snapshot_routers(stage->plain[0], &n);

	for (size_t i = 0; i < STAGE_NODES; i++) {
		must(pipeline_new(&stage->pipelines[i], &config));
		must(pipeline_prepare(stage->pipelines[i], stage->plain[0]));
	}
	for (size_t r = 0; r < n; r++)
		if (routers[r].lease != stage_lease(r))
			must(-1);
}

/* What a new one would have: no flows, and turns that begin anew. */
struct pipeline *
stage_begin(struct stage *stage, size_t node, struct lease_table *leases, uint64_t seed)
{
	const struct flow_timeouts timeouts = {0};
	struct pipeline *pipeline = stage->pipelines[node];
	struct stats *stats = pipeline->stats;

	flow_table_free(pipeline->flows);
	must(flow_table_new(&pipeline->flows, STAGE_FLOWS, seed, &timeouts, &pipeline->memory,
		stats->flow_events));
	memset(stats->backends, 0, IDS * sizeof(*stats->backends));
	pipeline->flows->backends = stats->backends;
	memset(pipeline->scheduler.turns, 0, IDS * sizeof(*pipeline->scheduler.turns));
	pipeline->scheduler.offset = (uint32_t)hash_mix(seed);
	pipeline->scheduler.random = hash_mix(~seed);
	pipeline->next_local = (uint32_t)seed;
	pipeline->local.leases = leases;
	pipeline->sync = NULL;
	pipeline->news = false;
	return pipeline;
}

struct stage_ends
stage_send(struct pipeline *pipeline, const struct snapshot *snapshot, size_t router,
	enum stage_service service, uint16_t client_port, uint8_t tcp_flags, uint64_t now_ns)
{
	struct stage_ends ends = {.backend = -1};
	const uint8_t *data;
	char vip[ADDR_TEXT_SIZE];
	struct frame frame;

	snprintf(vip, sizeof(vip), "192.0.2.%zu", 100 + router);
	frame_tcp(&frame, client, client_port, vip, kinds[service].port, tcp_flags);
	frame.packet.in_port = 1;
	memcpy(frame.packet.data, pipeline->local.ports->ports[1].mac, 6);
	pipeline_run(pipeline, snapshot, &frame.packet, 1, now_ns);
	data = frame.packet.data;
	if (frame.packet.verdict != V_FORWARD || memcmp(data, backend_mac, sizeof(backend_mac)))
		return ends;
	ends.backend = data[5];
	memcpy(&ends.source, data + FRAME_L3 + 12, sizeof(ends.source));
	memcpy(&ends.source_port, data + FRAME_L3 + 20, sizeof(ends.source_port));
	return ends;
}

/* --- The whole --- */

static void
make_ports(struct port_table *ports)
{
	static const char *const names[] = {"front", "back"};

	ports->n_ports = 2;
	for (size_t i = 0; i < 2; i++) {
		ports->ports[i].mtu = 1500;
		snprintf(ports->ports[i].name, sizeof(ports->ports[i].name), "%s", names[i]);
		memcpy(ports->ports[i].mac, frame_port_mac, 6);
		ports->ports[i].mac[5] = (uint8_t)(i + 1);
	}
}

struct stage *
stage_new(void)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		abort();
	make_ports(&stage->ports);
	must(nexthop_table_new(&stage->nexthops));
	must(lease_table_new(&stage->leases));
	fill_state(stage);
	make_bases(stage);
	make_pipelines(stage);
	return stage;
}

void
stage_free(struct stage *stage)
{
	forget_made(stage);
	free(stage->made);
	for (size_t i = 0; i < STAGE_WEIGHINGS; i++) {
		snapshot_free(stage->bases[i]);
		snapshot_free(stage->plain[i]);
	}
	for (size_t i = 0; i < STAGE_NODES; i++)
		pipeline_free(stage->pipelines[i]);
	nexthop_table_free(stage->nexthops);
	lease_table_free(stage->leases);
	free(stage);
}
