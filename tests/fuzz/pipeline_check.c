/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants of the packet path; see pipeline_check.h. What a packet is about is found out here
 * anew and only for the plain cases: for others less is required. */
#include "pipeline_check.h"

#include "common/checksum.h"
#include "dataplane/flow_table.h"
#include "fuzz.h"
#include "tests/dataplane/frames.h"

#include <stdlib.h>

#define FLOWS_MAX 1024

/* The 5-tuple of a plain TCP or UDP packet. */
struct tuple {
	struct addr client;
	struct addr vip;
	uint16_t client_port;
	uint16_t vip_port;
	uint8_t protocol;
};

struct passage *
passage_new(const uint8_t *frame, uint32_t size, uint16_t room, uint16_t in_port)
{
	struct passage *passage = malloc(sizeof(*passage));

	fuzz_require(passage != NULL, "memory for the test");
	passage->size = size;
	passage->in_port = in_port;
	passage->buffer_size = room + size + room;
	passage->buffer = malloc(passage->buffer_size ? passage->buffer_size : 1);
	passage->before = malloc(size ? size : 1);
	fuzz_require(passage->buffer && passage->before, "memory for the test");
	memcpy(passage->before, frame, size);
	memcpy(passage->buffer + room, frame, size);
	return passage;
}

void
passage_free(struct passage *passage)
{
	free(passage->buffer);
	free(passage->before);
	free(passage);
}

static const struct passage *
passage_of(const struct packet *packet)
{
	return packet->buffer;
}

static uint16_t
u16_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static struct addr
v4_at(const uint8_t *at)
{
	be32 v4;

	memcpy(&v4, at, sizeof(v4));
	return addr_from_v4(v4);
}

/* Returns false for anything else than TCP or UDP right behind the IP header, and for fragments. */
static bool
read_tuple(const uint8_t *frame, struct tuple *tuple)
{
	const uint8_t *ip = frame + FRAME_L3;
	const uint8_t *l4 = ip + 40;

	memset(tuple, 0, sizeof(*tuple));
	if (u16_at(frame + 12) == ETHER_IPV4) {
		l4 = ip + (ip[0] & 15) * 4;
		tuple->protocol = ip[9];
		tuple->client = v4_at(ip + 12);
		tuple->vip = v4_at(ip + 16);
		if (u16_at(ip + 6) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK))
			return false;
	} else {
		tuple->protocol = ip[6];
		tuple->client = addr_from_v6(ip + 8);
		tuple->vip = addr_from_v6(ip + 24);
	}
	if (tuple->protocol != PROTOCOL_TCP && tuple->protocol != PROTOCOL_UDP)
		return false;
	tuple->client_port = u16_at(l4);
	tuple->vip_port = u16_at(l4 + 2);
	return true;
}

static const struct control_service *
find_service(const struct control_state *state, const struct tuple *tuple)
{
	const struct control_service *found = NULL;

	for (size_t i = 0; i < state->n_services; i++) {
		const struct control_service *service = &state->services[i];

		if (service->protocol != tuple->protocol ||
			!addr_equal(&service->address, &tuple->vip))
			continue;
		if (service->port == tuple->vip_port)
			return service;
		if (service->port == 0)
			found = service;
	}
	return found;
}

/* The link-layer address of a backend, and the port that it is behind, as the world has them. */
static struct nexthop
hop_of(const struct fuzz_world *world, const struct addr *addr)
{
	const struct snapshot *snapshot = world->now->snapshot;
	size_t n;
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n);

	for (size_t i = 0; i < n; i++)
		if (addr_equal(&backends[i].addr, addr))
			return nexthop_get(world->nexthops, backends[i].nexthop);
	fuzz_require(false, "a backend of the state is in the snapshot");
	return (struct nexthop){.state = NEXTHOP_UNKNOWN};
}

/* Whether a usable backend of the pool is where the frame goes to. */
static bool
goes_to(const struct fuzz_world *world, const struct control_pool *pool,
	const struct packet *packet)
{
	for (size_t i = 0; i < pool->n_backends; i++) {
		struct nexthop hop;

		if (!pool->backends[i].up)
			continue;
		hop = hop_of(world, &pool->backends[i].addr);
		if (hop.state == NEXTHOP_READY && hop.port == packet->out_port &&
			memcmp(hop.mac, packet->data, sizeof(hop.mac)) == 0)
			return true;
	}
	return false;
}

static void
check_backend(const struct fuzz_world *world, const struct packet *packet, const uint8_t *before)
{
	const struct control_state *state = &world->now->state;
	const struct control_service *service;
	struct tuple tuple;
	bool found = false;

	if (read_tuple(before, &tuple)) {
		service = find_service(state, &tuple);
		fuzz_require(service != NULL, "what is forwarded is for a service");
		fuzz_require(goes_to(world, &state->pools[service->pool], packet),
			"it goes to a usable backend of the service's pool");
		return;
	}
	for (size_t i = 0; i < state->n_pools; i++)
		found |= goes_to(world, &state->pools[i], packet);
	fuzz_require(found, "it goes to a usable backend");
}

/* Mode dr: but for the link-layer addresses, the time to live and the checksum over it, nothing
 * changes. */
static void
check_forwarded(const struct packet *packet, const struct passage *passage)
{
	const uint8_t *before = passage->before + FRAME_L3;
	const uint8_t *after = packet->data + FRAME_L3;
	size_t size = passage->size - FRAME_L3;

	fuzz_require(packet->size == passage->size, "a forwarded packet has the same size");
	fuzz_require(memcmp(packet->data + 12, passage->before + 12, 2) == 0, "... and type");
	if (u16_at(passage->before + 12) == ETHER_IPV4) {
		size_t header = (before[0] & 15) * 4u;

		fuzz_require(before[8] > 1 && after[8] == before[8] - 1, "its TTL is one less");
		fuzz_require(memcmp(after, before, 8) == 0 && after[9] == before[9] &&
				     memcmp(after + 12, before + 12, size - 12) == 0,
			"the rest of the IPv4 packet is the same");
		if (checksum_finish(checksum_add(0, before, header)) == 0)
			fuzz_require(checksum_finish(checksum_add(0, after, header)) == 0,
				"a right checksum stays right");
	} else {
		fuzz_require(u16_at(passage->before + 12) == ETHER_IPV6, "only IP is forwarded");
		fuzz_require(before[7] > 1 && after[7] == before[7] - 1, "its hops are one less");
		fuzz_require(memcmp(after, before, 7) == 0 &&
				     memcmp(after + 8, before + 8, size - 8) == 0,
			"the rest of the IPv6 packet is the same");
	}
}

static bool
icmp6_checksum_good(const uint8_t *ip)
{
	struct addr from = addr_from_v6(ip + 8);
	struct addr to = addr_from_v6(ip + 24);
	size_t size = u16_at(ip + 4);
	uint32_t sum = checksum_add_pseudo(0, &from, &to, IPPROTO_ICMPV6, size);

	return checksum_finish(checksum_add(sum, ip + 40, size)) == 0;
}

/* Answers are given for VIPs that are held, and are right. */
static void
check_reply(const struct fuzz_world *world, const struct packet *packet)
{
	const uint8_t *l3 = packet->data + FRAME_L3;
	uint16_t type = u16_at(packet->data + 12);
	unsigned int router = type == ETHER_IPV6 ? 1 : 0;

	fuzz_require(packet->in_port == 0 && packet->out_port == 0, "the VIPs are on port 0");
	fuzz_require(world->now_ns < world->held_until_ns[router], "only a holder answers");
	fuzz_require(router < world->now->state.n_routers, "only for addresses of the state");
	fuzz_require(!(packet->data[0] & 1) || router == 1, "an answer goes to one station");
	if (type == ETHER_ARP) {
		fuzz_require(u16_at(l3 + 6) == ARP_REPLY, "it is an ARP reply");
		fuzz_require(memcmp(l3 + 8, packet->data + 6, 6) == 0, "from the port's address");
		fuzz_require(memcmp(l3 + 14, world->now->vips[0].bytes, 4) == 0, "for the VIP");
	} else if (type == ETHER_IPV4) {
		const uint8_t *icmp = l3 + (l3[0] & 15) * 4;
		size_t size = u16_at(l3 + 2) - (l3[0] & 15) * 4u;

		fuzz_require(l3[9] == IPPROTO_ICMP && icmp[0] == 0, "it is an echo reply");
		fuzz_require(memcmp(l3 + 12, world->now->vips[0].bytes, 4) == 0, "of the VIP");
		fuzz_require(checksum_finish(checksum_add(0, icmp, size)) == 0 &&
				     checksum_finish(checksum_add(0, l3, (size_t)(icmp - l3))) == 0,
			"its checksums are right");
	} else {
		fuzz_require(type == ETHER_IPV6, "nothing else is answered");
		fuzz_require(memcmp(l3 + 8, world->now->vips[1].bytes, 16) == 0, "of the VIP");
		if (l3[6] == IPPROTO_ICMPV6)
			fuzz_require(icmp6_checksum_good(l3), "its checksum is right");
	}
}

void
check_packet(const struct fuzz_world *world, const struct packet *packet, bool released)
{
	const struct passage *passage = passage_of(packet);

	fuzz_require((unsigned int)packet->verdict < N_VERDICTS ||
			     (packet->verdict == V_HOLD && !released),
		"every packet has a verdict or is held, but is so only once");
	fuzz_require(packet->in_port == passage->in_port, "a packet keeps the port it came by");
	fuzz_require(
		packet->data - packet->headroom == passage->buffer &&
			packet->headroom + packet->size + packet->tailroom == passage->buffer_size,
		"a frame stays in its buffer");
	if (packet->verdict == V_HOST || packet->verdict == V_HOLD)
		fuzz_require(packet->size == passage->size &&
				     memcmp(packet->data, passage->before, passage->size) == 0,
			"what is the host's or held is left alone");
	if (!world->now)
		fuzz_require(packet->verdict == V_HOST, "without a state all is the host's");
	if (packet->verdict != V_FORWARD && packet->verdict != V_REPLY)
		return;
	fuzz_require(packet->out_port < world->ports.n_ports, "what leaves does so by a port");
	fuzz_require(memcmp(packet->data + 6, world->ports.ports[packet->out_port].mac, 6) == 0,
		"... and from its address");
	if (packet->verdict == V_REPLY) {
		check_reply(world, packet);
		return;
	}
	fuzz_require(memcmp(passage->before, world->ports.ports[passage->in_port].mac, 6) == 0,
		"what is forwarded was sent to the port");
	check_forwarded(packet, passage);
	check_backend(world, packet, passage->before);
}

void
check_tally(struct tally *tally, const struct stats *stats)
{
	memcpy(tally->verdicts, stats->verdicts, sizeof(tally->verdicts));
	tally->n_packets = stats->n_packets;
	tally->n_bytes = stats->n_bytes;
}

void
check_counters(const struct tally *before, const struct stats *stats, const struct packet *packets,
	unsigned int n, bool released)
{
	uint64_t verdicts[N_VERDICTS];
	uint64_t n_bytes = before->n_bytes;

	memcpy(verdicts, before->verdicts, sizeof(verdicts));
	for (unsigned int i = 0; i < n; i++) {
		if (packets[i].verdict != V_HOLD)
			verdicts[packets[i].verdict]++;
		if (!released)
			n_bytes += passage_of(&packets[i])->size;
	}
	fuzz_require(memcmp(verdicts, stats->verdicts, sizeof(verdicts)) == 0,
		"each packet is counted once, under its verdict");
	fuzz_require(stats->n_packets == before->n_packets + (released ? 0 : n),
		"all packets are counted, when they are received");
	fuzz_require(stats->n_bytes == n_bytes, "all bytes are counted, when they are received");
}

/* The last packet of the burst that was forwarded went where its flow says. */
static void
check_flow(const struct fuzz_world *world, const struct flow_view *flow,
	const struct packet *packets, unsigned int n)
{
	const struct snapshot *snapshot = world->now->snapshot;
	const struct snapshot_vip *vip = snapshot_vip_by_id(snapshot, flow->vip);

	while (vip && n-- > 0) {
		const struct snapshot_backend *backend;
		struct tuple tuple;
		struct nexthop hop;

		if (packets[n].verdict != V_FORWARD ||
			!read_tuple(passage_of(&packets[n])->before, &tuple) ||
			tuple.protocol != flow->protocol || tuple.vip_port != flow->vip_port ||
			tuple.client_port != flow->client_port ||
			!addr_equal(&tuple.client, &flow->client) ||
			!addr_equal(&tuple.vip, &vip->addr))
			continue;
		backend = snapshot_backend_by_id(snapshot, flow->backend);
		fuzz_require(backend && backend->up, "a flow that was served has a usable backend");
		hop = nexthop_get(world->nexthops, backend->nexthop);
		fuzz_require(memcmp(hop.mac, packets[n].data, sizeof(hop.mac)) == 0,
			"a packet goes where its flow says");
		return;
	}
}

static bool
same_flow(const struct flow_view *a, const struct flow_view *b)
{
	return addr_equal(&a->client, &b->client) && a->client_port == b->client_port &&
	       a->vip == b->vip && a->vip_port == b->vip_port && a->protocol == b->protocol;
}

void
check_flows(const struct fuzz_world *world, const struct packet *packets, unsigned int n)
{
	static struct flow_view flows[FLOWS_MAX];
	const struct flow_table *table = pipeline_flows(world->pipeline);
	uint32_t cursor = 0;
	uint32_t n_flows = flow_list(table, world->now_ns, &cursor, flows, FLOWS_MAX);

	fuzz_require(flow_count(table) <= (uint64_t)table->n_buckets * FLOW_BUCKET_ENTRIES,
		"there are no more flows than entries");
	fuzz_require(n_flows <= flow_count(table), "all flows listed are counted");
	for (uint32_t i = 0; i < n_flows; i++) {
		fuzz_require(flows[i].state > FLOW_FREE && flows[i].state < N_FLOW_STATES,
			"a flow has a state");
		fuzz_require(flows[i].backend != 0 && flows[i].vip != 0,
			"a flow has a VIP and a backend");
		for (uint32_t j = 0; j < i; j++)
			fuzz_require(!same_flow(&flows[i], &flows[j]), "no flow is there twice");
		if (world->now)
			check_flow(world, &flows[i], packets, n);
	}
}
