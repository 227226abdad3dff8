/* SPDX-License-Identifier: BSD-3-Clause */
/* The modes that do more to a packet than dr; see forward.h. */
#include "dataplane/forward.h"

#include "dataplane/mss.h"
#include "dataplane/nat.h"
#include "dataplane/rewrite.h"
#include "dataplane/signs.h"
#include "dataplane/syn_proxy.h"
#include "dataplane/sync_path.h"
#include "dataplane/takeover.h"

static enum verdict
send_by_tunnel(const struct burst *burst, uint16_t backend, const struct nexthop *hop,
	struct packet *packet, const struct work *work)
{
	const struct snapshot *snapshot = burst->snapshot;
	const struct path_encap *encap = &snapshot->path_encaps[work->service->service];
	const struct port_table *ports = burst->pipeline->local.ports;
	const struct tunnel_way way = {
		.tunnel = &encap->tunnel,
		.mss = encap->mss,
		.backend = &snapshot->path_addrs[backend],
		.hop = hop,
		.out = &ports->ports[hop->port],
		.in = &ports->ports[packet->in_port],
		.hash = work->hash,
		.now_ns = burst->now_ns,
	};

	return tunnel_send(&burst->pipeline->tunnel, &way, packet, &work->parsed);
}

/* Inlined, which saves a copy of it. */
static inline struct nat_job __attribute__((always_inline))
nat_job_of(const struct burst *burst, struct packet *packet, const struct work *work)
{
	struct pipeline *pipeline = burst->pipeline;

	return (struct nat_job){
		.flows = pipeline->flows,
		.snapshot = burst->snapshot,
		.ports = pipeline->local.ports,
		.nexthops = pipeline->nexthops,
		.packet = packet,
		.parsed = &work->parsed,
		.now_ns = burst->now_ns,
		.next_local = &pipeline->next_local,
		.stats = pipeline->stats,
		.too_big = &pipeline->tunnel.too_big,
		.steering = &pipeline->steering,
		.pipeline = pipeline,
	};
}

static enum verdict
translate(const struct burst *burst, struct packet *packet, const struct work *work, uint8_t mode,
	uint16_t backend)
{
	struct nat_job job = nat_job_of(burst, packet, work);
	const struct path_encap *encap = &burst->snapshot->path_encaps[work->service->service];
	struct flow_slot flow;
	struct parsed own;
	enum verdict verdict;

	job.client_address = encap->client_address;
	job.mss = encap->mss;
	/* Looked up once more rather than carried through what modes without it run. */
	flow = work_find_flow(burst->pipeline->flows, work);
	verdict = syn_proxy_forth(&job, flow, &burst->pipeline->opening, &own);
	return verdict == V_FORWARD ? nat_forward(&job, mode, backend, flow) : verdict;
}

enum verdict
forward_specially(const struct burst *burst, const struct path_service *service, uint16_t backend,
	const struct nexthop *hop, struct packet *packet, const struct work *work)
{
	const struct path_encap *encap = &burst->snapshot->path_encaps[work->service->service];
	const struct port_table *ports = burst->pipeline->local.ports;

	if (service->options & PATH_TUNNEL)
		return send_by_tunnel(burst, backend, hop, packet, work);
	if ((service->options & PATH_MSS) && !work->parsed.fragment)
		mss_clamp(packet, &work->parsed, encap->mss);
	if (service->options & PATH_TRANSLATED)
		return translate(burst, packet, work, service->mode, backend);
	return rewrite_dr(packet, &work->parsed, hop, &ports->ports[hop->port]);
}

/* Tells of the flow that has the packet's key as its second one. */
static void
tell_first(const struct burst *burst, const struct work *work)
{
	struct pipeline *pipeline = burst->pipeline;
	struct flow_slot first, flow = flow_find(pipeline->flows, &work->parsed.key, work->hash);
	struct flow_key key;

	pipeline->news = false;
	if (!flow.bucket)
		return;
	first = flow_other(pipeline->flows, flow);
	key = flow_entry_at(first)->key;
	sync_path_tell(pipeline, burst->snapshot, &key, burst->now_ns);
}

enum verdict
forward_return(const struct burst *burst, struct packet *packet, const struct work *work)
{
	struct nat_job job = nat_job_of(burst, packet, work);
	struct flow_slot flow = work_find_flow(burst->pipeline->flows, work);
	const struct service_slot *service = NULL;
	enum verdict verdict = V_HOST;
	struct service_stats *stats;
	struct parsed own;

	if (steer_away_return(
		    &burst->pipeline->steering, packet, &work->parsed, flow.bucket != NULL))
		return V_STEER;
	if (pipeline_sync(burst->pipeline))
		flow = takeover_return(burst, work, flow);
	if (flow.bucket && __builtin_expect(signs_may_be(&work->parsed), 0))
		signs_count(burst->pipeline, flow, packet, &work->parsed);
	if (flow.bucket)
		verdict = syn_proxy_back(&job, flow, &burst->pipeline->outbox, &own);
	if (verdict == V_RETURN)
		verdict = nat_return(&job, flow, &service);
	if (burst->pipeline->news)
		tell_first(burst, work);
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
