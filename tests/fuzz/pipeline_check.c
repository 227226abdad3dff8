/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants of the packet path; see pipeline_check.h. What a packet is about is found out here
 * anew and only for the plain cases: for others less is required. */
#include "pipeline_check.h"

#include "common/checksum.h"
#include "dataplane/flow_table.h"
#include "fuzz.h"
#include "pipeline_modes.h"
#include "pipeline_tuple.h"

#include <stdlib.h>

#define FLOWS_MAX 1024

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

/* Whether this node answers for the address, at the port that the packet came by. */
static bool
answers_for(const struct fuzz_world *world, const struct packet *packet, const struct addr *addr)
{
	unsigned int router = addr->family == ADDR_V6 ? 1 : 0;
	const struct control_state *state = &world->now->state;
	struct addr local = world_local(packet->in_port, router == 1);

	if (state->n_locals > 0 && addr_equal(&local, addr))
		return true;
	if (packet->in_port != 0 || router >= state->n_routers ||
		world->now_ns >= world->held_until_ns[router])
		return false;
	for (unsigned int i = 0; i < WORLD_VIPS; i++)
		if (addr_equal(&world->now->vips[router][i], addr))
			return true;
	return false;
}

/* Answers are given for addresses that are held, and are right. */
static void
check_reply(const struct fuzz_world *world, const struct packet *packet)
{
	const uint8_t *l3 = packet->data + FRAME_L3;
	uint16_t type = u16_at(packet->data + 12);
	struct addr from;
	be32 sender;

	fuzz_require(packet->in_port == packet->out_port, "an answer goes where the question was");
	if (type == ETHER_ARP) {
		memcpy(&sender, l3 + 14, sizeof(sender));
		from = addr_from_v4(sender);
		fuzz_require(u16_at(l3 + 6) == ARP_REPLY, "it is an ARP reply");
		fuzz_require(memcmp(l3 + 8, packet->data + 6, 6) == 0, "from the port's address");
	} else {
		fuzz_require(type == ETHER_IPV4 || type == ETHER_IPV6, "nothing else is answered");
		from = ip_source(l3);
		fuzz_require(type == ETHER_IPV6 ||
				     (l3[9] == IPPROTO_ICMP && l3[ip_header_size(l3)] == 0),
			"it is an echo reply");
		fuzz_require(
			ip_checksum_good(l3) && ((type == ETHER_IPV6 && l3[6] != IPPROTO_ICMPV6) ||
							l4_checksum_good(l3)),
			"its checksums are right");
	}
	fuzz_require(!(packet->data[0] & 1) || type == ETHER_IPV6, "it goes to one station");
	fuzz_require(answers_for(world, packet, &from), "only a holder answers");
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
	if (!verdict_leaves(packet->verdict))
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
	if (packet->verdict == V_FORWARD)
		check_forwarded(world, packet);
	else if (packet->verdict == V_RETURN)
		check_returned(world, packet);
	else
		check_too_big(world, packet);
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

/* Verdicts that packets of a service get after their flow has been looked up; such a packet is not
 * truncated, so its 5-tuple can be read. */
static bool
may_have_flow(enum verdict verdict)
{
	static const uint8_t verdicts[N_VERDICTS] = {
		[V_FORWARD] = 1,
		[V_REPLY_TOO_BIG] = 1,
		[V_DROP_TTL] = 1,
		[V_DROP_NO_NEIGHBOUR] = 1,
		[V_DROP_NO_ROOM] = 1,
		[V_DROP_TOO_BIG] = 1,
		[V_DROP_NO_FLOW] = 1,
		[V_DROP_NO_LOCAL] = 1,
		[V_DROP_NAT_CLASH] = 1,
	};

	return verdict < N_VERDICTS && verdicts[verdict];
}

/* If the flow's last packet in the burst was forwarded, it went where the flow says. */
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

		if (!may_have_flow(packets[n].verdict) ||
			!read_tuple(passage_of(&packets[n])->before, &tuple) ||
			tuple.protocol != flow->protocol || tuple.vip_port != flow->vip_port ||
			tuple.client_port != flow->client_port ||
			!addr_equal(&tuple.client, &flow->client) ||
			!addr_equal(&tuple.vip, &vip->addr))
			continue;
		/* The flow may have been made anew by a packet that then was not sent. */
		if (packets[n].verdict != V_FORWARD)
			return;
		backend = snapshot_backend_by_id(snapshot, flow->backend);
		fuzz_require(backend && backend->up, "a flow that was served has a usable backend");
		hop = nexthop_get(world->nexthops, backend->nexthop);
		fuzz_require(memcmp(hop.mac, packets[n].data, sizeof(hop.mac)) == 0,
			"a packet goes where its flow says");
		return;
	}
}

/* Whether a flow of a client, to the service that the packet comes from, is in the table. */
static bool
has_flow(const struct fuzz_world *world, const struct packet *packet, const struct flow_view *flows,
	uint32_t n_flows)
{
	struct tuple sent;

	if (!read_tuple(packet->data, &sent))
		return true;
	for (uint32_t i = 0; i < n_flows; i++) {
		const struct snapshot_vip *vip =
			snapshot_vip_by_id(world->now->snapshot, flows[i].vip);

		if (vip && addr_equal(&vip->addr, &sent.client) &&
			addr_equal(&flows[i].client, &sent.vip) &&
			flows[i].vip_port == sent.client_port &&
			flows[i].client_port == sent.vip_port)
			return true;
	}
	return false;
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
	/* Of more packets one may have removed another's flow. */
	if (n == 1 && packets[0].verdict == V_RETURN)
		fuzz_require(has_flow(world, &packets[0], flows, n_flows),
			"what is returned is for the client of a flow");
}
