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
#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/limit.h"
#include "dataplane/local.h"
#include "dataplane/maglev.h"
#include "dataplane/mss.h"
#include "dataplane/nat.h"
#include "dataplane/parse.h"
#include "dataplane/rewrite.h"
#include "dataplane/scheduler.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/tunnel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LINE_BYTES 64
#define PREFETCH_AHEAD 4 /* Frames whose headers are on their way while one is parsed. */
#define DOUBLE_FLOWS 16  /* A double has one flow, and what a mode may enter beside it. */

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
	struct fragment_table *fragments;
	struct stats *stats;
	const struct nexthop_table *nexthops;
	struct local local;
	struct scheduler_worker scheduler;
	struct limits limits;
	enum verdict refusal; /* Why the last packet that got no backend got none. */
	struct tunnel_state tunnel;
	struct memory memory;
	uint32_t next_local; /* See nat.h. */
	struct steering steering;
};

/* One run. */
struct burst {
	struct pipeline *pipeline;
	const struct snapshot *snapshot;
	struct packet *packets;
	unsigned int n;
	uint64_t now_ns;
};

/* What is not simply a packet of a flow. Returns whether it is to be treated as one. Not inlined
 * and without the burst, which the compiler then keeps in registers. */
static bool __attribute__((noinline))
take_other(struct pipeline *pipeline, const struct snapshot *snapshot, const struct packet *packet,
	struct parsed *parsed, uint64_t now_ns)
{
	if (parsed->kind > PARSED_FRAGMENT || !local_is_to_port(pipeline->local.ports, packet))
		return false;
	if (parsed->kind == PARSED_ICMP_ERROR) {
		icmp_count_error(packet, parsed, pipeline->stats);
		return true;
	}
	/* Of the host's fragments no account is kept. */
	if (service_find_vip(&snapshot->table, parsed->target.address, parsed->target.family))
		fragment_follow(pipeline->fragments, packet, parsed, now_ns);
	return parsed->kind == PARSED_FLOW;
}

/* Both are called from two places, and yet belong into the run's own code. */
static inline void __attribute__((always_inline)) pass_parse(const struct burst *burst)
{
	const struct snapshot *snapshot = burst->snapshot;
	const struct port_table *ports = burst->pipeline->local.ports;

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
		if (__builtin_expect(work->parsed.kind != PARSED_FLOW, 0)
				? !take_other(burst->pipeline, snapshot, packet, &work->parsed,
					  burst->now_ns)
				: !local_is_to_port(ports, packet))
			continue;
		hash = service_hash(&work->parsed.target);
		work->hash = hash;
		work->service = service_slot_at(&snapshot->table, hash);
		__builtin_prefetch(work->service);
	}
}

static inline void __attribute__((always_inline)) pass_service(const struct burst *burst)
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
static inline struct flow_slot __attribute__((always_inline))
find_flow(const struct flow_table *flows, const struct work *work)
{
	const struct flow_key *key = &work->parsed.key;

	if (work->slot.bucket && work->slot.bucket->tags[work->slot.i] == flow_tag(work->hash) &&
		flow_key_equal(&flow_entry_at(work->slot)->key, key))
		return work->slot;
	return flow_find(flows, key, work->hash);
}

/* What a packet is that belongs to no flow. */
static const uint8_t occasions[N_FLOW_SIGNALS] = {
	[FLOW_SIGNAL_NONE] = SCHEDULER_STRAY,
	[FLOW_SIGNAL_SYN] = SCHEDULER_BEGIN,
	[FLOW_SIGNAL_DATA] = SCHEDULER_JOIN,
	[FLOW_SIGNAL_FIN] = SCHEDULER_STRAY,
	[FLOW_SIGNAL_RST] = SCHEDULER_STRAY,
	[FLOW_SIGNAL_UDP] = SCHEDULER_BEGIN,
};

static const struct schedule *
schedule_of(const struct burst *burst, const struct path_service *service)
{
	return &burst->snapshot->schedules[service - burst->snapshot->path_services];
}

/* Not inline, so that services of plain Maglev do not pay for the registers that it needs. */
static __attribute__((noinline)) uint16_t
schedule_specially(const struct burst *burst, const struct path_service *service,
	const struct flow_key *key, enum flow_signal signal)
{
	return scheduler_choose(schedule_of(burst, service), &burst->pipeline->scheduler, key,
		(enum scheduler_occasion)occasions[signal], burst->now_ns);
}

/* The backend that the service's scheduler gives the flow; 0: none takes new flows. */
static uint16_t
schedule(const struct burst *burst, const struct path_service *service, const struct flow_key *key,
	enum flow_signal signal)
{
	if (__builtin_expect(service->options & PATH_SPECIAL, 0)) {
		const struct burst copy = *burst; /* The burst itself stays in registers. */

		return schedule_specially(&copy, service, key, signal);
	}
	if (!service->maglev)
		return 0;
	return scheduler_flow_choice(service->maglev, key);
}

static inline bool __attribute__((always_inline))
keeps_flows(const struct snapshot *snapshot, const struct path_service *service, uint16_t backend)
{
	const struct path_backend *path = &snapshot->path_backends[backend];

	return path->usable && path->pool == service->pool;
}

/* Whether the service may have the new flow and the backend that the scheduler has 'chosen' for it.
 * Returns that or another backend; 0: refused. */
static uint16_t
admit(const struct burst *burst, const struct path_service *service, const struct work *work,
	uint16_t chosen)
{
	const struct snapshot *snapshot = burst->snapshot;
	struct pipeline *pipeline = burst->pipeline;
	const struct path_limit *limit = &snapshot->path_limits[work->service->service];
	struct limit_usage *usage = &pipeline->limits.services[service->id];
	uint64_t interval_ns = (uint64_t)limit->new_flow_ns * pipeline->limits.n_workers;

	if (!limit_is_first((enum flow_signal)work->parsed.signal))
		return chosen;
	chosen = limit_backend(&pipeline->limits, snapshot->path_max_flows,
		pipeline->stats->backends, service->maglev, &work->parsed.key, chosen);
	if (!chosen) {
		pipeline->refusal = V_DROP_BACKENDS_FULL;
	} else if (interval_ns &&
		   !limit_take(&usage->new_flows_due_ns, interval_ns, burst->now_ns)) {
		pipeline->refusal = V_DROP_NEW_FLOW_LIMIT;
		return 0;
	}
	return chosen;
}

/* Whether the packet is one too many. */
static bool
exceeds_packets(
	const struct burst *burst, const struct path_service *service, const struct work *work)
{
	const struct path_limit *limit = &burst->snapshot->path_limits[work->service->service];
	struct limits *limits = &burst->pipeline->limits;

	if (!(service->options & PATH_METERED) ||
		limit_take(&limits->services[service->id].packets_due_ns,
			(uint64_t)limit->packet_ns * limits->n_workers, burst->now_ns))
		return false;
	burst->pipeline->refusal = V_DROP_PACKET_LIMIT;
	return true;
}

/* Which backend the packet goes to; 0: there is none. 'limited' is a constant, as in serve(). */
static inline uint16_t __attribute__((always_inline)) choose_backend(const struct burst *burst,
	const struct path_service *service, const struct work *work, bool limited)
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
		backend = schedule(burst, service, key, FLOW_SIGNAL_SYN);
		if (backend) {
			flow_set_backend(pipeline->flows, slot, backend);
			stats_add(&pipeline->stats->flow_events[FLOW_RESCHEDULED], 1);
		}
		return backend;
	}
	backend = schedule(burst, service, key, signal);
	if (limited && backend && (service->options & PATH_LIMITED))
		backend = admit(burst, service, work, backend);
	if (!backend)
		return 0;
	slot = flow_insert(pipeline->flows, key, work->hash, signal, backend, burst->now_ns);
	if (slot.bucket) {
		stats_add(&pipeline->stats->services[service->id].n_new_flows, 1);
		stats_add(&pipeline->stats->backends[backend].n_new_flows, 1);
	} else if (__builtin_expect(service->options & PATH_SPECIAL, 0)) {
		backend = scheduler_untracked(schedule_of(burst, service), key, backend);
	}
	return backend;
}

static __attribute__((noinline)) enum verdict
send_by_tunnel(const struct burst *burst, uint16_t backend, const struct nexthop *hop,
	struct packet *packet, const struct work *work)
{
	const struct snapshot *snapshot = burst->snapshot;
	const struct port_table *ports = burst->pipeline->local.ports;
	const struct tunnel_way way = {
		.tunnel = &snapshot->path_encaps[work->service->service].tunnel,
		.backend = &snapshot->path_addrs[backend],
		.hop = hop,
		.out = &ports->ports[hop->port],
		.in = &ports->ports[packet->in_port],
		.hash = work->hash,
		.now_ns = burst->now_ns,
	};

	return tunnel_send(&burst->pipeline->tunnel, &way, packet, &work->parsed);
}

static struct nat_job
nat_job_of(const struct burst *burst, struct packet *packet, const struct work *work)
{
	const struct pipeline *pipeline = burst->pipeline;

	return (struct nat_job){pipeline->flows, burst->snapshot, pipeline->local.ports,
		pipeline->nexthops, packet, &work->parsed, burst->now_ns,
		&burst->pipeline->next_local, &pipeline->steering};
}

static enum verdict __attribute__((noinline)) translate(const struct burst *burst,
	struct packet *packet, const struct work *work, uint8_t mode, uint16_t backend)
{
	const struct nat_job job = nat_job_of(burst, packet, work);

	if (work->parsed.fragment)
		return V_DROP_FRAGMENT;
	/* Looked up once more rather than carried through what modes without it run. */
	return nat_forward(&job, mode, backend,
		flow_find(burst->pipeline->flows, &work->parsed.key, work->hash));
}

static inline enum verdict __attribute__((always_inline))
send_to(const struct burst *burst, const struct path_service *service, uint16_t backend,
	struct packet *packet, const struct work *work)
{
	const struct pipeline *pipeline = burst->pipeline;
	const struct path_backend *path = &burst->snapshot->path_backends[backend];
	struct nexthop hop = nexthop_get(pipeline->nexthops, path->nexthop);

	if (hop.state != NEXTHOP_READY)
		return V_DROP_NO_NEIGHBOUR;
	packet->out_port = hop.port;
	if (__builtin_expect(service->options & (PATH_MSS | PATH_TUNNEL | PATH_TRANSLATED), 0)) {
		const struct burst copy = *burst; /* The burst itself stays in registers. */
		const struct path_encap *encap =
			&burst->snapshot->path_encaps[work->service->service];

		if ((service->options & PATH_MSS) && !work->parsed.fragment)
			mss_clamp(packet, &work->parsed, encap->mss);
		if (service->options & PATH_TUNNEL)
			return send_by_tunnel(&copy, backend, &hop, packet, work);
		if (service->options & PATH_TRANSLATED)
			return translate(&copy, packet, work, service->mode, backend);
	}
	return rewrite_dr(packet, &work->parsed, &hop, pipeline->local.ports->ports[hop.port].mac);
}

/* The packet of a service. There are two of these, so that services without limits do not pay for
 * them: 'limited' is known when it is compiled. */
static inline enum verdict __attribute__((always_inline))
serve(const struct burst *burst, const struct path_service *service, struct packet *packet,
	const struct work *work, bool limited)
{
	struct stats *stats = burst->pipeline->stats;
	struct service_stats *service_stats = &stats->services[service->id];
	enum verdict verdict = V_DROP_NO_BACKEND;
	uint16_t backend = 0;
	uint32_t size = packet->size; /* As it came, whatever is put around it. */

	if (limited)
		burst->pipeline->refusal = V_DROP_NO_BACKEND;
	if (!limited || !exceeds_packets(burst, service, work))
		backend = choose_backend(burst, service, work, limited);
	packet->backend = backend;
	if (backend)
		verdict = send_to(burst, service, backend, packet, work);
	else if (limited)
		verdict = burst->pipeline->refusal;
	if (verdict != V_FORWARD) {
		stats_add(&service_stats->n_drops, 1);
		return verdict;
	}
	stats_add(&service_stats->n_packets, 1);
	stats_add(&service_stats->n_bytes, size);
	stats_add(&stats->backends[backend].n_packets, 1);
	stats_add(&stats->backends[backend].n_bytes, size);
	return V_FORWARD;
}

static enum verdict __attribute__((noinline)) serve_limited(const struct burst *burst,
	const struct path_service *service, struct packet *packet, const struct work *work)
{
	return serve(burst, service, packet, work, true);
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

	if (steer_away_return(
		    &burst->pipeline->steering, packet, &work->parsed, flow.bucket != NULL))
		return V_STEER;
	if (work->parsed.fragment)
		return V_DROP_FRAGMENT;
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

	if (__builtin_expect(
		    service->options & (PATH_LIMITED | PATH_METERED | PATH_TRANSLATED), 0)) {
		/* Of a copy the address may be known without keeping the burst itself, which all
		 * packets use, out of registers. */
		const struct burst copy = *burst;

		if ((service->options & PATH_TRANSLATED) &&
			steer_away_client(&copy.pipeline->steering, packet, &work->parsed,
				service->mode))
			return V_STEER;
		if (service->options & (PATH_LIMITED | PATH_METERED))
			return serve_limited(&copy, service, packet, work);
	}
	return serve(burst, service, packet, work, false);
}

static void
pass_decide(const struct burst *burst)
{
	struct pipeline *pipeline = burst->pipeline;

	for (unsigned int i = 0; i < burst->n; i++) {
		struct packet *packet = &burst->packets[i];
		struct work *work = &pipeline->work[i];

		if (__builtin_expect(work->service != NULL, 1)) {
			if (__builtin_expect(nat_is_return(work->service), 0)) {
				const struct burst copy = *burst; /* As in run_service(). */

				packet->verdict = run_return(&copy, packet, work);
			} else {
				packet->verdict = run_service(burst, packet, work);
			}
		} else {
			packet->verdict = local_run(&pipeline->local, burst->snapshot, packet,
				&work->parsed, burst->now_ns);
		}
	}
}

static void
count_received(const struct pipeline *pipeline, const struct packet *packets, unsigned int n)
{
	struct stats *stats = pipeline->stats;
	uint64_t n_bytes = 0;

	for (unsigned int i = 0; i < n; i++)
		n_bytes += packets[i].size;
	stats_add(&stats->n_packets, n);
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

/* Decides about packets that have been counted as received. */
static void
decide(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	const struct burst burst = {pipeline, snapshot, packets, n, now_ns};

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
		rc = scheduler_worker_init(&pipeline->scheduler, memory, pipeline->stats,
			config->persistence, config->seed);
	if (rc == 0)
		rc = flow_table_new(&pipeline->flows, config->n_flows, config->seed,
			&config->timeouts, memory, pipeline->stats->flow_events);
	pipeline->limits.n_workers = config->n_workers ? config->n_workers : 1;
	pipeline->limits.services = memory->alloc(
		memory->ctx, STATS_SERVICES_MAX * sizeof(*pipeline->limits.services), LINE_BYTES);
	if (rc == 0 && !pipeline->limits.services)
		rc = -ENOMEM;
	if (rc == 0)
		rc = fragment_table_new(
			&pipeline->fragments, config->seed, memory, pipeline->stats->path_events);
	if (rc < 0) {
		pipeline_free(pipeline);
		return rc;
	}
	pipeline->flows->backends = pipeline->stats->backends;
	pipeline->steering = (struct steering){
		config->steer, config->worker, pipeline->stats->path_events};
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
	fragment_table_free(pipeline->fragments);
	flow_table_free(pipeline->flows);
	scheduler_worker_fini(&pipeline->scheduler);
	stats_free(pipeline->stats);
	memory.free(memory.ctx, pipeline->limits.services);
	memory.free(memory.ctx, pipeline);
}

void
pipeline_run(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	assert(n <= PACKET_BURST_MAX);
	count_received(pipeline, packets, n);
	decide(pipeline, snapshot, packets, n, now_ns);
}

void
pipeline_take(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	assert(n <= PACKET_BURST_MAX);
	stats_add(&pipeline->stats->path_events[PATH_STEERED_IN], n);
	decide(pipeline, snapshot, packets, n, now_ns);
}

unsigned int
pipeline_release(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	uint64_t now_ns)
{
	unsigned int n = fragment_release(pipeline->fragments, packets, PACKET_BURST_MAX, now_ns);

	if (n > 0)
		decide(pipeline, snapshot, packets, n, now_ns);
	return n;
}

void *
pipeline_abandon(struct pipeline *pipeline)
{
	return fragment_abandon(pipeline->fragments);
}

void
pipeline_sweep(struct pipeline *pipeline, uint64_t now_ns, uint32_t n_buckets)
{
	flow_sweep(pipeline->flows, now_ns, n_buckets);
}

/* But for the flows that there are: the worker goes on counting them. */
static void
zero_counters(struct backend_stats *stats)
{
	stats->n_packets = 0;
	stats->n_bytes = 0;
	stats->n_new_flows = 0;
}

void
pipeline_prepare(struct pipeline *pipeline, const struct snapshot *snapshot)
{
	static const struct service_stats no_service;
	static const struct limit_usage no_usage;
	size_t n_services, n_backends;
	const struct snapshot_service *services = snapshot_services(snapshot, &n_services);
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n_backends);

	for (size_t i = 0; i < n_services; i++) {
		if (!services[i].is_new)
			continue;
		pipeline->stats->services[services[i].id] = no_service;
		pipeline->limits.services[services[i].id] = no_usage;
	}
	for (size_t i = 0; i < n_backends; i++)
		if (backends[i].is_new)
			zero_counters(&pipeline->stats->backends[backends[i].id]);
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

int
pipeline_double(struct pipeline **out, const struct pipeline *original)
{
	const struct pipeline_config config = {
		.n_flows = DOUBLE_FLOWS,
		.n_workers = original->limits.n_workers,
		.memory = memory_heap(),
		.ports = original->local.ports,
		.nexthops = original->nexthops,
		.leases = original->local.leases,
		.persistence = original->scheduler.persistence,
	};

	return pipeline_new(out, &config);
}

const struct service_slot *
pipeline_locate(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packet,
	struct flow_key *key)
{
	const struct burst burst = {pipeline, snapshot, packet, 1, 0};

	pass_parse(&burst);
	pass_service(&burst);
	*key = pipeline->work[0].parsed.key;
	return pipeline->work[0].service;
}

void
pipeline_imitate(struct pipeline *pipeline, const struct pipeline *original,
	const struct snapshot *snapshot, const struct flow_copy *flow, uint64_t now_ns)
{
	size_t n_services, n_backends;
	const struct snapshot_service *services = snapshot_services(snapshot, &n_services);
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n_backends);

	memcpy(pipeline->flows->timeouts, original->flows->timeouts,
		sizeof(pipeline->flows->timeouts));
	scheduler_worker_imitate(&pipeline->scheduler, &original->scheduler);
	if (flow)
		flow_restore(pipeline->flows, flow, now_ns);
	for (size_t i = 0; i < n_backends; i++)
		pipeline->stats->backends[backends[i].id].n_active =
			stats_read(&original->stats->backends[backends[i].id].n_active);
	for (size_t i = 0; i < n_services; i++)
		flow_copy_words(&pipeline->limits.services[services[i].id],
			&original->limits.services[services[i].id], sizeof(struct limit_usage));
}

void
pipeline_refuse(struct pipeline *pipeline, uint32_t size, enum verdict verdict)
{
	stats_add(&pipeline->stats->n_packets, 1);
	stats_add(&pipeline->stats->n_bytes, size);
	stats_add(&pipeline->stats->verdicts[verdict], 1);
}
