/* SPDX-License-Identifier: BSD-3-Clause */
/* The first pass over a burst: what each packet is, which service it is for, and where its flow is
 * at home. A part of passes.c, which alone includes it. */
#ifndef DATAPLANE_SEEK_H
#define DATAPLANE_SEEK_H

#include "dataplane/fragment.h"
#include "dataplane/icmp.h"
#include "dataplane/nat.h"
#include "dataplane/parse_plain.h"
#include "dataplane/pipeline_data.h"

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

/* The packet's flow, whose service is known: where it is at home. */
static inline void __attribute__((always_inline))
seek_flow(const struct flow_table *flows, struct work *work, const struct service_slot *service)
{
	work->service = service;
	work->hash = flow_hash(flows, &work->parsed.key);
	work->slot.bucket = flow_home(flows, work->hash);
	__builtin_prefetch(work->slot.bucket);
}

/* What is sent to no service but may be a backend's answer, or to one of all ports. Returns whether
 * 'work' is set. */
static bool __attribute__((noinline)) seek_other_service(const struct flow_table *flows,
	const struct snapshot *snapshot, struct work *work, uint32_t hash)
{
	const struct service_slot *service =
		service_find(&snapshot->table, &work->parsed.target, hash);

	if (service)
		work->parsed.key.rest |= flow_key_rest(0, service->vip, 0, 0);
	else if (snapshot->nat)
		service = nat_find_return(snapshot, &work->parsed);
	if (!service)
		return false;
	seek_flow(flows, work, service);
	return true;
}

static inline void __attribute__((always_inline)) seek_nothing(struct work *work)
{
	work->service = NULL;
	work->slot.bucket = NULL;
}

static inline void __attribute__((always_inline))
seek_service(const struct flow_table *flows, const struct snapshot *snapshot,
	const struct service_table *services, struct work *work, uint32_t hash)
{
	const struct service_slot *slot = service_find_exact(services, &work->parsed.target, hash);

	if (__builtin_expect(slot != NULL, 1)) {
		work->parsed.key.rest |= flow_key_rest(0, slot->vip, 0, 0);
		seek_flow(flows, work, slot);
	} else if (!seek_other_service(flows, snapshot, work, hash)) {
		seek_nothing(work);
	}
}

/* A packet that is not plain, or not to the port. */
static void __attribute__((noinline))
seek_thoroughly(struct pipeline *pipeline, const struct snapshot *snapshot,
	const struct packet *packet, struct work *work, uint64_t now_ns)
{
	if (!take_other(pipeline, snapshot, packet, &work->parsed, now_ns) ||
		!seek_other_service(
			pipeline->flows, snapshot, work, service_hash(&work->parsed.target)))
		seek_nothing(work);
}

/* As parse_plain(), of a packet that comes by port 'in_port' and is for the port's address, the
 * upper six bytes of 'to'. */
static inline uint8_t __attribute__((always_inline))
parse_own(const struct packet *packet, struct parsed *parsed, uint16_t in_port, uint64_t to)
{
	if (!plain_size(packet) || packet->in_port != in_port || load64(packet->data) << 16 != to)
		return ADDR_NONE;
	return parse_plain(packet, parsed);
}

/* The first pass, of few services: once for each family, whose unused words are then constants.
 * Returns how many bytes there are. */
static inline uint64_t __attribute__((always_inline)) pass_seek(const struct burst *burst)
{
	const struct snapshot *snapshot = burst->snapshot;
	const struct service_table services = snapshot->table;
	const struct flow_table *flows = burst->pipeline->flows;
	uint16_t in_port = burst->packets[0].in_port;
	uint64_t to = load64(burst->pipeline->local.ports->ports[in_port].mac) << 16;
	uint64_t n_bytes = 0;

	for (unsigned int i = 0; i < burst->n; i++) {
		const struct packet *packet = &burst->packets[i];
		struct work *work = &burst->pipeline->work[i];
		struct parsed *parsed = &work->parsed;
		uint8_t family;
		uint32_t hash;

		n_bytes += packet->size;
		family = parse_own(packet, parsed, in_port, to);
		if (__builtin_expect(family == ADDR_V4, 1)) {
			hash = service_hash(&parsed->target);
			seek_service(flows, snapshot, &services, work, hash);
		} else if (__builtin_expect(family == ADDR_V6, 1)) {
			hash = service_hash(&parsed->target);
			seek_service(flows, snapshot, &services, work, hash);
		} else {
			seek_thoroughly(burst->pipeline, snapshot, packet, work, burst->now_ns);
		}
	}
	return n_bytes;
}

/* The same in two, of many services: their slots are prefetched. */
static __attribute__((noinline)) uint64_t
pass_seek_many(struct pipeline *pipeline, const struct snapshot *snapshot,
	const struct packet *packets, unsigned int n, uint64_t now_ns)
{
	uint16_t in_port = packets[0].in_port;
	uint64_t to = load64(pipeline->local.ports->ports[in_port].mac) << 16;
	uint64_t n_bytes = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct work *work = &pipeline->work[i];

		n_bytes += packets[i].size;
		if (!parse_own(&packets[i], &work->parsed, in_port, to)) {
			seek_thoroughly(pipeline, snapshot, &packets[i], work, now_ns);
			work->slot.i = true;
			continue;
		}
		work->hash = service_hash(&work->parsed.target);
		work->slot.i = false;
		__builtin_prefetch(service_slot_at(&snapshot->table, (uint32_t)work->hash));
	}
	for (unsigned int i = 0; i < n; i++) {
		struct work *work = &pipeline->work[i];

		if (!work->slot.i)
			seek_service(pipeline->flows, snapshot, &snapshot->table, work,
				(uint32_t)work->hash);
		/* It will be counted, which is a line to be written. */
		if (work->service)
			__builtin_prefetch(&pipeline->stats->services[work->service->id], 1);
	}
	return n_bytes;
}

#endif /* DATAPLANE_SEEK_H */
