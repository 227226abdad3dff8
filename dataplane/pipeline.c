/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path; see pipeline.h.
 *
 * A packet of a known flow needs three lines of memory that are not in the cache when there are
 * many services and flows: its service's slot, the head of its flow's bucket and the flow's
 * entry, each found by what the one before holds. So a burst is gone through four times, and each
 * time prefetches for all packets what the next time reads:
 *
 *   1 parse, hash the destination     -> service slot
 *   2 find the service, hash the flow -> bucket head
 *   3 compare tags                    -> flow entry (or, without a match, the other bucket)
 *   4 compare the key, pick or keep the backend, rewrite
 *
 * What belongs to no service is decided in the last pass, one by one (local.c). */
#include "dataplane/pipeline.h"

#include "dataplane/flow_table.h"
#include "dataplane/local.h"
#include "dataplane/maglev.h"
#include "dataplane/nat.h"
#include "dataplane/parse.h"
#include "dataplane/rewrite.h"
#include "dataplane/snapshot_data.h"

#include <assert.h>
#include <errno.h>

#define LINE_BYTES 64
#define PREFETCH_AHEAD 4 /* Frames whose headers are on their way while one is parsed. */

/* What a packet carries from pass to pass. */
struct work {
	struct parsed parsed;
	const struct service_slot *service; /* NULL: for local_run(). */
	uint64_t hash;                      /* Of the service's key, then of the flow's. */
	struct flow_slot slot;              /* Where the flow may be. */
};

struct pipeline {
	struct work work[PACKET_BURST_MAX];
	struct flow_table *flows;
	struct stats *stats;
	const struct nexthop_table *nexthops;
	struct local local;
	struct memory memory;
	uint32_t next_local; /* See nat.h. */
};

/* One run. */
struct burst {
	struct pipeline *pipeline;
	const struct snapshot *snapshot;
	struct packet *packets;
	unsigned int n;
	uint64_t now_ns;
};

static void
pass_parse(const struct burst *burst)
{
	const struct snapshot *snapshot = burst->snapshot;

	for (unsigned int i = 0; i < burst->n && i < PREFETCH_AHEAD; i++)
		__builtin_prefetch(burst->packets[i].data);
	for (unsigned int i = 0; i < burst->n; i++) {
		const struct packet *packet = &burst->packets[i];
		struct work *work = &burst->pipeline->work[i];
		uint32_t hash;

		if (i + PREFETCH_AHEAD < burst->n)
			__builtin_prefetch(packet[PREFETCH_AHEAD].data);
		parse(packet, &work->parsed);
		work->service = NULL;
		if (work->parsed.kind > PARSED_ICMP_ERROR ||
			!local_is_to_port(burst->pipeline->local.ports, packet))
			continue;
		hash = service_hash(&work->parsed.target);
		work->hash = hash;
		work->service = service_slot_at(&snapshot->table, hash);
		__builtin_prefetch(work->service);
	}
}

static void
pass_service(const struct burst *burst)
{
	const struct service_table *services = &burst->snapshot->table;
	const struct flow_table *flows = burst->pipeline->flows;

	for (unsigned int i = 0; i < burst->n; i++) {
		struct work *work = &burst->pipeline->work[i];

		if (!work->service)
			continue;
		work->service = service_find(services, &work->parsed.target, (uint32_t)work->hash);
		if (work->service)
			work->parsed.key.rest |= flow_key_rest(0, work->service->vip, 0, 0);
		else if (burst->snapshot->nat)
			work->service = nat_find_return(burst->snapshot, &work->parsed);
		if (!work->service)
			continue;
		work->hash = flow_hash(flows, &work->parsed.key);
		work->slot.bucket = flow_home(flows, work->hash);
		__builtin_prefetch(work->slot.bucket);
	}
}

static void
pass_flow(const struct burst *burst)
{
	const struct flow_table *flows = burst->pipeline->flows;

	for (unsigned int i = 0; i < burst->n; i++) {
		struct work *work = &burst->pipeline->work[i];
		struct flow_bucket *home = work->slot.bucket;
		uint32_t match;

		if (!work->service)
			continue;
		match = flow_match(home, flow_tag(work->hash));
		if (match) {
			work->slot.i = (unsigned int)__builtin_ctz(match);
			__builtin_prefetch(flow_entry_at(work->slot));
		} else {
			work->slot.bucket = NULL;
			if (home->n_displaced || !flow_match(home, 0))
				__builtin_prefetch(flow_away(flows, work->hash));
		}
	}
}

/* The flow of the packet as it was before it, or nowhere. An earlier packet of the burst may have
 * made, moved or removed it since pass_flow(). */
static struct flow_slot
find_flow(const struct flow_table *flows, const struct work *work)
{
	const struct flow_key *key = &work->parsed.key;

	if (work->slot.bucket && work->slot.bucket->tags[work->slot.i] == flow_tag(work->hash) &&
		flow_key_equal(&flow_entry_at(work->slot)->key, key))
		return work->slot;
	return flow_find(flows, key, work->hash);
}

/* The backend that hashing gives the flow; 0: none takes new flows. */
static uint16_t
schedule(const struct path_service *service, const struct flow_key *key)
{
	uint64_t hash;

	if (!service->maglev)
		return 0;
	hash = maglev_flow_hash(key->client, key->client_port, key->vip_port, key->protocol);
	return *maglev_entry(service->maglev, hash);
}

static bool
keeps_flows(const struct snapshot *snapshot, const struct path_service *service, uint16_t backend)
{
	const struct path_backend *path = &snapshot->path_backends[backend];

	return path->usable && path->pool == service->pool;
}

/* Which backend the packet goes to; 0: there is none. */
static uint16_t
choose_backend(
	const struct burst *burst, const struct path_service *service, const struct work *work)
{
	struct pipeline *pipeline = burst->pipeline;
	const struct flow_key *key = &work->parsed.key;
	enum flow_signal signal = (enum flow_signal)work->parsed.signal;
	struct flow_slot slot = find_flow(pipeline->flows, work);
	uint16_t backend;

	if (slot.bucket && flow_advance(pipeline->flows, slot, signal, burst->now_ns)) {
		backend = flow_entry_at(slot)->backend;
		if (keeps_flows(burst->snapshot, service, backend))
			return backend;
		backend = schedule(service, key);
		if (backend) {
			flow_set_backend(slot, backend);
			stats_add(&pipeline->stats->flow_events[FLOW_RESCHEDULED], 1);
		}
		return backend;
	}
	backend = schedule(service, key);
	if (!backend)
		return 0;
	slot = flow_insert(pipeline->flows, key, work->hash, signal, backend, burst->now_ns);
	if (slot.bucket) {
		stats_add(&pipeline->stats->services[service->id].n_new_flows, 1);
		stats_add(&pipeline->stats->backends[backend].n_new_flows, 1);
	}
	return backend;
}

static enum verdict
send_to(const struct burst *burst, uint16_t backend, struct packet *packet,
	const struct parsed *parsed)
{
	const struct pipeline *pipeline = burst->pipeline;
	const struct path_backend *path = &burst->snapshot->path_backends[backend];
	struct nexthop hop = nexthop_get(pipeline->nexthops, path->nexthop);

	if (hop.state != NEXTHOP_READY)
		return V_DROP_NO_NEIGHBOUR;
	packet->out_port = hop.port;
	return rewrite_dr(packet, parsed, &hop, pipeline->local.ports->ports[hop.port].mac);
}

static struct nat_job
nat_job_of(const struct burst *burst, struct packet *packet, const struct work *work)
{
	const struct pipeline *pipeline = burst->pipeline;

	return (struct nat_job){pipeline->flows, burst->snapshot, pipeline->local.ports,
		pipeline->nexthops, packet, &work->parsed, burst->now_ns,
		&burst->pipeline->next_local};
}

static enum verdict __attribute__((noinline)) translate(const struct burst *burst,
	struct packet *packet, const struct work *work, uint8_t mode, uint16_t backend)
{
	const struct nat_job job = nat_job_of(burst, packet, work);

	/* Looked up once more rather than carried through what modes without it run. */
	return nat_forward(&job, mode, backend,
		flow_find(burst->pipeline->flows, &work->parsed.key, work->hash));
}

/* A packet that a backend of a nat service may have sent to a client. */
static enum verdict __attribute__((noinline))
run_return(const struct burst *burst, struct packet *packet, const struct work *work)
{
	const struct nat_job job = nat_job_of(burst, packet, work);
	struct flow_slot flow = flow_find(burst->pipeline->flows, &work->parsed.key, work->hash);
	const struct service_slot *service = NULL;
	enum verdict verdict = V_HOST;
	struct service_stats *stats;

	if (flow.bucket)
		verdict = nat_return(&job, flow, &service);
	if (verdict == V_HOST)
		return local_run(&burst->pipeline->local, burst->snapshot, packet, &work->parsed,
			burst->now_ns);
	if (verdict == V_RETURN) {
		stats = &burst->pipeline->stats
				 ->services[burst->snapshot->path_services[service->service].id];
		stats_add(&stats->n_return_packets, 1);
		stats_add(&stats->n_return_bytes, packet->size);
	}
	return verdict;
}

static enum verdict
run_service(const struct burst *burst, struct packet *packet, const struct work *work)
{
	const struct path_service *service =
		&burst->snapshot->path_services[work->service->service];
	struct stats *stats = burst->pipeline->stats;
	struct service_stats *service_stats = &stats->services[service->id];
	uint16_t backend = choose_backend(burst, service, work);
	enum verdict verdict = V_DROP_NO_BACKEND;

	if (backend && service->mode == MODE_DR)
		verdict = send_to(burst, backend, packet, &work->parsed);
	else if (backend)
		verdict = translate(burst, packet, work, service->mode, backend);
	if (verdict != V_FORWARD) {
		stats_add(&service_stats->n_drops, 1);
		return verdict;
	}
	stats_add(&service_stats->n_packets, 1);
	stats_add(&service_stats->n_bytes, packet->size);
	stats_add(&stats->backends[backend].n_packets, 1);
	stats_add(&stats->backends[backend].n_bytes, packet->size);
	return V_FORWARD;
}

static void
pass_decide(const struct burst *burst)
{
	struct pipeline *pipeline = burst->pipeline;

	for (unsigned int i = 0; i < burst->n; i++) {
		struct packet *packet = &burst->packets[i];
		struct work *work = &pipeline->work[i];

		if (__builtin_expect(work->service != NULL, 1))
			packet->verdict = nat_is_return(work->service)
						  ? run_return(burst, packet, work)
						  : run_service(burst, packet, work);
		else
			packet->verdict = local_run(&pipeline->local, burst->snapshot, packet,
				&work->parsed, burst->now_ns);
	}
}

static void
count_received(const struct burst *burst)
{
	struct stats *stats = burst->pipeline->stats;
	uint64_t n_bytes = 0;

	for (unsigned int i = 0; i < burst->n; i++)
		n_bytes += burst->packets[i].size;
	stats_add(&stats->n_packets, burst->n);
	stats_add(&stats->n_bytes, n_bytes);
	stats_add(&stats->n_bursts, 1);
}

static void
count_verdicts(const struct burst *burst)
{
	uint64_t *verdicts = burst->pipeline->stats->verdicts;

	for (unsigned int i = 0; i < burst->n; i++)
		stats_add(&verdicts[burst->packets[i].verdict], 1);
}

int
pipeline_new(struct pipeline **out, const struct pipeline_config *config)
{
	const struct memory *memory = &config->memory;
	struct pipeline *pipeline = memory->alloc(memory->ctx, sizeof(*pipeline), LINE_BYTES);
	int rc;

	if (!pipeline)
		return -ENOMEM;
	pipeline->memory = *memory;
	pipeline->nexthops = config->nexthops;
	pipeline->next_local = (uint32_t)config->seed; /* Not where it was before a restart. */
	pipeline->local.ports = config->ports;
	pipeline->local.leases = config->leases;
	rc = stats_new(&pipeline->stats, memory);
	if (rc == 0)
		rc = flow_table_new(&pipeline->flows, config->n_flows, config->seed,
			&config->timeouts, memory, pipeline->stats->flow_events);
	if (rc < 0) {
		pipeline_free(pipeline);
		return rc;
	}
	*out = pipeline;
	return 0;
}

void
pipeline_free(struct pipeline *pipeline)
{
	struct memory memory;

	if (!pipeline)
		return;
	memory = pipeline->memory;
	flow_table_free(pipeline->flows);
	stats_free(pipeline->stats);
	memory.free(memory.ctx, pipeline);
}

void
pipeline_run(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	const struct burst burst = {pipeline, snapshot, packets, n, now_ns};

	assert(n <= PACKET_BURST_MAX);
	count_received(&burst);
	if (snapshot) {
		pass_parse(&burst);
		pass_service(&burst);
		pass_flow(&burst);
		pass_decide(&burst);
	} else {
		for (unsigned int i = 0; i < n; i++)
			packets[i].verdict = V_HOST;
	}
	count_verdicts(&burst);
}

void
pipeline_sweep(struct pipeline *pipeline, uint64_t now_ns, uint32_t n_buckets)
{
	flow_sweep(pipeline->flows, now_ns, n_buckets);
}

void
pipeline_prepare(struct pipeline *pipeline, const struct snapshot *snapshot)
{
	static const struct service_stats no_service;
	static const struct backend_stats no_backend;
	size_t n_services, n_backends;
	const struct snapshot_service *services = snapshot_services(snapshot, &n_services);
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n_backends);

	for (size_t i = 0; i < n_services; i++)
		if (services[i].is_new)
			pipeline->stats->services[services[i].id] = no_service;
	for (size_t i = 0; i < n_backends; i++)
		if (backends[i].is_new)
			pipeline->stats->backends[backends[i].id] = no_backend;
}

const struct stats *
pipeline_stats(const struct pipeline *pipeline)
{
	return pipeline->stats;
}

const struct flow_table *
pipeline_flows(const struct pipeline *pipeline)
{
	return pipeline->flows;
}

void
pipeline_recount(struct pipeline *pipeline, enum verdict was, enum verdict is)
{
	stats_add(&pipeline->stats->verdicts[was], UINT64_MAX); /* Minus one. */
	stats_add(&pipeline->stats->verdicts[is], 1);
}
