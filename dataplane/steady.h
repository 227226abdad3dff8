/* SPDX-License-Identifier: BSD-3-Clause */
/* The short way through the last pass: a packet of a flow that is known and stays as it is, in a
 * service whose packets are neither counted against a limit nor looked up in a list. Most packets
 * are such. What it does with them is what the thorough way would do (passes.c). */
#ifndef DATAPLANE_STEADY_H
#define DATAPLANE_STEADY_H

#include "dataplane/forward.h"
#include "dataplane/nat_steady.h"
#include "dataplane/rewrite.h"
#include "dataplane/tunnel_steady.h"

/* What a burst's packets have in common, read once: the compiler cannot know that nothing that is
 * written in between changes it. */
struct steady {
	const struct burst *burst;
	const struct path_backend *backends;
	const struct port_info *ports;
	struct nexthop_table nexthops;
	const struct flow_table *flows;
	uint64_t *verdicts; /* Counters. */
	struct service_stats *services;
	struct backend_stats *backend_stats;
	uint16_t tick;
};

static inline struct steady __attribute__((always_inline)) steady_of(const struct burst *burst)
{
	const struct pipeline *pipeline = burst->pipeline;

	return (struct steady){
		.burst = burst,
		.backends = burst->snapshot->path_backends,
		.ports = pipeline->local.ports->ports,
		.nexthops = *pipeline->nexthops,
		.flows = pipeline->flows,
		.verdicts = pipeline->stats->verdicts,
		.services = pipeline->stats->services,
		.backend_stats = pipeline->stats->backends,
		.tick = flow_tick(burst->now_ns),
	};
}

/* Of modes other than dr. */
static inline enum verdict __attribute__((always_inline)) steady_send(const struct burst *burst,
	struct packet *packet, const struct work *work, uint16_t backend, const struct nexthop *hop)
{
	const struct service_slot *service = work->service;

	if ((service->key.beside & (SERVICE_NAT | SERVICE_FULLNAT)) &&
		nat_steady(burst, packet, work, backend, hop))
		return V_FORWARD;
	if ((service->key.beside & SERVICE_TUNNEL) &&
		tunnel_steady(burst, packet, work, backend, hop))
		return V_FORWARD;
	return forward_specially(burst, &burst->snapshot->path_services[service->service], backend,
		hop, packet, work);
}

/* Returns false, having done nothing, for a packet that is none of those. Else the packet has its
 * verdict and service and backend have counted it; V_FORWARD is left to be counted, all others are
 * counted, also in '*n_others'. */
static inline bool __attribute__((always_inline)) steady_decide(const struct steady *steady,
	struct packet *packet, const struct work *work, unsigned int *n_others)
{
	const struct service_slot *service = work->service;
	const struct flow_bucket *bucket = work->slot.bucket;
	const struct path_backend *path;
	const struct flow_entry *entry;
	uint32_t size = packet->size; /* As it came, whatever is put around it. */
	enum verdict verdict;
	struct nexthop hop;
	uint16_t backend;

	if (!bucket || (service->key.beside & SERVICE_THOROUGH))
		return false;
	entry = &bucket->entries[work->slot.i];
	/* A place that an earlier packet of the burst has made free has no steady state. */
	if (!flow_key_equal(&entry->key, &work->parsed.key) ||
		!flow_is_steady(steady->flows, work->slot, (enum flow_signal)work->parsed.signal,
			steady->tick))
		return false;
	backend = entry->backend;
	path = &steady->backends[backend];
	if (!path->usable || path->pool != service->pool)
		return false;
	hop = nexthop_get(&steady->nexthops, path->nexthop);
	if (hop.state != NEXTHOP_READY)
		return false;
	packet->backend = backend;
	packet->out_port = hop.port;
	if (__builtin_expect(service->key.beside & SERVICE_SPECIAL, 0)) {
		const struct burst copy = *steady->burst; /* The burst stays in registers. */

		verdict = steady_send(&copy, packet, work, backend, &hop);
	} else {
		verdict = rewrite_dr(packet, &work->parsed, &hop, &steady->ports[hop.port]);
	}
	packet->verdict = verdict;
	if (__builtin_expect(verdict != V_FORWARD, 0)) {
		stats_add(&steady->services[service->id].n_drops, 1);
		stats_add(&steady->verdicts[verdict], 1);
		*n_others += 1;
		return true;
	}
	stats_add_frame(&steady->services[service->id].n_packets, size);
	stats_add_frame(&steady->backend_stats[backend].n_packets, size);
	return true;
}

#endif /* DATAPLANE_STEADY_H */
