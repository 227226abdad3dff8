/* SPDX-License-Identifier: BSD-3-Clause */
/* The gate before services with SYN cookies; see syn_gate.h.
 *
 * The answer has a window of zero: the client waits with its data until the backend is there to
 * take it, and nothing needs to be kept here meanwhile (syn_proxy.c opens the window). */
#include "dataplane/syn_gate.h"

#include "dataplane/client_address.h"
#include "dataplane/syn_cookie.h"
#include "dataplane/syn_proxy.h"
#include "dataplane/takeover.h"
#include "dataplane/tcp_frame.h"

#define SYN_MSS_MIN 536

#define IS_SYN_ALONE(flags) \
	(((flags) & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN)) == TCP_FLAG_SYN)

/* The largest segment that the way to the backend takes, as far as it is known before there is one:
 * the ports' MTU, less what is put into packets. */
static uint16_t
own_mss(const struct burst *burst, const struct packet *packet, const struct work *work)
{
	const struct path_encap *encap = &burst->snapshot->path_encaps[work->service->service];
	uint8_t family = work->parsed.target.family;
	uint32_t headers = (uint32_t)(sizeof(struct wire_tcp) +
				      (family == ADDR_V4 ? sizeof(struct wire_ipv4)
							 : sizeof(struct wire_ipv6)));
	uint32_t mtu = burst->pipeline->local.ports->ports[packet->in_port].mtu;

	headers += client_address_room(encap->client_address, family);
	return mtu > headers + SYN_MSS_MIN ? (uint16_t)(mtu - headers) : SYN_MSS_MIN;
}

/* Turns the SYN into its answer. */
static enum verdict
answer(const struct burst *burst, struct packet *packet, const struct work *work)
{
	const struct siphash_key *secret = &burst->pipeline->cookie_secret;
	const struct parsed *parsed = &work->parsed;
	struct wire_tcp *tcp = (struct wire_tcp *)(packet->data + parsed->l4);
	struct syn_offer offered = syn_offer_read(tcp);
	uint32_t isn = be32_to(tcp->sequence);
	struct syn_offer offer = {.mss = own_mss(burst, packet, work), .scale = SYN_NO_SCALE};
	uint8_t options[SYN_OPTIONS_MAX];
	struct tcp_frame frame = {
		.source_port = parsed->key.vip_port,
		.destination_port = parsed->key.client_port,
		.acknowledgment = isn + 1,
		.flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
		.options = options,
	};

	offered.mss = offered.mss ? offered.mss : syn_proxy_default_mss(parsed->target.family);
	/* What no timestamp can carry cannot be had either. */
	if (offered.stamped) {
		offer.stamped = true;
		offer.sack = offered.sack;
		offer.scale = offered.scale == SYN_NO_SCALE ? SYN_NO_SCALE : SYN_PROXY_SCALE;
		offer.stamp = syn_cookie_stamp(secret, &offered, burst->now_ns);
		offer.echo = offered.stamp;
	}
	frame.n_options = syn_offer_write(options, &offer);
	frame.sequence = syn_cookie_make(
		secret, &parsed->key, isn, syn_cookie_mss_index(offered.mss), burst->now_ns);
	frame.source.family = frame.destination.family = parsed->target.family;
	memcpy(frame.source.bytes, parsed->target.address, sizeof(frame.source.bytes));
	memcpy(frame.destination.bytes, parsed->key.client, sizeof(frame.destination.bytes));
	memcpy(frame.destination_mac, packet->data + 6, sizeof(frame.destination_mac));
	memcpy(frame.source_mac, burst->pipeline->local.ports->ports[packet->in_port].mac,
		sizeof(frame.source_mac));
	if (!tcp_frame_replace(packet, &frame))
		return V_DROP_NO_ROOM;
	packet->out_port = packet->in_port;
	return V_REPLY_SYN_COOKIE;
}

/* Whether the packet acknowledges an answer of ours. A client whose acknowledgment got lost may be
 * heard again only by probes of the window, which have the number before (RFC 9293 3.8.6.1). */
static bool
opens(const struct burst *burst, const struct packet *packet, const struct work *work)
{
	const struct parsed *parsed = &work->parsed;
	const struct wire_tcp *tcp = (const struct wire_tcp *)(packet->data + parsed->l4);
	struct syn_opening *opening = &burst->pipeline->opening;

	opening->cookie = be32_to(tcp->acknowledgment) - 1;
	for (uint32_t back = 1; back < 2; back--) {
		opening->isn = be32_to(tcp->sequence) - back;
		if (syn_cookie_check(&burst->pipeline->cookie_secret, &parsed->key, opening->isn,
			    opening->cookie, burst->now_ns, &opening->mss_index))
			return true;
	}
	return false;
}

/* What the flow that there is, or is not, makes of the packet. */
enum standing {
	NO_FLOW,
	WAITS,      /* For the backend, since the cookie that the packet acknowledges. */
	WAITS_ELSE, /* Since another cookie. */
	ENDS,       /* Its client may begin another one. */
	GOES_ON,
};

static enum standing
stand_of(const struct burst *burst, struct flow_slot flow, const struct wire_tcp *tcp)
{
	const struct flow_table *flows = burst->pipeline->flows;
	const struct sequence *sequence;
	enum flow_state state;

	if (!flow.bucket || flow_timed_out(flows, flow, flow_tick(burst->now_ns)))
		return NO_FLOW;
	sequence = flow_sequence(flows, flow);
	if (sequence && (sequence->bits & SEQUENCE_WAITING))
		return sequence->ahead == be32_to(tcp->acknowledgment) - 1 ? WAITS : WAITS_ELSE;
	state = flow_state_at(flow);
	return state == FLOW_TCP_FIN || state == FLOW_TCP_CLOSED ? ENDS : GOES_ON;
}

/* Whether there is a flow that does not wait for its backend. */
static bool
flow_goes_on(const struct burst *burst, struct flow_slot flow)
{
	const struct flow_table *flows = burst->pipeline->flows;
	const struct sequence *sequence;

	if (!flow.bucket || flow_timed_out(flows, flow, flow_tick(burst->now_ns)))
		return false;
	sequence = flow_sequence(flows, flow);
	return !sequence || !(sequence->bits & SEQUENCE_WAITING);
}

enum verdict
syn_gate(const struct burst *burst, const struct path_service *service, struct packet *packet,
	struct work *work)
{
	struct flow_table *flows = burst->pipeline->flows;
	const struct wire_tcp *tcp = (const struct wire_tcp *)(packet->data + work->parsed.l4);
	struct flow_slot flow;
	enum standing standing;

	if (work->parsed.kind != PARSED_FLOW || !service->maglev)
		return V_FORWARD;
	flow = flow_find(flows, &work->parsed.key, work->hash);
	/* It may be of another node, by whose secret the cookie was made. */
	if (pipeline_sync(burst->pipeline))
		flow = takeover_flow(burst, work, flow);
	/* Nobody needs fragments for a handshake; later ones have no TCP header, either. */
	if (work->parsed.fragment)
		return flow_goes_on(burst, flow) ? V_FORWARD : V_DROP_SYN_COOKIE;
	standing = stand_of(burst, flow, tcp);
	if (standing == GOES_ON || (tcp->flags & TCP_FLAG_RST))
		return V_FORWARD;
	if (IS_SYN_ALONE(tcp->flags))
		return answer(burst, packet, work);
	if ((tcp->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_ACK)
		return V_DROP_SYN_COOKIE;
	if (standing == WAITS)
		return V_FORWARD;
	if (!opens(burst, packet, work))
		return standing == ENDS ? V_FORWARD : V_DROP_SYN_COOKIE;
	if (standing != NO_FLOW)
		flow_remove(flows, flow);
	work->parsed.signal = FLOW_SIGNAL_SYN;
	return V_FORWARD;
}
