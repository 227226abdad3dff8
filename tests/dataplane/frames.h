/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for tests: built whole, with right lengths and checksums, so that a case can then spoil
 * just one thing. */
#ifndef TESTS_DATAPLANE_FRAMES_H
#define TESTS_DATAPLANE_FRAMES_H

#include "common/addr.h"
#include "dataplane/packet.h"
#include "dataplane/wire.h"

#define FRAME_HEADROOM 128
#define FRAME_BUFFER_SIZE 2048

#define FRAME_L3 14

extern const uint8_t frame_port_mac[6];   /* 02:00:00:00:00:01, of the port that frames go to. */
extern const uint8_t frame_client_mac[6]; /* 02:00:00:00:00:c1, the router of all clients. */

struct frame {
	uint8_t buffer[FRAME_BUFFER_SIZE];
	struct packet packet;
};

struct addr frame_addr(const char *text);

/* All of them choose IPv4 or IPv6 by the addresses. */
void frame_tcp(struct frame *frame, const char *from, uint16_t from_port, const char *to,
	uint16_t to_port, uint8_t flags);
void frame_udp(struct frame *frame, const char *from, uint16_t from_port, const char *to,
	uint16_t to_port);
void frame_echo(struct frame *frame, const char *from, const char *to);

/* An ICMP error from 'router' to 'to' about a TCP packet that 'to':to_port sent to
 * 'from':from_port. */
void frame_icmp_error(struct frame *frame, const char *router, const char *from, uint16_t from_port,
	const char *to, uint16_t to_port);

void frame_arp(struct frame *frame, uint16_t operation, const char *sender, const char *target);

/* A neighbour solicitation; 'sender' "::" checks for duplicates. */
void frame_solicit(struct frame *frame, const char *sender, const char *target);

/* Any IP packet with 'size' bytes of 'payload'; of IPv6 'protocol' is the next header. */
void frame_ip(struct frame *frame, const char *from, const char *to, uint8_t protocol,
	const void *payload, size_t size);

/* Sets the IPv4 header checksum, or that of an ICMP message at 'l4' up to the packet's end. */
void frame_fix_ipv4(struct frame *frame);
void frame_fix_icmp(struct frame *frame, size_t l4);

/* Sets the checksum of TCP or UDP that follows an IP header without options. */
void frame_fix_transport(struct frame *frame);

static inline struct wire_ethernet *
frame_ethernet(struct frame *frame)
{
	return (struct wire_ethernet *)frame->packet.data;
}

static inline struct wire_ipv4 *
frame_ipv4(struct frame *frame)
{
	return (struct wire_ipv4 *)(frame->packet.data + FRAME_L3);
}

static inline struct wire_ipv6 *
frame_ipv6(struct frame *frame)
{
	return (struct wire_ipv6 *)(frame->packet.data + FRAME_L3);
}

#endif /* TESTS_DATAPLANE_FRAMES_H */
