/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracing; see trace.h. */
#include "dataplane/trace.h"

#include "dataplane/fragment.h"
#include "dataplane/nat.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/trace_frame.h"

#include <errno.h>
#include <string.h>

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
find_flow(const struct trace_scene *scene, const struct service_slot *slot,
	const struct flow_key *key, struct flow_copy *flow, struct trace *out)
{
	for (unsigned int w = 0; w < scene->n_pipelines; w++) {
		if (!pipeline_peek(scene->pipelines[w], slot, key, scene->now_ns, flow))
			continue;
		out->has_flow = true;
		out->worker = w;
		out->flow = flow_copy_view(flow, scene->now_ns);
		return true;
	}
	return false;
}

static struct addr
addr_of(uint8_t family, const uint8_t *bytes)
{
	struct addr addr = {.family = family};

	memcpy(addr.bytes, bytes, sizeof(addr.bytes));
	return addr;
}

/* Who sends the packet, whatever it is about. */
static struct addr
sender_of(const struct packet *packet, const struct parsed *parsed)
{
	const uint8_t *ip = packet->data + parsed->l3;
	be32 v4;

	if (parsed->target.family != ADDR_V4)
		return addr_from_v6(((const struct wire_ipv6 *)ip)->source);
	memcpy(&v4, ((const struct wire_ipv4 *)ip)->source, sizeof(v4));
	return addr_from_v4(v4);
}

/* Of an ICMP error parse() tells the flow that it is about. */
static void
read_error(const struct packet *packet, struct trace *out)
{
	struct parsed *sent = &out->sent;
	struct addr sender = sender_of(packet, sent);

	out->is_error = true;
	out->about_from = (struct endpoint){
		.addr = addr_of(sent->target.family, sent->target.address),
		.port = be16_to(sent->target.port),
	};
	out->about_to = (struct endpoint){
		.addr = addr_of(sent->key.family, sent->key.client),
		.port = be16_to(sent->key.client_port),
	};
	memcpy(sent->key.client, sender.bytes, sizeof(sent->key.client));
	sent->key.client_port = be16_from(0);
	sent->target.port = be16_from(0);
}

static void
read_result(const struct trace_scene *scene, const struct stats *stats, const struct packet *packet,
	struct trace *out)
{
	/* The flow that was known has been entered into the double as one, and one that another
	 * node has told of is entered by the packet. */
	uint64_t n_told = stats_read(&stats->path_events[PATH_SYNC_ADOPTED]);
	uint64_t n_created = stats_read(&stats->flow_events[FLOW_CREATED]) - out->has_flow - n_told;
	bool is_known = out->has_flow || n_told > 0;

	out->verdict = packet->verdict;
	out->backend = snapshot_backend_by_id(scene->snapshot, packet->backend);
	if (!out->backend)
		out->choice = TRACE_NOBODY;
	else if (stats_read(&stats->flow_events[FLOW_RESCHEDULED]) > 0)
		out->choice = TRACE_MOVED;
	else
		out->choice = is_known && n_created == 0 ? TRACE_FLOW : TRACE_SCHEDULER;
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
	if (out->sent.kind == PARSED_ICMP_ERROR)
		read_error(packet, out);
}

/* The service that the packet's flow is of. */
static const struct snapshot_service *
service_of(const struct snapshot *snapshot, const struct service_slot *slot,
	const struct flow_copy *flow)
{
	const struct flow_key *key;
	const struct snapshot_vip *vip;

	if (!slot || !nat_is_return(slot))
		return slot ? &snapshot->services[slot->service] : NULL;
	if (!flow)
		return NULL;
	key = &flow->entry.key;
	vip = snapshot_vip_by_id(snapshot, key->vip);
	return vip ? snapshot_service_find(
			     snapshot, &vip->addr, be16_to(key->vip_port), key->protocol)
		   : NULL;
}

/* Runs the frame; one that waits for another in vain does so until it is given up. */
static void
run(struct pipeline *pipeline, const struct trace_scene *scene, struct packet *packet)
{
	struct packet late[PACKET_BURST_MAX];

	pipeline_run(pipeline, scene->snapshot, packet, 1, scene->now_ns);
	if (packet->verdict == V_HOLD && pipeline_release(pipeline, scene->snapshot, late,
						 scene->now_ns + FRAGMENT_HOLD_NS) == 1)
		*packet = late[0];
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
	const struct service_slot *slot = NULL;
	struct pipeline *pipeline = NULL;
	struct trace_question exact = *question;
	struct trace_frame frame;
	struct flow_copy flow;
	struct flow_key key;
	const uint8_t *mac;
	bool known;
	int rc = pipeline_double(&pipeline, scene->pipelines[0]);

	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	find_vip(scene, question, out);
	mac = scene->ports->ports[out->in_port].mac;
	/* Fragments are of the flow that the whole packet is of, unless nobody knows its ports. */
	trace_frame_build(&frame, question, TRACE_WHOLE, out->in_port, mac);
	if (question->fragment != TRACE_LOST)
		slot = pipeline_locate(pipeline, scene->snapshot, &frame.packet, &key);
	known = slot && find_flow(scene, slot, &key, &flow, out);
	if (known && (flow.sequence.bits & SEQUENCE_SHIFTED))
		exact.sequence = first_number(question, &flow);
	out->service = service_of(scene->snapshot, slot, known ? &flow : NULL);
	pipeline_imitate(pipeline, scene->pipelines[out->worker], scene->snapshot,
		known ? &flow : NULL, scene->now_ns);
	if (question->fragment == TRACE_LATER) {
		trace_frame_build(&frame, &exact, TRACE_FIRST, out->in_port, mac);
		run(pipeline, scene, &frame.packet);
	}
	trace_frame_build(&frame, &exact, question->fragment, out->in_port, mac);
	run(pipeline, scene, &frame.packet);
	read_result(scene, pipeline_stats(pipeline), &frame.packet, out);
	pipeline_free(pipeline);
	return 0;
}
