/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections whose SYN was answered here; see syn_proxy.h. */
#include "dataplane/syn_proxy.h"

#include "dataplane/client_address.h"
#include "dataplane/nat_rewrite.h"
#include "dataplane/patch.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/proxy_header.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/syn_cookie.h"
#include "dataplane/tcp_frame.h"
#include "dataplane/tcp_option.h"
#include "dataplane/toa.h"

/* What a backend is told of the client's window when its SYN comes again: the client's own is not
 * known any more then, and its next packet has it. */
#define WINDOW_AGAIN 14600

static struct wire_tcp *
tcp_of(const struct nat_job *job)
{
	return (struct wire_tcp *)(job->packet->data + job->parsed->l4);
}

static uint8_t
client_scale(const struct sequence *sequence)
{
	return sequence->bits >> SEQUENCE_CLIENT_SCALE_SHIFT & SEQUENCE_SCALE_MASK;
}

static uint8_t
backend_scale(const struct sequence *sequence)
{
	return sequence->bits >> SEQUENCE_BACKEND_SCALE_SHIFT & SEQUENCE_SCALE_MASK;
}

/* What is kept of the numbers of a TCP packet's flow; NULL: nothing, or it is none. */
static struct sequence *
sequence_of(const struct nat_job *job, struct flow_slot first)
{
	if (!first.bucket || job->parsed->headless || job->parsed->kind == PARSED_ICMP_ERROR ||
		job->parsed->l4_protocol != IPPROTO_TCP)
		return NULL;
	return flow_sequence(job->flows, first);
}

/* Keeps what the client's acknowledgment says of its SYN. */
static void
begin(const struct nat_job *job, struct sequence *sequence, const struct syn_opening *opening)
{
	struct syn_offer offer = syn_offer_read(tcp_of(job));
	uint32_t bits = SEQUENCE_PROXIED | SEQUENCE_WAITING |
			(uint32_t)opening->mss_index << SEQUENCE_MSS_SHIFT;

	if (offer.stamped) {
		syn_cookie_read_stamp(offer.echo, &offer);
		bits |= SEQUENCE_STAMPED | (offer.sack ? SEQUENCE_SACK : 0);
	} else {
		offer.scale = SYN_NO_SCALE;
	}
	if (job->client_address == CLIENT_ADDRESS_TOA)
		bits |= SEQUENCE_TOA;
	bits |= (uint32_t)offer.scale << SEQUENCE_CLIENT_SCALE_SHIFT;
	sequence_store(sequence, (struct sequence){.first = opening->isn + 1,
					 .ahead = opening->cookie,
					 .stamp = offer.echo,
					 .room = be16_to(tcp_of(job)->window),
					 .bits = (uint16_t)bits});
	stats_add(&job->stats->path_events[PATH_SYN_COOKIES_GOOD], 1);
}

/* A frame with the ends of the job's packet, in its direction or back. */
static struct tcp_frame
frame_like(const struct nat_job *job, bool back)
{
	const struct parsed *parsed = job->parsed;
	const uint8_t *data = job->packet->data;
	const struct wire_tcp *tcp = tcp_of(job);
	bool v4 = parsed->target.family == ADDR_V4;
	struct tcp_frame frame = {
		.source_port = back ? tcp->destination_port : tcp->source_port,
		.destination_port = back ? tcp->source_port : tcp->destination_port,
	};
	struct addr source = {.family = parsed->target.family}, destination = source;

	memcpy(source.bytes,
		data + parsed->l3 +
			(v4 ? offsetof(struct wire_ipv4, source)
			    : offsetof(struct wire_ipv6, source)),
		v4 ? 4 : 16);
	memcpy(destination.bytes, parsed->target.address, sizeof(destination.bytes));
	frame.source = back ? destination : source;
	frame.destination = back ? source : destination;
	memcpy(frame.destination_mac, data + (back ? 6 : 0), sizeof(frame.destination_mac));
	memcpy(frame.source_mac, data + (back ? 0 : 6), sizeof(frame.source_mac));
	return frame;
}

/* Puts the frame in the place of the job's packet; the flow's key stays. */
static bool
replace(struct nat_job *job, const struct tcp_frame *frame, struct parsed *own)
{
	if (!tcp_frame_replace(job->packet, frame))
		return false;
	parse(job->packet, own);
	own->key = job->parsed->key;
	job->parsed = own;
	return true;
}

/* Makes the client's packet into its SYN. Its data, if it sends any though its window is closed, is
 * lost: it sends it again. */
static enum verdict
ask(struct nat_job *job, const struct sequence *sequence, struct parsed *own)
{
	struct syn_offer seen = syn_offer_read(tcp_of(job));
	struct syn_offer offer = {
		.mss = syn_cookie_mss(sequence->bits >> SEQUENCE_MSS_SHIFT & SEQUENCE_MSS_MASK),
		.scale = client_scale(sequence),
		.sack = sequence->bits & SEQUENCE_SACK,
		.stamped = sequence->bits & SEQUENCE_STAMPED,
		.stamp = seen.stamp,
	};
	uint32_t window = sequence->room;
	uint8_t options[SYN_OPTIONS_MAX];
	struct tcp_frame frame = frame_like(job, false);

	if (job->mss && job->mss < offer.mss)
		offer.mss = job->mss;
	if (offer.scale != SYN_NO_SCALE)
		window <<= offer.scale;
	frame.sequence = sequence->first - 1;
	frame.flags = TCP_FLAG_SYN;
	frame.window = (uint16_t)(window < UINT16_MAX ? window : UINT16_MAX);
	frame.options = options;
	frame.n_options = syn_offer_write(options, &offer);
	if (!replace(job, &frame, own))
		return V_DROP_NO_ROOM;
	stats_add(&job->stats->path_events[PATH_SYN_PROXY_ASKED], 1);
	return V_FORWARD;
}

/* The client was told an MSS before there was a backend. One that takes less says so in its SYN,
 * and the client is told by ICMP. */
static enum verdict
check_size(const struct nat_job *job, const struct sequence *sequence)
{
	uint8_t family = job->parsed->target.family;
	uint32_t most =
		sequence->room + (uint32_t)sizeof(struct wire_tcp) +
		(uint32_t)(family == ADDR_V4 ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6));
	uint32_t size = (uint32_t)(job->parsed->end - job->parsed->l3);

	if ((sequence->bits & (SEQUENCE_SHIFTED | SEQUENCE_TOLD)) == SEQUENCE_SHIFTED)
		most -= proxy_header_size(family);
	if (sequence->room == 0 || size <= most)
		return V_FORWARD;
	return too_big_answer(job->too_big, job->packet, job->parsed, most,
		&job->ports->ports[job->packet->in_port], job->now_ns);
}

enum verdict
syn_proxy_forth(struct nat_job *job, struct flow_slot flow, const struct syn_opening *opening,
	struct parsed *own)
{
	struct sequence *sequence = sequence_of(job, flow);
	uint8_t flags;

	if (!sequence)
		return V_FORWARD;
	flags = tcp_of(job)->flags;
	if (job->parsed->signal == FLOW_SIGNAL_SYN && !(flags & TCP_FLAG_SYN))
		begin(job, sequence, opening);
	if (!(sequence->bits & SEQUENCE_PROXIED) || (flags & (TCP_FLAG_SYN | TCP_FLAG_RST)))
		return V_FORWARD;
	if (job->parsed->fragment)
		return sequence->bits & SEQUENCE_WAITING ? V_DROP_FRAGMENT : V_FORWARD;
	return sequence->bits & SEQUENCE_WAITING ? ask(job, sequence, own)
						 : check_size(job, sequence);
}

/* The next frame of the outbox, which always has one for each packet. */
static void
post(const struct nat_job *job, struct outbox *outbox, const struct tcp_frame *frame)
{
	struct outbox_frame *out;

	if (outbox->n == PACKET_BURST_MAX || tcp_frame_size(frame) > sizeof(out->bytes))
		return;
	out = &outbox->frames[outbox->n++];
	out->out_port = job->packet->in_port;
	out->size = (uint16_t)tcp_frame_write(out->bytes, frame);
}

/* Two NOPs and a timestamp. */
static size_t
write_stamp(uint8_t *out, uint32_t stamp, uint32_t echo)
{
	const struct syn_offer offer = {
		.scale = SYN_NO_SCALE, .stamped = true, .stamp = stamp, .echo = echo};

	return syn_offer_write(out, &offer);
}

/* Acknowledges the backend's SYN in the client's name, with the client's address where that belongs
 * into the handshake's last packet. */
static void
acknowledge(const struct nat_job *job, struct flow_slot first, const struct sequence *sequence,
	uint16_t window, struct outbox *outbox)
{
	const struct flow_key *key = &flow_entry_at(first)->key;
	const struct snapshot_vip *vip = job->snapshot->vips_by_id[key->vip];
	struct syn_offer seen = syn_offer_read(tcp_of(job));
	struct tcp_frame frame = frame_like(job, true);
	uint8_t options[TCP_OPTIONS_MAX], header[PROXY_HEADER_SIZE_MAX];

	frame.sequence = sequence->first;
	frame.acknowledgment = be32_to(tcp_of(job)->sequence) + 1;
	frame.flags = TCP_FLAG_ACK;
	frame.window = window;
	frame.options = options;
	if (sequence->bits & SEQUENCE_TOA) {
		toa_write(options, key->family, key->client, key->client_port);
		frame.n_options = toa_size(key->family);
		stats_add(&job->stats->path_events[PATH_TOA_ADDED], 1);
	}
	if (sequence->bits & SEQUENCE_STAMPED)
		frame.n_options += write_stamp(options + frame.n_options, seen.echo, seen.stamp);
	if (vip && (sequence->bits & (SEQUENCE_SHIFTED | SEQUENCE_TOLD)) == SEQUENCE_SHIFTED) {
		const struct proxy_header from = {key->family, IPPROTO_TCP, key->client,
			vip->addr.bytes, key->client_port, key->vip_port};

		frame.data = header;
		frame.n_data = proxy_header_write(header, &from);
		stats_add(&job->stats->path_events[PATH_PROXY_HEADERS], 1);
	}
	post(job, outbox, &frame);
}

/* Makes the backend's SYN into the segment that opens the client's window. Its numbers are still
 * the backend's, and its window is scaled as the backend's later ones. */
static enum verdict
open_window(struct nat_job *job, const struct sequence *sequence, struct parsed *own)
{
	struct syn_offer seen = syn_offer_read(tcp_of(job));
	struct tcp_frame frame = frame_like(job, false);
	uint32_t window = be16_to(tcp_of(job)->window);
	uint8_t options[SYN_OPTIONS_MAX];
	uint32_t taken = 0;

	if ((sequence->bits & (SEQUENCE_SHIFTED | SEQUENCE_TOLD)) == SEQUENCE_SHIFTED)
		taken = proxy_header_size(job->parsed->target.family);
	window = window > taken ? window - taken : 0;
	frame.sequence = be32_to(tcp_of(job)->sequence) + 1;
	frame.acknowledgment = sequence->first;
	frame.flags = TCP_FLAG_ACK;
	frame.window = (uint16_t)(window >> backend_scale(sequence));
	frame.options = options;
	if (sequence->bits & SEQUENCE_STAMPED)
		frame.n_options = write_stamp(options, seen.stamp, seen.echo);
	if (!replace(job, &frame, own))
		return V_DROP_NO_ROOM;
	job->is_handshake = true;
	return V_RETURN;
}

/* The backend's SYN: from now on its numbers are known, and the client's window at this moment. */
static enum verdict
take_answer(struct nat_job *job, struct flow_slot first, struct sequence *at, struct outbox *outbox,
	struct parsed *own)
{
	struct syn_offer offer = syn_offer_read(tcp_of(job));
	struct sequence now = *at;
	uint32_t window = WINDOW_AGAIN;

	if (client_scale(at) != SYN_NO_SCALE)
		window >>= client_scale(at);
	if (now.bits & SEQUENCE_WAITING) {
		window = at->room;
		now.ahead -= be32_to(tcp_of(job)->sequence);
		now.stamp -= offer.stamp;
		now.room = offer.mss;
		now.bits &= (uint16_t) ~(SEQUENCE_WAITING | SEQUENCE_OFFER_MASK);
		if (!offer.stamped)
			now.bits &= (uint16_t)~SEQUENCE_STAMPED;
		if (offer.scale != SYN_NO_SCALE)
			now.bits |= (uint16_t)(offer.scale << SEQUENCE_BACKEND_SCALE_SHIFT);
		sequence_store(at, now);
		job->pipeline->news = pipeline_sync(job->pipeline);
	}
	acknowledge(job, first, &now, (uint16_t)window, outbox);
	return open_window(job, &now, own);
}

/* The backend refuses the client's SYN, which the client believes to be accepted: what it takes for
 * a reset has the number that it expects (RFC 5961 3.2). */
static enum verdict
take_refusal(const struct nat_job *job, const struct sequence *sequence)
{
	uint8_t *at = (uint8_t *)tcp_of(job) + offsetof(struct wire_tcp, sequence);

	nat_patch_l4(job->packet, job->parsed, job->parsed->l4, patch_u32(at, sequence->ahead + 1));
	return V_RETURN;
}

/* The backend knows of another connection with these ports: it is reset, as the client would do
 * that had sent the SYN (RFC 9293 3.10.7.3). */
static void
reset(const struct nat_job *job, struct outbox *outbox)
{
	struct tcp_frame frame = frame_like(job, true);

	frame.sequence = be32_to(tcp_of(job)->acknowledgment);
	frame.flags = TCP_FLAG_RST;
	post(job, outbox, &frame);
}

enum verdict
syn_proxy_back(
	struct nat_job *job, struct flow_slot flow, struct outbox *outbox, struct parsed *own)
{
	struct flow_slot first = flow_other(job->flows, flow);
	struct sequence *sequence = sequence_of(job, first);
	bool answers;
	uint8_t flags;

	if (!sequence || !(sequence->bits & SEQUENCE_PROXIED) ||
		flow_timed_out(job->flows, first, flow_tick(job->now_ns)))
		return V_RETURN;
	if (job->parsed->fragment)
		return sequence->bits & SEQUENCE_WAITING ? V_DROP_HANDSHAKE : V_RETURN;
	flags = tcp_of(job)->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST);
	answers = be32_to(tcp_of(job)->acknowledgment) == sequence->first;
	if (flags == (TCP_FLAG_SYN | TCP_FLAG_ACK) && answers)
		return take_answer(job, first, sequence, outbox, own);
	if (!(flags & TCP_FLAG_SYN) && !(sequence->bits & SEQUENCE_WAITING))
		return V_RETURN;
	if (flags == (TCP_FLAG_RST | TCP_FLAG_ACK) && answers)
		return take_refusal(job, sequence);
	if (flags == TCP_FLAG_ACK)
		reset(job, outbox);
	return V_DROP_HANDSHAKE;
}

/* Adds to the timestamp, and to its echo, and to the edges of SACK blocks. Options may lie at odd
 * offsets: they are changed in a copy. Returns the delta. */
static uint32_t
shift_options(const struct nat_job *job, uint32_t stamp, uint32_t echo, uint32_t edges)
{
	struct wire_tcp *tcp = tcp_of(job);
	uint8_t *options = (uint8_t *)(tcp + 1);
	size_t n = tcp_options_size(tcp);
	uint8_t copy[TCP_OPTIONS_MAX];
	uint8_t *option;

	memcpy(copy, options, n);
	option = tcp_option_find(copy, n, TCP_OPTION_STAMP);
	if (option && option[1] == TCP_OPTION_STAMP_SIZE) {
		be32 values[2] = {be32_from(ntohl(load32(option + 2)) + stamp),
			be32_from(ntohl(load32(option + 6)) + echo)};

		memcpy(option + 2, values, sizeof(values));
	}
	if (edges)
		sequence_sacks_shift(copy, n, edges);
	return patch_replace(options, copy, n);
}

void
syn_proxy_apply_forth(const struct nat_job *job, struct flow_slot flow)
{
	const struct sequence *sequence = sequence_of(job, flow);
	struct wire_tcp *tcp = tcp_of(job);
	uint32_t number, delta;

	if (!sequence || !sequence_translates(sequence) || !(tcp->flags & TCP_FLAG_ACK))
		return;
	number = be32_to(tcp->acknowledgment) - sequence->ahead;
	delta = patch_u32((uint8_t *)tcp + offsetof(struct wire_tcp, acknowledgment), number);
	if (tcp_options_size(tcp))
		delta += shift_options(job, 0,
			sequence->bits & SEQUENCE_STAMPED ? 0 - sequence->stamp : 0,
			0 - sequence->ahead);
	nat_patch_l4(job->packet, job->parsed, job->parsed->l4, delta);
}

/* A window as the client reads it. */
static uint16_t
window_for_client(const struct sequence *sequence, uint16_t window)
{
	uint32_t bytes = (uint32_t)window << backend_scale(sequence);

	if (client_scale(sequence) != SYN_NO_SCALE)
		bytes >>= SYN_PROXY_SCALE;
	return (uint16_t)(bytes < UINT16_MAX ? bytes : UINT16_MAX);
}

void
syn_proxy_apply_back(const struct nat_job *job, struct flow_slot flow)
{
	const struct sequence *sequence = sequence_of(job, flow);
	struct wire_tcp *tcp = tcp_of(job);
	uint8_t *at = (uint8_t *)tcp;
	uint32_t delta;

	if (!sequence || !sequence_translates(sequence))
		return;
	delta = patch_u32(
		at + offsetof(struct wire_tcp, sequence), be32_to(tcp->sequence) + sequence->ahead);
	delta += patch_u16(at + offsetof(struct wire_tcp, window),
		window_for_client(sequence, be16_to(tcp->window)));
	if ((sequence->bits & SEQUENCE_STAMPED) && tcp_options_size(tcp))
		delta += shift_options(job, sequence->stamp, 0, 0);
	nat_patch_l4(job->packet, job->parsed, job->parsed->l4, delta);
}
