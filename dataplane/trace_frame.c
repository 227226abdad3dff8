/* SPDX-License-Identifier: BSD-3-Clause */
/* Building what is traced; see trace_frame.h. */
#include "dataplane/trace_frame.h"

#include "common/checksum.h"
#include "dataplane/wire.h"

#include <netinet/in.h>
#include <string.h>

#define TTL 64
#define FRAGMENT_UNIT 8u
#define FRAGMENT_ID 1
#define ICMP_MTU 1280  /* That packet too big tells of. */
#define QUOTED_BYTES 8 /* Of TCP or UDP, in an ICMP error: what RFC 792 grants. */

/* An IP packet to be written. */
struct draft {
	const struct addr *from;
	const struct addr *to;
	uint8_t protocol;
	size_t l4_size;
	enum trace_fragment fragment;
};

/* Type and code of an ICMP error of a family. */
static const struct {
	uint8_t type4, code4, type6, code6;
} errors[] = {
	[TRACE_UNREACHABLE] = {ICMP4_UNREACHABLE, 1, ICMP6_UNREACHABLE, 3},
	[TRACE_TOO_BIG] = {ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, ICMP6_TOO_BIG, 0},
	[TRACE_TIME_EXCEEDED] = {ICMP4_TIME_EXCEEDED, 0, ICMP6_TIME_EXCEEDED, 0},
};

static bool
is_v4(const struct trace_question *question)
{
	return question->to.addr.family == ADDR_V4;
}

static bool
is_icmp(const struct trace_question *question)
{
	return question->error != TRACE_NO_ERROR ||
	       (question->protocol != IPPROTO_TCP && question->protocol != IPPROTO_UDP);
}

/* Number of the upper layer's protocol; ICMP's is the family's. */
static uint8_t
wire_protocol(const struct trace_question *question)
{
	if (!is_icmp(question))
		return question->protocol;
	return is_v4(question) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static size_t
ip_header_size(const struct trace_question *question)
{
	return is_v4(question) ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);
}

static size_t
l4_header_size(const struct trace_question *question)
{
	if (question->error != TRACE_NO_ERROR)
		return sizeof(struct wire_icmp) + ip_header_size(question) + QUOTED_BYTES;
	return question->protocol == IPPROTO_TCP ? sizeof(struct wire_tcp)
						 : sizeof(struct wire_udp);
}

static void
store_checksum(const struct trace_question *question, uint8_t *l4, size_t size, size_t offset)
{
	uint8_t protocol = wire_protocol(question);
	uint32_t sum = protocol == IPPROTO_ICMP ? 0
						: checksum_add_pseudo(0, &question->from.addr,
							  &question->to.addr, protocol, size);
	be16 value = checksum_finish(checksum_add(sum, l4, size));

	memcpy(l4 + offset, &value, sizeof(value));
}

/* Writes the IP header; returns its size. */
static size_t
build_ip(uint8_t *l3, const struct draft *draft)
{
	bool is_part = draft->fragment != TRACE_WHOLE;
	bool is_later = draft->fragment > TRACE_FIRST;
	/* The last fragment is as large as the first one, behind which it begins. */
	uint16_t offset = is_later ? (uint16_t)draft->l4_size : 0;

	if (draft->to->family == ADDR_V4) {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)l3;

		ip->version_ihl = 0x45;
		ip->total_size = be16_from((uint16_t)(sizeof(*ip) + draft->l4_size));
		ip->ttl = TTL;
		ip->protocol = draft->protocol;
		if (is_part) {
			ip->id = be16_from(FRAGMENT_ID);
			ip->fragment = be16_from((uint16_t)(offset / FRAGMENT_UNIT |
							    (is_later ? 0 : IPV4_MORE_FRAGMENTS)));
		}
		memcpy(ip->source, draft->from->bytes, sizeof(ip->source));
		memcpy(ip->destination, draft->to->bytes, sizeof(ip->destination));
		ip->checksum = checksum_finish(checksum_add(0, ip, sizeof(*ip)));
		return sizeof(*ip);
	} else {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)l3;
		struct wire_fragment *header = (struct wire_fragment *)(ip + 1);
		size_t more = is_part ? sizeof(*header) : 0;

		ip->version_class_label = be32_from(UINT32_C(6) << 28);
		ip->payload_size = be16_from((uint16_t)(more + draft->l4_size));
		ip->next_header = is_part ? IPPROTO_FRAGMENT : draft->protocol;
		ip->hop_limit = TTL;
		memcpy(ip->source, draft->from->bytes, sizeof(ip->source));
		memcpy(ip->destination, draft->to->bytes, sizeof(ip->destination));
		if (is_part) {
			header->next_header = draft->protocol;
			header->offset = be16_from((uint16_t)(offset | !is_later));
			header->id = be32_from(FRAGMENT_ID);
		}
		return sizeof(*ip) + more;
	}
}

/* What a router says about a packet that 'to' has sent to 'from': its headers, and no more of TCP
 * or UDP than the ports. */
static void
build_error(const struct trace_question *question, uint8_t *l4, size_t size)
{
	struct wire_icmp *icmp = (struct wire_icmp *)l4;
	uint8_t *inner = (uint8_t *)(icmp + 1);
	const struct draft about = {.from = &question->to.addr,
		.to = &question->from.addr,
		.protocol = question->protocol,
		.l4_size = size - sizeof(*icmp) - ip_header_size(question)};
	be16 ports[2] = {be16_from(question->to.port), be16_from(question->from.port)};

	icmp->type =
		is_v4(question) ? errors[question->error].type4 : errors[question->error].type6;
	icmp->code =
		is_v4(question) ? errors[question->error].code4 : errors[question->error].code6;
	if (question->error == TRACE_TOO_BIG)
		icmp->rest = be32_from(ICMP_MTU);
	memcpy(inner + build_ip(inner, &about), ports, sizeof(ports));
	store_checksum(question, l4, size, offsetof(struct wire_icmp, checksum));
}

/* Writes the upper layer's 'size' bytes. */
static void
build_l4(const struct trace_question *question, uint8_t *l4, size_t size)
{
	if (question->error != TRACE_NO_ERROR) {
		build_error(question, l4, size);
	} else if (question->protocol == IPPROTO_TCP) {
		struct wire_tcp *tcp = (struct wire_tcp *)l4;

		tcp->source_port = be16_from(question->from.port);
		tcp->destination_port = be16_from(question->to.port);
		tcp->sequence = be32_from(question->sequence);
		tcp->offset = sizeof(*tcp) / 4 << 4;
		tcp->flags = question->tcp_flags;
		tcp->window = be16_from(UINT16_MAX);
		store_checksum(question, l4, size, offsetof(struct wire_tcp, checksum));
	} else if (question->protocol == IPPROTO_UDP) {
		struct wire_udp *udp = (struct wire_udp *)l4;

		udp->source_port = be16_from(question->from.port);
		udp->destination_port = be16_from(question->to.port);
		udp->size = be16_from((uint16_t)size);
		store_checksum(question, l4, size, offsetof(struct wire_udp, checksum));
	} else {
		struct wire_icmp *icmp = (struct wire_icmp *)l4;

		icmp->type = is_v4(question) ? ICMP4_ECHO : ICMP6_ECHO;
		store_checksum(question, l4, size, offsetof(struct wire_icmp, checksum));
	}
}

/* Bytes behind the IP headers: what the size asked for leaves, but the upper layer's header whole.
 * Fragments come in units. */
static size_t
l4_size_of(const struct trace_question *question, enum trace_fragment fragment)
{
	bool is_part = fragment != TRACE_WHOLE;
	size_t l3_size = ip_header_size(question) +
			 (is_part && !is_v4(question) ? sizeof(struct wire_fragment) : 0);
	size_t size = l4_header_size(question);

	if (question->size > l3_size + size && question->size <= TRACE_SIZE_MAX)
		size = question->size - l3_size;
	return is_part ? (size + FRAGMENT_UNIT - 1) / FRAGMENT_UNIT * FRAGMENT_UNIT : size;
}

void
trace_frame_build(struct trace_frame *frame, const struct trace_question *question,
	enum trace_fragment fragment, uint16_t port, const uint8_t mac[static 6])
{
	const struct draft draft = {.from = &question->from.addr,
		.to = &question->to.addr,
		.protocol = wire_protocol(question),
		.l4_size = l4_size_of(question, fragment),
		.fragment = fragment};
	struct packet *packet = &frame->packet;
	struct wire_ethernet *ethernet;
	size_t l3_size;

	memset(frame, 0, sizeof(*frame));
	packet->data = frame->bytes + TRACE_HEADROOM;
	packet->buffer = frame;
	packet->headroom = TRACE_HEADROOM;
	packet->in_port = port;
	ethernet = (struct wire_ethernet *)packet->data;
	memcpy(ethernet->destination, mac, sizeof(ethernet->destination));
	ethernet->source[0] = 0x02; /* Anybody's. */
	ethernet->type = be16_from(is_v4(question) ? ETHER_IPV4 : ETHER_IPV6);
	l3_size = build_ip(packet->data + sizeof(*ethernet), &draft);
	if (fragment <= TRACE_FIRST)
		build_l4(question, packet->data + sizeof(*ethernet) + l3_size, draft.l4_size);
	packet->size = (uint32_t)(sizeof(*ethernet) + l3_size + draft.l4_size);
	packet->tailroom = (uint16_t)(sizeof(frame->bytes) - TRACE_HEADROOM - packet->size);
}
