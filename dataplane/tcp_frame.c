/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames with TCP segments; see tcp_frame.h. */
#include "dataplane/tcp_frame.h"

#include "common/checksum.h"

#include <netinet/in.h>

#define TTL 64

static size_t
ip_header_size(const struct tcp_frame *frame)
{
	return frame->source.family == ADDR_V4 ? sizeof(struct wire_ipv4)
					       : sizeof(struct wire_ipv6);
}

static size_t
segment_size(const struct tcp_frame *frame)
{
	return sizeof(struct wire_tcp) + frame->n_options + frame->n_data;
}

size_t
tcp_frame_size(const struct tcp_frame *frame)
{
	return sizeof(struct wire_ethernet) + ip_header_size(frame) + segment_size(frame);
}

static void
write_ipv4(uint8_t *at, const struct tcp_frame *frame)
{
	struct wire_ipv4 *ip = (struct wire_ipv4 *)at;

	*ip = (struct wire_ipv4){
		.version_ihl = 0x45,
		.total_size = be16_from((uint16_t)(sizeof(*ip) + segment_size(frame))),
		.fragment = be16_from(IPV4_DONT_FRAGMENT), /* So the id may be 0 (RFC 6864). */
		.ttl = TTL,
		.protocol = IPPROTO_TCP,
	};
	memcpy(ip->source, frame->source.bytes, sizeof(ip->source));
	memcpy(ip->destination, frame->destination.bytes, sizeof(ip->destination));
	ip->checksum = checksum_finish(checksum_add(0, ip, sizeof(*ip)));
}

static void
write_ipv6(uint8_t *at, const struct tcp_frame *frame)
{
	struct wire_ipv6 *ip = (struct wire_ipv6 *)at;

	*ip = (struct wire_ipv6){
		.version_class_label = be32_from(6u << 28),
		.payload_size = be16_from((uint16_t)segment_size(frame)),
		.next_header = IPPROTO_TCP,
		.hop_limit = TTL,
	};
	memcpy(ip->source, frame->source.bytes, sizeof(ip->source));
	memcpy(ip->destination, frame->destination.bytes, sizeof(ip->destination));
}

static void
write_segment(uint8_t *at, const struct tcp_frame *frame)
{
	struct wire_tcp *tcp = (struct wire_tcp *)at;
	size_t size = segment_size(frame);
	uint32_t sum =
		checksum_add_pseudo(0, &frame->source, &frame->destination, IPPROTO_TCP, size);

	*tcp = (struct wire_tcp){
		.source_port = frame->source_port,
		.destination_port = frame->destination_port,
		.sequence = be32_from(frame->sequence),
		.acknowledgment = be32_from(frame->acknowledgment),
		.offset = (uint8_t)((sizeof(*tcp) + frame->n_options) / 4 << 4),
		.flags = frame->flags,
		.window = be16_from(frame->window),
	};
	if (frame->n_options)
		memcpy(at + sizeof(*tcp), frame->options, frame->n_options);
	if (frame->n_data)
		memcpy(at + sizeof(*tcp) + frame->n_options, frame->data, frame->n_data);
	tcp->checksum = checksum_finish(checksum_add(sum, at, size));
}

size_t
tcp_frame_write(uint8_t *out, const struct tcp_frame *frame)
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)out;
	bool v4 = frame->source.family == ADDR_V4;
	uint8_t *ip = out + sizeof(*ethernet);

	memcpy(ethernet->destination, frame->destination_mac, sizeof(ethernet->destination));
	memcpy(ethernet->source, frame->source_mac, sizeof(ethernet->source));
	ethernet->type = be16_from(v4 ? ETHER_IPV4 : ETHER_IPV6);
	if (v4)
		write_ipv4(ip, frame);
	else
		write_ipv6(ip, frame);
	write_segment(ip + ip_header_size(frame), frame);
	return tcp_frame_size(frame);
}

bool
tcp_frame_replace(struct packet *packet, const struct tcp_frame *frame)
{
	uint32_t room = packet->size + packet->tailroom;
	uint32_t size = (uint32_t)tcp_frame_size(frame);

	if (size > room)
		return false;
	tcp_frame_write(packet->data, frame);
	packet->size = size;
	packet->tailroom = (uint16_t)(room - size);
	return true;
}
