/* SPDX-License-Identifier: BSD-3-Clause */
/* The passes over a burst; see passes.h.
 *
 * A packet of a known flow needs three lines of memory that are not in the cache when there are
 * many services and flows: its service's slot, the head of its flow's bucket and the flow's
 * entry, each found by what the one before holds. So a burst is gone through several times, and
 * each time prefetches for all packets what the next time reads:
 *
 *   1 parse, find the service, hash the flow -> bucket head
 *   2 compare tags                           -> flow entry (or, without a match, the other bucket)
 *   3 compare the key, pick or keep the backend, rewrite
 *
 * Where there are so many services that their slots are not in the cache, the first pass is two:
 *
 *   1a parse, hash the destination           -> service's slot
 *   1b find the service, hash the flow       -> bucket head, the service's counters
 *
 * Before the last, where there are services in modes nat and fullnat, the flow's second entry is
 * prefetched as well. What belongs to no service is decided in the last pass, one by one
 * (local.c). */
#include "dataplane/passes.h"

#include "dataplane/admission.h"
#include "dataplane/flow_room.h"
#include "dataplane/forward.h"
#include "dataplane/maglev.h"
#include "dataplane/seek.h"
#include "dataplane/steady.h"
#include "dataplane/syn_gate.h"
#include "dataplane/sync_path.h"
#include "dataplane/takeover.h"

/* Prefetching is no effect in the compiler's eyes: a function that does nothing else is left out,
 * unless it says that it does something. */
#define HAS_EFFECT() __asm__ volatile("")

/* Returns how many packets have found no flow. */
static inline unsigned int __attribute__((always_inline)) pass_flow(const struct burst *burst)
{
	const struct flow_table *flows = burst->pipeline->flows;
	unsigned int n_missing = 0;

	for (unsigned int i = 0; i < burst->n; i++) {
		struct work *work = &burst->pipeline->work[i];
		struct flow_bucket *home = work->slot.bucket;
		uint32_t match;

		if (!home)
			continue;
		match = flow_match(home, flow_tag(work->hash));
		if (match) {
			work->slot.i = (unsigned int)__builtin_ctz(match);
			__builtin_prefetch(flow_entry_at(work->slot));
		} else {
			work->slot.bucket = NULL;
			n_missing++;
			if (home->n_displaced || !flow_match(home, 0))
				__builtin_prefetch(flow_away(flows, work->hash));
		}
	}
	return n_missing;
}

/* Of packets that have found no flow: it may be in the other bucket, or will be where there is
 * room. The entry is on its way when the packet is decided about. */
static __attribute__((noinline)) void
pass_missing(struct pipeline *pipeline, unsigned int n, uint64_t now_ns)
{
	const struct flow_table *flows = pipeline->flows;
	uint16_t tick = flow_tick(now_ns);

	for (unsigned int i = 0; i < n; i++) {
		struct work *work = &pipeline->work[i];
		struct flow_bucket *away;
		uint32_t match = 0;

		if (!work->service || work->slot.bucket)
			continue;
		if (work_is_noted(work)) {
			__builtin_prefetch(syn_notes_set(pipeline->notes, work->hash), 1);
			if (work->parsed.signal == FLOW_SIGNAL_SYN &&
				!flow_home(flows, work->hash)->n_displaced)
				continue;
		}
		away = flow_away(flows, work->hash);
		if (flow_home(flows, work->hash)->n_displaced)
			match = flow_match(away, flow_tag(work->hash));
		if (match) {
			work->slot = (struct flow_slot){away, (unsigned int)__builtin_ctz(match)};
			__builtin_prefetch(flow_entry_at(work->slot));
		} else if (!work_is_noted(work) || work->parsed.signal != FLOW_SIGNAL_SYN) {
			flow_foresee_room(flows, work->hash, tick, &pipeline->rooms[i]);
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
static inline uint16_t __attribute__((always_inline)) schedule(const struct burst *burst,
	const struct path_service *service, const struct flow_key *key, enum flow_signal signal)
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

/* As flow_advance(); with flow sync, what it does is noted. */
static bool
advance(const struct burst *burst, const struct work *work, struct flow_slot slot)
{
	struct pipeline *pipeline = burst->pipeline;
	struct sync_before before = {slot.bucket->seen[slot.i], slot.bucket->states[slot.i]};
	bool is = flow_advance(
		pipeline->flows, slot, (enum flow_signal)work->parsed.signal, burst->now_ns);

	if (__builtin_expect(pipeline_sync(pipeline) != NULL, 0))
		sync_path_note(burst, slot, &work->parsed.key, before, is);
	return is;
}

/* The backend of a packet whose flow is at 'slot'. */
static uint16_t
follow(const struct burst *burst, const struct path_service *service, const struct work *work,
	struct flow_slot slot)
{
	struct pipeline *pipeline = burst->pipeline;
	uint16_t backend = flow_entry_at(slot)->backend;

	if (keeps_flows(burst->snapshot, service, backend))
		return backend;
	backend = schedule(burst, service, &work->parsed.key, FLOW_SIGNAL_SYN);
	if (backend) {
		flow_set_backend(pipeline->flows, slot, backend);
		stats_add(&pipeline->stats->flow_events[FLOW_RESCHEDULED], 1);
		pipeline->news = pipeline_sync(pipeline);
	}
	return backend;
}

static void
count_new_flow(struct stats *stats, const struct path_service *service, uint16_t backend)
{
	stats_add(&stats->services[service->id].n_new_flows, 1);
	stats_add(&stats->backends[backend].n_new_flows, 1);
}

/* As choose_backend(), of a SYN that has no flow in the table, which it leaves as it is. */
static uint16_t
note_syn(const struct burst *burst, const struct path_service *service, const struct work *work)
{
	struct pipeline *pipeline = burst->pipeline;
	uint16_t backend, tick = flow_tick(burst->now_ns);
	uint64_t *note = syn_notes_find(pipeline->notes, pipeline->flows, work->hash, tick);

	if (note && keeps_flows(burst->snapshot, service, syn_note_backend(*note))) {
		backend = syn_note_backend(*note);
		syn_note_set(note, syn_note_make(work->hash, backend, tick));
		return backend;
	}
	backend = schedule(burst, service, &work->parsed.key, FLOW_SIGNAL_SYN);
	if (!backend)
		return 0;
	if (note) {
		syn_note_set(note, syn_note_make(work->hash, backend, tick));
		stats_add(&pipeline->stats->flow_events[FLOW_RESCHEDULED], 1);
	} else {
		syn_notes_put(pipeline->notes, work->hash, backend, tick);
		count_new_flow(pipeline->stats, service, backend);
	}
	return backend;
}

/* Enters the flow of which there is a note, as its SYN would have. If the table has no room for it,
 * the note stays, and its backend is returned if it can have the packet. */
static uint16_t
enter_noted(const struct burst *burst, const struct path_service *service, const struct work *work,
	struct flow_slot *slot)
{
	struct pipeline *pipeline = burst->pipeline;
	uint64_t *note = syn_notes_find(
		pipeline->notes, pipeline->flows, work->hash, flow_tick(burst->now_ns));
	uint16_t backend;

	if (!note)
		return 0;
	backend = syn_note_backend(*note);
	pipeline->flows->room = &pipeline->rooms[work - pipeline->work];
	*slot = flow_insert(pipeline->flows, &work->parsed.key, work->hash, FLOW_SIGNAL_SYN,
		backend, burst->now_ns);
	pipeline->flows->room = NULL;
	if (slot->bucket)
		syn_note_set(note, 0);
	else if (keeps_flows(burst->snapshot, service, backend))
		return backend;
	return 0;
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
	uint16_t backend = 0;

	if (!slot.bucket && work_is_noted(work) && signal != FLOW_SIGNAL_SYN)
		backend = enter_noted(burst, service, work, &slot);
	if (backend)
		return backend;
	if (__builtin_expect(pipeline_sync(pipeline) != NULL, 0))
		slot = takeover_flow(burst, work, slot);
	if (slot.bucket && advance(burst, work, slot))
		return follow(burst, service, work, slot);
	if (work_is_noted(work) && signal == FLOW_SIGNAL_SYN)
		return note_syn(burst, service, work);
	if (__builtin_expect(pipeline_sync(pipeline) != NULL, 0))
		backend = takeover_choice(burst, work);
	if (!backend)
		backend = schedule(burst, service, key, signal);
	if (backend && (service->options & PATH_LIMITED))
		backend = admission_backend(burst, service, work, backend);
	if (!backend)
		return 0;
	pipeline->flows->room = &pipeline->rooms[work - pipeline->work];
	slot = flow_insert(pipeline->flows, key, work->hash, signal, backend, burst->now_ns);
	pipeline->flows->room = NULL;
	if (slot.bucket) {
		count_new_flow(pipeline->stats, service, backend);
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
	stats_add_frame(&stats->services[service].n_packets, size);
	stats_add_frame(&stats->backends[backend].n_packets, size);
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
	if (__builtin_expect(burst->pipeline->news, 0))
		sync_path_tell(burst->pipeline, burst->snapshot, &work->parsed.key, burst->now_ns);
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

/* Whether the packet is a SYN that decide_syn() may be asked about: of no flow as far as the passes
 * before have seen, in a service that only notes it and asks nothing else of it. */
static inline bool __attribute__((always_inline)) is_fresh_syn(const struct work *work)
{
	return work->service && !work->slot.bucket && work->parsed.signal == FLOW_SIGNAL_SYN &&
	       (work->service->key.beside & (SERVICE_NOTED | SERVICE_THOROUGH)) == SERVICE_NOTED;
}

/* The short way of the SYN that a flood is made of: nobody knows its flow. It does what serve()
 * would do, or returns V_STEER, which is never the verdict here, having done nothing. */
static __attribute__((noinline)) enum verdict
decide_syn(const struct burst *burst, struct packet *packet, const struct work *work)
{
	struct pipeline *pipeline = burst->pipeline;
	const struct flow_bucket *home = flow_home(pipeline->flows, work->hash);
	const struct path_service *service =
		&burst->snapshot->path_services[work->service->service];
	uint32_t size = packet->size;
	enum verdict verdict;
	struct nexthop hop;
	uint16_t backend;

	/* An earlier packet of the burst may have begun or entered the flow. */
	if (home->n_displaced || flow_match(home, flow_tag(work->hash)) ||
		syn_notes_match(syn_notes_set(pipeline->notes, work->hash), work->hash) ||
		steer_spreads(&pipeline->steering, packet->in_port))
		return V_STEER;
	backend = schedule(burst, service, &work->parsed.key, FLOW_SIGNAL_SYN);
	hop = nexthop_get(pipeline->nexthops, burst->snapshot->path_backends[backend].nexthop);
	if (!backend || hop.state != NEXTHOP_READY)
		return V_STEER;
	syn_notes_put(pipeline->notes, work->hash, backend, flow_tick(burst->now_ns));
	count_new_flow(pipeline->stats, service, backend);
	packet->backend = backend;
	packet->out_port = hop.port;
	if (forward_is_special(service))
		verdict = forward_specially(burst, service, backend, &hop, packet, work);
	else
		verdict = rewrite_dr(
			packet, &work->parsed, &hop, &pipeline->local.ports->ports[hop.port]);
	if (verdict == V_FORWARD)
		count_forwarded(pipeline->stats, service->id, backend, size);
	else
		stats_add(&pipeline->stats->services[service->id].n_drops, 1);
	return verdict;
}

/* Flows with two entries need both, wherever a packet comes from. Inlined as flow_prefetch_other()
 * is. */
static inline void __attribute__((always_inline))
pass_pair(const struct pipeline *pipeline, unsigned int n)
{
	HAS_EFFECT();
	for (unsigned int i = 0; i < n; i++) {
		const struct work *work = &pipeline->work[i];

		if (work->slot.bucket)
			flow_prefetch_other(pipeline->flows, work->slot);
	}
}

static void
pass_decide(const struct burst *burst)
{
	const struct steady steady = steady_of(burst);
	unsigned int n_others = 0;

	for (unsigned int i = 0; i < burst->n; i++) {
		struct packet *packet = &burst->packets[i];
		struct work *work = &burst->pipeline->work[i];

		if (__builtin_expect(!steady_decide(&steady, packet, work, &n_others), 0)) {
			/* Of a copy the address may be known without keeping the burst itself,
			 * which all packets use, out of registers. */
			const struct burst copy = *burst;

			packet->verdict = V_STEER;
			if (is_fresh_syn(work))
				packet->verdict = decide_syn(&copy, packet, work);
			if (packet->verdict == V_STEER)
				packet->verdict = decide_otherwise(&copy, packet, work);
			stats_add(&steady.verdicts[packet->verdict], 1);
			n_others++;
		}
	}
	stats_add(&steady.verdicts[V_FORWARD], burst->n - n_others);
}

uint64_t
passes_run(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	const struct burst burst = {pipeline, snapshot, packets, n, now_ns};
	uint64_t n_bytes;

	if (__builtin_expect(snapshot->many_services, 0))
		n_bytes = pass_seek_many(pipeline, snapshot, packets, n, now_ns);
	else
		n_bytes = pass_seek(&burst);
	if (__builtin_expect(pass_flow(&burst) > 0, 0))
		pass_missing(pipeline, n, now_ns);
	if (snapshot->nat)
		pass_pair(pipeline, n);
	pass_decide(&burst);
	return n_bytes;
}

const struct service_slot *
pipeline_locate(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packet,
	struct flow_key *key)
{
	pass_seek_many(pipeline, snapshot, packet, 1, 0);
	*key = pipeline->work[0].parsed.key;
	return pipeline->work[0].service;
}
