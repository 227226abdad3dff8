/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks by the virtual address; see probe.h. */
#include "dataplane/probe.h"

#include "dataplane/neighbour.h"
#include "dataplane/rewrite.h"
#include "dataplane/snapshot_data.h"

/* The host asks where the virtual address is: here, as far as it is concerned. */
static enum verdict
answer_host(const struct snapshot *snapshot, struct packet *packet, const struct parsed *parsed)
{
	const struct service_slot *slot =
		service_find_vip(&snapshot->table, parsed->target.address, parsed->target.family);
	const struct snapshot_vip *vip = slot ? snapshot->vips_by_id[slot->vip] : NULL;

	if (!vip || !vip->probed)
		return V_HOST;
	if (parsed->kind == PARSED_ND_SOLICIT)
		return nd_answer(packet, parsed, vip->mac);
	return arp_is_announcement(packet, parsed) ? V_HOST : arp_answer(packet, parsed, vip->mac);
}

static enum verdict
send_to(struct probe_path *path, const struct snapshot *snapshot, uint16_t service,
	const struct snapshot_backend *backend, struct packet *packet, const struct parsed *parsed,
	uint64_t now_ns)
{
	const struct path_encap *encap = &snapshot->path_encaps[service];
	struct nexthop hop = nexthop_get(path->nexthops, backend->nexthop);
	struct tunnel_way way;

	if (hop.state != NEXTHOP_READY)
		return V_DROP_NO_NEIGHBOUR;
	packet->out_port = hop.port;
	if (snapshot->services[service].mode != MODE_TUNNEL)
		return rewrite_dr(packet, parsed, &hop, &path->ports->ports[hop.port]);
	way = (struct tunnel_way){
		.tunnel = &encap->tunnel,
		.mss = encap->mss,
		.backend = &backend->addr,
		.hop = &hop,
		.out = &path->ports->ports[hop.port],
		.in = &path->ports->ports[packet->in_port],
		.hash = hash_fold(parsed->key.rest, UINT64_C(0x9e3779b97f4a7c15)),
		.now_ns = now_ns,
	};
	return tunnel_send(&path->tunnel, &way, packet, parsed);
}

/* The service's backend that the source port stands for, or NULL. */
static const struct snapshot_backend *
backend_of(const struct snapshot_service *service, const struct parsed *parsed)
{
	uint32_t offset = (uint32_t)be16_to(parsed->key.client_port) - service->probe_port;

	if (service->probe_port == 0 || offset >= service->n_probed)
		return NULL;
	return &service->probed[offset];
}

enum verdict
probe_run(struct probe_path *path, const struct snapshot *snapshot, struct packet *packet,
	uint64_t now_ns)
{
	const struct snapshot_backend *backend = NULL;
	const struct service_slot *slot;
	struct parsed parsed;

	if (!snapshot || !snapshot->has_probes)
		return V_HOST;
	parse(packet, &parsed);
	if (parsed.kind == PARSED_ARP || parsed.kind == PARSED_ND_SOLICIT)
		return answer_host(snapshot, packet, &parsed);
	if (parsed.kind != PARSED_FLOW)
		return V_HOST;
	slot = service_find(&snapshot->table, &parsed.target, service_hash(&parsed.target));
	if (slot)
		backend = backend_of(&snapshot->services[slot->service], &parsed);
	return backend ? send_to(path, snapshot, slot->service, backend, packet, &parsed, now_ns)
		       : V_HOST;
}
