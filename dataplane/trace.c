/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracing; see trace.h. */
#include "dataplane/trace.h"

#include "common/checksum.h"
#include "dataplane/nat.h"
#include "dataplane/snapshot_data.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define HEADROOM 128
#define TAILROOM 128
#define TTL 64

/* A frame with room around it. */
struct scratch {
	uint8_t bytes[HEADROOM + sizeof(struct wire_ethernet) + TRACE_SIZE_MAX + TAILROOM];
	struct packet packet;
};

static bool
is_echo(const struct trace_question *question)
{
	return question->protocol != IPPROTO_TCP && question->protocol != IPPROTO_UDP;
}

/* Number of the upper layer's protocol; ICMP's is the family's. */
static uint8_t
wire_protocol(const struct trace_question *question)
{
	if (!is_echo(question))
		return question->protocol;
	return question->to.addr.family == ADDR_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static size_t
l4_header_size(const struct trace_question *question)
{
	return question->protocol == IPPROTO_TCP ? sizeof(struct wire_tcp)
						 : sizeof(struct wire_udp);
}

static void
store_checksum(const struct trace_question *question, uint8_t *l4, size_t size, be16 *checksum)
{
	uint8_t protocol = wire_protocol(question);
	uint32_t sum = protocol == IPPROTO_ICMP ? 0
						: checksum_add_pseudo(0, &question->from.addr,
							  &question->to.addr, protocol, size);
	be16 value = checksum_finish(checksum_add(sum, l4, size));

	memcpy(checksum, &value, sizeof(value));
}

/* Writes the upper layer's 'size' bytes. */
static void
build_l4(const struct trace_question *question, uint8_t *l4, size_t size)
{
	if (question->protocol == IPPROTO_TCP) {
		struct wire_tcp *tcp = (struct wire_tcp *)l4;

		tcp->source_port = be16_from(question->from.port);
		tcp->destination_port = be16_from(question->to.port);
		tcp->sequence = be32_from(question->sequence);
		tcp->offset = sizeof(*tcp) / 4 << 4;
		tcp->flags = question->tcp_flags;
		tcp->window = be16_from(UINT16_MAX);
		store_checksum(question, l4, size,
			(be16 *)(void *)(l4 + offsetof(struct wire_tcp, checksum)));
	} else if (question->protocol == IPPROTO_UDP) {
		struct wire_udp *udp = (struct wire_udp *)l4;

		udp->source_port = be16_from(question->from.port);
		udp->destination_port = be16_from(question->to.port);
		udp->size = be16_from((uint16_t)size);
		store_checksum(question, l4, size,
			(be16 *)(void *)(l4 + offsetof(struct wire_udp, checksum)));
	} else {
		struct wire_icmp *icmp = (struct wire_icmp *)l4;

		icmp->type = question->to.addr.family == ADDR_V4 ? ICMP4_ECHO : ICMP6_ECHO;
		store_checksum(question, l4, size,
			(be16 *)(void *)(l4 + offsetof(struct wire_icmp, checksum)));
	}
}

static void
build_ipv4(const struct trace_question *question, uint8_t *l3, size_t l4_size)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)l3;

	ip->version_ihl = 0x45;
	ip->total_size = be16_from((uint16_t)(sizeof(*ip) + l4_size));
	ip->ttl = TTL;
	ip->protocol = wire_protocol(question);
	memcpy(ip->source, question->from.addr.bytes, sizeof(ip->source));
	memcpy(ip->destination, question->to.addr.bytes, sizeof(ip->destination));
	ip->checksum = checksum_finish(checksum_add(0, ip, sizeof(*ip)));
	build_l4(question, l3 + sizeof(*ip), l4_size);
}

static void
build_ipv6(const struct trace_question *question, uint8_t *l3, size_t l4_size)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)l3;

	ip->version_class_label = be32_from(UINT32_C(6) << 28);
	ip->payload_size = be16_from((uint16_t)l4_size);
	ip->next_header = wire_protocol(question);
	ip->hop_limit = TTL;
	memcpy(ip->source, question->from.addr.bytes, sizeof(ip->source));
	memcpy(ip->destination, question->to.addr.bytes, sizeof(ip->destination));
	build_l4(question, l3 + sizeof(*ip), l4_size);
}

/* Builds the frame as it comes in by 'port'. */
static void
build(struct scratch *scratch, const struct trace_question *question, uint16_t in_port,
	const uint8_t mac[static 6])
{
	bool v4 = question->to.addr.family == ADDR_V4;
	size_t l3_size = v4 ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);
	size_t l4_size = l4_header_size(question);
	struct wire_ethernet *ethernet;
	struct packet *packet = &scratch->packet;

	if (question->size > l3_size + l4_size && question->size <= TRACE_SIZE_MAX)
		l4_size = question->size - l3_size;
	memset(scratch, 0, sizeof(*scratch));
	packet->data = scratch->bytes + HEADROOM;
	packet->size = (uint32_t)(sizeof(*ethernet) + l3_size + l4_size);
	packet->headroom = HEADROOM;
	packet->tailroom = (uint16_t)(sizeof(scratch->bytes) - HEADROOM - packet->size);
	packet->in_port = in_port;
	ethernet = (struct wire_ethernet *)packet->data;
	memcpy(ethernet->destination, mac, sizeof(ethernet->destination));
	ethernet->source[0] = 0x02; /* Anybody's. */
	ethernet->type = be16_from(v4 ? ETHER_IPV4 : ETHER_IPV6);
	if (v4)
		build_ipv4(question, packet->data + sizeof(*ethernet), l4_size);
	else
		build_ipv6(question, packet->data + sizeof(*ethernet), l4_size);
}

/* Who the packet is for. */
static void
find_vip(const struct trace_scene *scene, const struct trace_question *question, struct trace *out)
{
	size_t n;
	const struct snapshot_router *routers = snapshot_routers(scene->snapshot, &n);

	out->vip = snapshot_vip_by_addr(scene->snapshot, &question->to.addr);
	if (!out->vip)
		return;
	out->in_port = out->vip->port;
	out->held = out->vip->local || lease_held(scene->leases, out->vip->lease, scene->now_ns);
	for (size_t i = 0; i < n; i++)
		if (routers[i].lease == out->vip->lease)
			out->router = &routers[i];
}

/* Which worker has the flow. */
static bool
find_flow(const struct trace_scene *scene, const struct flow_key *key, struct flow_copy *flow,
	struct trace *out)
{
	for (unsigned int w = 0; w < scene->n_pipelines; w++) {
		if (!flow_peek(pipeline_flows(scene->pipelines[w]), key, scene->now_ns, flow))
			continue;
		out->has_flow = true;
		out->worker = w;
		out->flow = flow_copy_view(flow, scene->now_ns);
		return true;
	}
	return false;
}

static void
read_result(const struct trace_scene *scene, const struct stats *stats, const struct packet *packet,
	struct trace *out)
{
	/* The flow that was known has been entered into the double as one. */
	uint64_t n_created = stats_read(&stats->flow_events[FLOW_CREATED]) - out->has_flow;

	out->verdict = packet->verdict;
	out->backend = snapshot_backend_by_id(scene->snapshot, packet->backend);
	if (!out->backend)
		out->choice = TRACE_NOBODY;
	else if (stats_read(&stats->flow_events[FLOW_RESCHEDULED]) > 0)
		out->choice = TRACE_MOVED;
	else
		out->choice = out->has_flow && n_created == 0 ? TRACE_FLOW : TRACE_SCHEDULER;
	out->tells_client = stats_read(&stats->path_events[PATH_PROXY_HEADERS]) +
				    stats_read(&stats->path_events[PATH_TOA_ADDED]) >
			    0;
	out->leaves = verdict_leaves(packet->verdict);
	if (!out->leaves)
		return;
	out->out_port = packet->out_port;
	out->size = packet->size;
	memcpy(out->mac, packet->data, sizeof(out->mac));
	parse(packet, &out->sent);
}

/* The number of the first byte that the flow's client sends, or of its SYN. */
static uint32_t
first_number(const struct trace_question *question, const struct flow_copy *flow)
{
	return flow->sequence.first - ((question->tcp_flags & TCP_FLAG_SYN) != 0);
}

int
trace_run(const struct trace_scene *scene, const struct trace_question *question, struct trace *out)
{
	const uint8_t *mac;
	const struct service_slot *slot;
	struct trace_question exact = *question;
	struct pipeline *pipeline = NULL;
	struct scratch scratch;
	struct flow_copy flow;
	struct flow_key key;
	bool known;
	int rc = pipeline_double(&pipeline, scene->pipelines[0]);

	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	find_vip(scene, question, out);
	mac = scene->ports->ports[out->in_port].mac;
	build(&scratch, question, out->in_port, mac);
	slot = pipeline_locate(pipeline, scene->snapshot, &scratch.packet, &key);
	if (slot && !nat_is_return(slot))
		out->service = &scene->snapshot->services[slot->service];
	known = slot && find_flow(scene, &key, &flow, out);
	if (known && (flow.sequence.bits & SEQUENCE_SHIFTED)) {
		exact.sequence = first_number(question, &flow);
		build(&scratch, &exact, out->in_port, mac);
	}
	pipeline_imitate(pipeline, scene->pipelines[out->worker], scene->snapshot,
		known ? &flow : NULL, scene->now_ns);
	pipeline_run(pipeline, scene->snapshot, &scratch.packet, 1, scene->now_ns);
	read_result(scene, pipeline_stats(pipeline), &scratch.packet, out);
	pipeline_free(pipeline);
	return 0;
}
