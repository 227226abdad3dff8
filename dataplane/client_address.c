/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's address in mode fullnat; see client_address.h.
 *
 * PROXY header, TCP. The header goes with every packet of the client that begins at its first byte,
 * data or not, until the backend has acknowledged it: so it goes with the last packet of the
 * handshake, and again with what the client sends again. The data that it is put in front of always
 * fits, because the client is told of an MSS that is smaller by the header. Data in a SYN is taken
 * off, as if the backend had not accepted it (RFC 7413 4.2): the client sends it again.
 *
 * TOA. The modules of the field read the option when the connection is established: from the
 * packet with the handshake's last acknowledgment or, where that was lost or the server defers
 * accepting, from the first data. So all packets of the client have it until the backend has
 * sent anything but its SYN. */
#include "dataplane/client_address.h"

#include "dataplane/nat_rewrite.h"
#include "dataplane/patch.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/proxy_header.h"
#include "dataplane/resize.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/tcp_option.h"
#include "dataplane/toa.h"

#define TCP_HEADER_MAX 60

#define QUOTED_SEQUENCE (uint32_t) offsetof(struct wire_tcp, sequence)
#define QUOTED_ACKNOWLEDGMENT (uint32_t) offsetof(struct wire_tcp, acknowledgment)

/* What no link and no host goes below (RFC 791, RFC 8200 5). */
#define MTU_MIN_V4 68
#define MTU_MIN_V6 1280

static struct wire_tcp *
tcp_of(const struct nat_job *job)
{
	return (struct wire_tcp *)(job->packet->data + job->parsed->l4);
}

static void
count(const struct nat_job *job, enum path_event event)
{
	stats_add(&job->stats->path_events[event], 1);
}

static uint32_t
ip_size(const struct parsed *parsed)
{
	return (uint32_t)(parsed->end - parsed->l3);
}

static uint32_t
tcp_header_size(const struct wire_tcp *tcp)
{
	return (uint32_t)(sizeof(*tcp) + tcp_options_size(tcp));
}

/* Plans to put the PROXY header at 'at'. Its packet must not be fragmented: who sends more than
 * what is left beside the header is told so. */
static enum verdict
plan_header(const struct nat_job *job, uint32_t at, uint32_t mtu, struct address_plan *plan)
{
	uint32_t size = proxy_header_size(job->parsed->target.family);

	if (ip_size(job->parsed) + size > mtu)
		return too_big_answer(job->too_big, job->packet, job->parsed,
			mtu > size ? mtu - size : 0, &job->ports->ports[job->packet->in_port],
			job->now_ns);
	if (job->packet->headroom < size)
		return V_DROP_NO_ROOM;
	plan->at = (uint16_t)at;
	plan->size = (uint16_t)size;
	return V_FORWARD;
}

/* A client's SYN: from its number on everything is counted. A SYN within an established connection
 * may be forged, and is the backend's to judge. */
static void
begin(const struct nat_job *job, struct flow_slot flow, struct sequence *sequence)
{
	const struct wire_tcp *tcp = tcp_of(job);
	struct sequence now;

	if (job->client_address != CLIENT_ADDRESS_PROXY2 || !sequence ||
		(tcp->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) != TCP_FLAG_SYN ||
		flow_state_at(flow) != FLOW_TCP_EMBRYONIC)
		return;
	now = *sequence;
	now.first = be32_to(tcp->sequence) + 1;
	now.bits = (uint16_t)((now.bits & ~SEQUENCE_TOLD) | SEQUENCE_SHIFTED);
	sequence_store(sequence, now);
}

/* A segment of a connection with the PROXY header. */
static enum verdict
plan_segment(const struct nat_job *job, uint32_t mtu, struct address_plan *plan)
{
	const struct parsed *parsed = job->parsed;
	const struct wire_tcp *tcp = tcp_of(job);
	uint32_t at = parsed->l4 + tcp_header_size(tcp);

	if (tcp->flags & TCP_FLAG_SYN) {
		plan->cut = at < parsed->end;
		plan->at = (uint16_t)at;
		return V_FORWARD;
	}
	if ((plan->sequence->bits & SEQUENCE_TOLD) || (tcp->flags & TCP_FLAG_RST) ||
		be32_to(tcp->sequence) != plan->sequence->first)
		return V_FORWARD;
	return plan_header(job, at, mtu, plan);
}

static bool
is_answered(const struct nat_job *job, struct flow_slot flow)
{
	struct flow_slot other = flow_other(job->flows, flow);

	return !other.bucket || (flow_entry_at(other)->link & FLOW_LINK_ANSWERED);
}

/* The option is left out rather than the packet. */
static void
plan_toa(const struct nat_job *job, struct flow_slot flow, uint32_t mtu, struct address_plan *plan)
{
	uint32_t size = toa_size(job->parsed->target.family);
	const struct wire_tcp *tcp = tcp_of(job);

	if ((tcp->flags & TCP_FLAG_RST) || is_answered(job, flow))
		return;
	plan->is_toa = true;
	if (tcp_header_size(tcp) + size > TCP_HEADER_MAX || ip_size(job->parsed) + size > mtu ||
		job->packet->headroom < size)
		return;
	plan->at = (uint16_t)(job->parsed->l4 + sizeof(*tcp));
	plan->size = (uint16_t)size;
}

/* What is put into a packet moves all that comes behind it, also that in other fragments. The
 * option could be left out, but then a client's own would be believed. */
static enum verdict
plan_fragment(const struct nat_job *job, struct flow_slot flow)
{
	bool is_tcp = job->parsed->l4_protocol == IPPROTO_TCP;
	const struct sequence *sequence = is_tcp ? flow_sequence(job->flows, flow) : NULL;

	if (job->client_address == CLIENT_ADDRESS_PROXY2 ||
		(sequence && (sequence->bits & SEQUENCE_SHIFTED)))
		return V_DROP_FRAGMENT;
	if (job->client_address == CLIENT_ADDRESS_TOA && is_tcp && !is_answered(job, flow))
		return V_DROP_FRAGMENT;
	return V_FORWARD;
}

enum verdict
client_address_plan(const struct nat_job *job, struct flow_slot flow, const struct port_info *out,
	struct address_plan *plan)
{
	bool told = job->client_address == CLIENT_ADDRESS_PROXY2;
	struct sequence *sequence;

	*plan = (struct address_plan){0};
	if (job->parsed->kind == PARSED_ICMP_ERROR)
		return V_FORWARD;
	if (job->parsed->fragment)
		return plan_fragment(job, flow);
	if (job->parsed->l4_protocol == IPPROTO_UDP)
		return told ? plan_header(job, job->parsed->l4 + (uint32_t)sizeof(struct wire_udp),
				      out->mtu, plan)
			    : V_FORWARD;
	sequence = flow_sequence(job->flows, flow);
	begin(job, flow, sequence);
	if (sequence && (sequence->bits & SEQUENCE_SHIFTED)) {
		plan->sequence = sequence;
		return plan_segment(job, out->mtu, plan);
	}
	if (job->client_address == CLIENT_ADDRESS_TOA)
		plan_toa(job, flow, out->mtu, plan);
	return V_FORWARD;
}

/* Writes the PROXY header into a gap; returns the delta. */
static uint32_t
put_header(const struct nat_job *job, const struct address_plan *plan)
{
	const struct flow_key *key = &job->parsed->key;
	const struct proxy_header header = {
		.family = job->parsed->target.family,
		.protocol = job->parsed->l4_protocol,
		.client = key->client,
		.service = job->parsed->target.address,
		.client_port = key->client_port,
		.service_port = key->vip_port,
	};
	uint8_t bytes[PROXY_HEADER_SIZE_MAX];
	uint32_t size = proxy_header_write(bytes, &header);
	uint32_t delta = resize_open(job->packet, job->parsed, plan->at, size);

	count(job, PATH_PROXY_HEADERS);
	return delta + patch_replace(job->packet->data + plan->at, bytes, size);
}

/* The UDP header says its size a second time. */
static uint32_t
grow_datagram(const struct nat_job *job, uint32_t size)
{
	uint8_t *at = job->packet->data + job->parsed->l4 + offsetof(struct wire_udp, size);

	return patch_u16(at,
		(uint16_t)(be16_to(((const struct wire_udp *)(job->packet->data + job->parsed->l4))
					   ->size) +
			   size));
}

/* Offset, reserved bits and flags are one word of the checksum. */
static uint32_t
grow_tcp_header(uint8_t *tcp, uint32_t size)
{
	uint8_t *at = tcp + offsetof(struct wire_tcp, offset);
	uint8_t word[2] = {(uint8_t)(at[0] + (size / 4 << 4)), at[1]};

	return patch_replace(at, word, sizeof(word));
}

/* Options may lie at odd offsets: they are changed in a copy and put back in one piece. */
static uint32_t
strip_toa(const struct nat_job *job)
{
	uint8_t *options = (uint8_t *)(tcp_of(job) + 1);
	size_t size = tcp_options_size(tcp_of(job));
	uint8_t copy[TCP_OPTIONS_MAX];

	memcpy(copy, options, size);
	if (!toa_strip(copy, size))
		return 0;
	count(job, PATH_TOA_FORGED);
	return patch_replace(options, copy, size);
}

/* Comes first among the options. */
static uint32_t
put_toa(const struct nat_job *job, const struct address_plan *plan)
{
	const struct flow_key *key = &job->parsed->key;
	uint8_t option[TOA_SIZE_MAX];
	uint32_t delta = strip_toa(job);

	if (plan->size == 0) {
		count(job, PATH_TOA_OMITTED);
		return delta;
	}
	count(job, PATH_TOA_ADDED);
	toa_write(option, job->parsed->target.family, key->client, key->client_port);
	delta += resize_open(job->packet, job->parsed, plan->at, plan->size);
	delta += grow_tcp_header(job->packet->data + job->parsed->l4, plan->size);
	return delta + patch_replace(job->packet->data + plan->at, option, plan->size);
}

/* The numbers of a client's segment. The urgent pointer counts from its begin. */
static uint32_t
shift_forth(const struct nat_job *job, const struct address_plan *plan)
{
	uint8_t *at = job->packet->data + job->parsed->l4;
	const struct wire_tcp *tcp = (const struct wire_tcp *)at;
	uint32_t number = be32_to(tcp->sequence);
	uint32_t size = proxy_header_size(job->parsed->target.family);
	uint32_t delta = 0;

	if (tcp->flags & TCP_FLAG_SYN)
		return 0;
	if ((tcp->flags & TCP_FLAG_URG) && plan->size > 0)
		delta = patch_u16(at + offsetof(struct wire_tcp, urgent),
			(uint16_t)(be16_to(tcp->urgent) + plan->size));
	return delta + patch_u32(at + offsetof(struct wire_tcp, sequence),
			       sequence_forth(plan->sequence, number, size));
}

void
client_address_apply(const struct nat_job *job, const struct address_plan *plan)
{
	uint32_t delta = 0;

	if (!plan->sequence && !plan->size && !plan->is_toa)
		return;
	if (plan->sequence)
		delta += shift_forth(job, plan);
	if (plan->cut)
		delta += resize_cut(job->packet, job->parsed, plan->at);
	else if (plan->is_toa)
		delta += put_toa(job, plan);
	else if (plan->size)
		delta += put_header(job, plan);
	if (job->parsed->l4_protocol == IPPROTO_UDP)
		delta += grow_datagram(job, plan->size);
	nat_patch_l4(job->packet, job->parsed, job->parsed->l4, delta);
}

/* Makes room in a backend's SYN: what the client sends gets larger by 'size' on its way. The window
 * of a SYN is never scaled (RFC 7323 2.2). */
static uint32_t
shrink_offer(const struct nat_job *job, uint32_t size, bool window)
{
	struct wire_tcp *tcp = tcp_of(job);
	uint8_t *options = (uint8_t *)(tcp + 1);
	size_t n = tcp_options_size(tcp);
	uint32_t offered = be16_to(tcp->window);
	uint8_t copy[TCP_OPTIONS_MAX];
	uint8_t *option;
	uint32_t mss, delta = 0;

	memcpy(copy, options, n);
	option = tcp_option_find(copy, n, TCP_OPTION_MSS);
	if (option && option[1] == TCP_OPTION_MSS_SIZE) {
		mss = (uint32_t)(option[2] << 8 | option[3]);
		mss = mss > 2 * size ? mss - size : mss;
		option[2] = (uint8_t)(mss >> 8);
		option[3] = (uint8_t)mss;
		delta = patch_replace(options, copy, n);
	}
	if (window)
		delta += patch_u16((uint8_t *)tcp + offsetof(struct wire_tcp, window),
			(uint16_t)(offered > size ? offered - size : 0));
	return delta;
}

/* The acknowledgments of a backend's segment. */
static uint32_t
shift_back(const struct nat_job *job, struct sequence *at)
{
	struct wire_tcp *tcp = tcp_of(job);
	uint8_t *options = (uint8_t *)(tcp + 1);
	size_t n = tcp_options_size(tcp);
	uint32_t number = be32_to(tcp->acknowledgment);
	uint32_t size = proxy_header_size(job->parsed->target.family);
	struct sequence sequence = *at;
	uint8_t copy[TCP_OPTIONS_MAX];
	uint32_t delta = 0;

	if (!(tcp->flags & TCP_FLAG_ACK) || (tcp->flags & TCP_FLAG_SYN))
		return 0;
	if (!(sequence.bits & SEQUENCE_TOLD) &&
		(int32_t)(number - sequence.first) >= (int32_t)size) {
		sequence.bits |= SEQUENCE_TOLD;
		sequence_store(at, sequence);
		job->pipeline->news = pipeline_sync(job->pipeline);
	}
	memcpy(copy, options, n);
	if (sequence_sacks_back(&sequence, copy, n, size))
		delta = patch_replace(options, copy, n);
	return delta + patch_u32((uint8_t *)tcp + offsetof(struct wire_tcp, acknowledgment),
			       sequence_back(&sequence, number, size));
}

static void
note_answer(const struct nat_job *job, struct flow_slot flow, uint8_t flags)
{
	struct flow_slot other = flow_other(job->flows, flow);
	struct flow_entry *second;

	if ((flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) || !other.bucket || job->is_handshake)
		return;
	second = flow_entry_at(other);
	if (!(second->link & FLOW_LINK_ANSWERED))
		__atomic_store_n(
			&second->link, second->link | FLOW_LINK_ANSWERED, __ATOMIC_RELAXED);
}

void
client_address_return(const struct nat_job *job, struct flow_slot flow, uint8_t kind)
{
	uint8_t family = job->parsed->target.family;
	struct sequence *sequence;
	uint32_t delta = 0;
	bool syn;

	if (job->parsed->l4_protocol != IPPROTO_TCP)
		return;
	sequence = flow_sequence(job->flows, flow);
	syn = tcp_of(job)->flags & TCP_FLAG_SYN;
	if (sequence && (sequence->bits & SEQUENCE_SHIFTED)) {
		delta = shift_back(job, sequence);
		if (syn)
			delta += shrink_offer(job, proxy_header_size(family), true);
	} else if (kind == CLIENT_ADDRESS_TOA) {
		note_answer(job, flow, tcp_of(job)->flags);
		if (syn)
			delta = shrink_offer(job, toa_size(family), false);
	}
	if (delta)
		nat_patch_l4(job->packet, job->parsed, job->parsed->l4, delta);
}

/* How much larger than as the client sent them packets may be. */
static uint32_t
growth(const struct nat_job *job, struct flow_slot flow, uint8_t kind)
{
	uint8_t family = job->parsed->target.family;
	bool is_tcp = job->parsed->key.protocol == IPPROTO_TCP;
	const struct sequence *sequence = is_tcp ? flow_sequence(job->flows, flow) : NULL;

	if (sequence && (sequence->bits & SEQUENCE_SHIFTED))
		return proxy_header_size(family);
	if (kind == CLIENT_ADDRESS_TOA)
		return is_answered(job, flow) ? 0 : toa_size(family);
	return kind == CLIENT_ADDRESS_PROXY2 && !is_tcp ? proxy_header_size(family) : 0;
}

/* Packets that may be 'size' bytes larger than the client's must be smaller by as much when they
 * leave it (RFC 1191 4, RFC 8201 4). */
static uint32_t
shrink_mtu(const struct nat_job *job, uint32_t size)
{
	bool v6 = job->parsed->target.family == ADDR_V6;
	struct wire_icmp *icmp = (struct wire_icmp *)(job->packet->data + job->parsed->l4);
	uint32_t least = v6 ? MTU_MIN_V6 : MTU_MIN_V4;
	uint32_t rest = be32_to(icmp->rest);
	uint32_t mtu = v6 ? rest : rest & UINT16_MAX;

	if (v6 ? icmp->type != ICMP6_TOO_BIG
	       : icmp->type != ICMP4_UNREACHABLE || icmp->code != ICMP4_CODE_TOO_BIG)
		return 0;
	if (size == 0 || mtu <= least) /* Routers before RFC 1191 say 0. */
		return 0;
	mtu = mtu - size > least ? mtu - size : least;
	return patch_u32((uint8_t *)icmp + offsetof(struct wire_icmp, rest),
		(v6 ? 0 : rest & ~(uint32_t)UINT16_MAX) | mtu);
}

/* A number in the quoted TCP header, if it has been quoted. It is either of the client's bytes or
 * of the backend's; a 'returned' packet was on its way to the backend. */
static uint32_t
shift_quoted(
	const struct nat_job *job, const struct sequence *sequence, bool returned, uint32_t offset)
{
	bool of_client = returned == (offset == QUOTED_SEQUENCE);
	uint32_t size = proxy_header_size(job->parsed->target.family);
	uint32_t at = job->parsed->inner_l4 + offset;
	uint8_t *bytes = job->packet->data + at;
	uint32_t number, delta;

	if (at + sizeof(number) > job->parsed->end)
		return 0;
	number = ntohl(load32(bytes));
	if (of_client && (sequence->bits & SEQUENCE_SHIFTED))
		number = returned ? sequence_back(sequence, number, size)
				  : sequence_forth(sequence, number, size);
	else if (!of_client && sequence_translates(sequence))
		number += returned ? sequence->ahead : 0 - sequence->ahead;
	delta = patch_u32(bytes, number);
	return delta + nat_patch_l4(job->packet, job->parsed, job->parsed->inner_l4, delta);
}

void
client_address_quote(const struct nat_job *job, struct flow_slot flow, uint8_t kind, bool returned)
{
	uint8_t *at = job->packet->data + job->parsed->l4 + offsetof(struct wire_icmp, checksum);
	bool is_tcp = job->parsed->key.protocol == IPPROTO_TCP;
	const struct sequence *sequence = is_tcp ? flow_sequence(job->flows, flow) : NULL;
	uint32_t delta = 0;
	be16 checksum;

	if (returned)
		delta = shrink_mtu(job, growth(job, flow, kind));
	if (sequence && (sequence->bits & (SEQUENCE_SHIFTED | SEQUENCE_PROXIED))) {
		delta += shift_quoted(job, sequence, returned, QUOTED_SEQUENCE);
		delta += shift_quoted(job, sequence, returned, QUOTED_ACKNOWLEDGMENT);
	}
	if (!delta)
		return;
	checksum = patch_checksum(at, delta);
	memcpy(at, &checksum, sizeof(checksum));
}
