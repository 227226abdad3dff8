/* SPDX-License-Identifier: BSD-3-Clause */
/* The passes over a burst; see passes.h.
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
 * After the second, where there are many services, what else is needed of the packet's service is
 * prefetched. Between the last two, where there are services in modes nat and fullnat, the flow's
 * second entry is prefetched as well.
 *
 * What belongs to no service is decided in the last pass, one by one (local.c). */
#include "dataplane/passes.h"

#include "dataplane/admission.h"
#include "dataplane/forward.h"
#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/maglev.h"
#include "dataplane/nat.h"
#include "dataplane/parse_plain.h"
#include "dataplane/rewrite.h"
#include "dataplane/syn_gate.h"

#define PREFETCH_AHEAD 4 /* Frames whose headers are on their way while one is parsed. */

/* What is not plainly a packet of a flow. Returns whether it is to be treated as one. Not inlined
 * and without the burst, which the compiler then keeps in registers. */
static bool __attribute__((noinline))
take_other(struct pipeline *pipeline, const struct snapshot *snapshot, const struct packet *packet,
	struct parsed *parsed, uint64_t now_ns)
{
	parse(packet, parsed);
	if (parsed->kind > PARSED_FRAGMENT || !local_is_to_port(pipeline->local.ports, packet))
		return false;
	if (parsed->kind == PARSED_ICMP_ERROR) {
		icmp_count_error(packet, parsed, pipeline->stats);
		return true;
	}
	if (parsed->kind == PARSED_FLOW)
		return true;
	/* Of the host's fragments no account is kept, unless they may be a backend's answer: then
	 * what is wrong with them is not the host's to judge. */
	if (service_find_vip(&snapshot->table, parsed->target.address, parsed->target.family)) {
		fragment_follow(pipeline->fragments, packet, parsed, now_ns);
	} else if (snapshot->nat && nat_is_backend(snapshot, parsed)) {
		fragment_follow(pipeline->fragments, packet, parsed, now_ns);
		if (parsed->kind == PARSED_BAD)
			parsed->target.family = ADDR_NONE;
	}
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
		work->service = NULL;
		if (__builtin_expect(parse_plain(packet, &work->parsed), 1)
				? !local_is_to_port(ports, packet)
				: !take_other(burst->pipeline, snapshot, packet, &work->parsed,
					  burst->now_ns))
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

/* Prefetching is no effect in the compiler's eyes: a function that does nothing else is left out,
 * unless it says that it does something. */
#define HAS_EFFECT() __asm__ volatile("")

/* What the packet's service is, and the line that counts it, which is written: with thousands of
 * services neither is in the cache. */
static __attribute__((noinline)) void
pass_many(const struct pipeline *pipeline, const struct snapshot *snapshot, unsigned int n)
{
	HAS_EFFECT();
	for (unsigned int i = 0; i < n; i++) {
		const struct service_slot *slot = pipeline->work[i].service;

		if (!slot)
			continue;
		__builtin_prefetch(&snapshot->path_services[slot->service]);
		__builtin_prefetch(&pipeline->stats->services[slot->id], 1);
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

/* The backend that the service's scheduler gives the flow; 0: none takes new flows. */
static uint16_t
schedule(const struct burst *burst, const struct path_service *service, const struct flow_key *key,
	enum flow_signal signal)
{
	if (service->options & PATH_SPECIAL)
		return scheduler_choose(schedule_of(burst, service), &burst->pipeline->scheduler,
			key, (enum scheduler_occasion)occasions[signal], burst->now_ns);
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

/* Which backend the packet goes to; 0: there is none, or it is refused. */
static uint16_t
choose_backend(
	const struct burst *burst, const struct path_service *service, const struct work *work)
{
	struct pipeline *pipeline = burst->pipeline;
	const struct flow_key *key = &work->parsed.key;
	enum flow_signal signal = (enum flow_signal)work->parsed.signal;
	struct flow_slot slot = work_find_flow(pipeline->flows, work);
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
	if (backend && (service->options & PATH_LIMITED))
		backend = admission_backend(burst, service, work, backend);
	if (!backend)
		return 0;
	slot = flow_insert(pipeline->flows, key, work->hash, signal, backend, burst->now_ns);
	if (slot.bucket) {
		stats_add(&pipeline->stats->services[service->id].n_new_flows, 1);
		stats_add(&pipeline->stats->backends[backend].n_new_flows, 1);
	} else if (service->options & PATH_SPECIAL) {
		backend = scheduler_untracked(schedule_of(burst, service), key, backend);
	}
	return backend;
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
	if (__builtin_expect(forward_is_special(service), 0)) {
		const struct burst copy = *burst; /* The burst itself stays in registers. */

		return forward_specially(&copy, service, backend, &hop, packet, work);
	}
	return rewrite_dr(packet, &work->parsed, &hop, &pipeline->local.ports->ports[hop.port]);
}

static inline void __attribute__((always_inline))
count_forwarded(struct stats *stats, uint16_t service, uint16_t backend, uint32_t size)
{
	stats_add(&stats->services[service].n_packets, 1);
	stats_add(&stats->services[service].n_bytes, size);
	stats_add(&stats->backends[backend].n_packets, 1);
	stats_add(&stats->backends[backend].n_bytes, size);
}

/* The packet of a service, whatever state its flow is in; it may be another worker's flow. */
static enum verdict
serve(const struct burst *burst, const struct path_service *service, struct packet *packet,
	struct work *work)
{
	struct stats *stats = burst->pipeline->stats;
	enum verdict verdict = V_FORWARD;
	uint16_t backend = 0;
	uint32_t size = packet->size; /* As it came, whatever is put around it. */

	if (((service->options & PATH_TRANSLATED) ||
		    steer_spreads(&burst->pipeline->steering, packet->in_port)) &&
		steer_away_client(&burst->pipeline->steering, packet, &work->parsed, service->mode))
		return V_STEER;
	packet->backend = 0;
	burst->pipeline->refusal = V_DROP_NO_BACKEND;
	if (!admission_bars(burst, service, work) && !admission_exceeds(burst, service, work)) {
		if (service->options & PATH_COOKIES)
			verdict = syn_gate(burst, service, packet, work);
		if (verdict == V_REPLY_SYN_COOKIE)
			return verdict;
		if (verdict == V_FORWARD)
			backend = choose_backend(burst, service, work);
		else
			burst->pipeline->refusal = verdict;
	}
	packet->backend = backend;
	verdict =
		backend ? send_to(burst, service, backend, packet, work) : burst->pipeline->refusal;
	if (verdict == V_FORWARD)
		count_forwarded(stats, service->id, backend, size);
	else
		stats_add(&stats->services[service->id].n_drops, 1);
	return verdict;
}

/* All packets but those of decide_steady(). */
static __attribute__((noinline)) enum verdict
decide_otherwise(const struct burst *burst, struct packet *packet, struct work *work)
{
	if (!work->service)
		return local_run(&burst->pipeline->local, burst->snapshot, packet, &work->parsed,
			burst->now_ns);
	if (nat_is_return(work->service))
		return forward_return(burst, packet, work);
	return serve(burst, &burst->snapshot->path_services[work->service->service], packet, work);
}

/* Most packets are of a flow that is known and stays as it is, in a service whose packets are
 * neither counted against a limit nor looked up in a list. Returns false, having done nothing, for
 * all others. What this does is what decide_otherwise() would do; it is the part of it that must be
 * quick. */
static inline bool __attribute__((always_inline))
decide_steady(const struct burst *burst, struct packet *packet, const struct work *work)
{
	const struct pipeline *pipeline = burst->pipeline;
	const struct path_service *service;
	const struct flow_entry *entry;
	uint32_t size = packet->size;
	uint16_t backend;

	if (!work->service || nat_is_return(work->service) || !work->slot.bucket)
		return false;
	service = &burst->snapshot->path_services[work->service->service];
	entry = flow_entry_at(work->slot);
	backend = entry->backend;
	if ((service->options & (PATH_METERED | PATH_LISTED | PATH_COOKIES)) ||
		!work_is_at(work, work->slot) ||
		!flow_is_steady(pipeline->flows, work->slot, (enum flow_signal)work->parsed.signal,
			flow_tick(burst->now_ns)) ||
		!keeps_flows(burst->snapshot, service, backend))
		return false;
	packet->backend = backend;
	packet->verdict = send_to(burst, service, backend, packet, work);
	if (__builtin_expect(packet->verdict == V_FORWARD, 1))
		count_forwarded(pipeline->stats, service->id, backend, size);
	else
		stats_add(&pipeline->stats->services[service->id].n_drops, 1);
	return true;
}

/* Flows with two entries need both, wherever a packet comes from. Inlined as flow_prefetch_other()
 * is. */
static inline void __attribute__((always_inline))
pass_pair(const struct pipeline *pipeline, unsigned int n)
{
	HAS_EFFECT();
	for (unsigned int i = 0; i < n; i++) {
		const struct work *work = &pipeline->work[i];

		if (work->service && work->slot.bucket)
			flow_prefetch_other(pipeline->flows, work->slot);
	}
}

static void
pass_decide(const struct burst *burst)
{
	for (unsigned int i = 0; i < burst->n; i++) {
		struct packet *packet = &burst->packets[i];
		struct work *work = &burst->pipeline->work[i];

		if (__builtin_expect(!decide_steady(burst, packet, work), 0)) {
			/* Of a copy the address may be known without keeping the burst itself,
			 * which all packets use, out of registers. */
			const struct burst copy = *burst;

			packet->verdict = decide_otherwise(&copy, packet, work);
		}
	}
}

void
passes_run(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	const struct burst burst = {pipeline, snapshot, packets, n, now_ns};

	pass_parse(&burst);
	pass_service(&burst);
	if (__builtin_expect(snapshot->many_services, 0))
		pass_many(pipeline, snapshot, n);
	pass_flow(&burst);
	if (snapshot->nat)
		pass_pair(pipeline, n);
	pass_decide(&burst);
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
