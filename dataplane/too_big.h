/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling a client that its packet is too big for the way to the backend: ICMP destination
 * unreachable with code 4 (RFC 1191 4) and ICMPv6 packet too big (RFC 4443 3.2), made in place of
 * the packet, from the VIP. */
#ifndef DATAPLANE_TOO_BIG_H
#define DATAPLANE_TOO_BIG_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/port_table.h"

/* Answers in a second of one worker, and how many may come at once. */
#define TOO_BIG_RATE 1000
#define TOO_BIG_BURST 50

/* One worker's; zeroed at the start. */
struct too_big {
	uint64_t next_ns; /* When the answers so far would have been due at TOO_BIG_RATE. */
};

/* The packet, which is larger than 'mtu', is unchanged as it came in by 'port'. Returns
 * V_REPLY_TOO_BIG with the answer in its place, or why there is none. */
enum verdict too_big_answer(struct too_big *state, struct packet *packet,
	const struct parsed *parsed, uint32_t mtu, const struct port_info *port, uint64_t now_ns);

#endif /* DATAPLANE_TOO_BIG_H */
