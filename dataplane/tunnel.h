/* SPDX-License-Identifier: BSD-3-Clause */
/* Mode tunnel: the packet goes to the backend's address whole, inside another.
 *
 *   ipip  IP in IP: RFC 2003 (4 in 4), RFC 2473 (4 and 6 in 6), RFC 4213 (6 in 4).
 *   gue   Ethernet | IP | UDP | 4 bytes of GUE | IP ..., as Linux's fou module takes it with
 *         encap type gue: variant 0, the protocol is the inner packet's (4 or 41), no extensions.
 *
 * A receiver spreads packets over its queues by the outer header, so each flow has its own: by
 * the low bits of the source address where that is a prefix, by the UDP source port of gue, by
 * IPv6's flow label. */
#ifndef DATAPLANE_TUNNEL_H
#define DATAPLANE_TUNNEL_H

#include "common/control.h"
#include "common/tunnel.h"
#include "dataplane/nexthop.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/port_table.h"
#include "dataplane/too_big.h"

/* One worker's; zeroed at the start. */
struct tunnel_state {
	struct too_big too_big;
	uint16_t id; /* Of the last outer IPv4 packet that may be fragmented. */
};

/* Where a packet goes. */
struct tunnel_way {
	const struct tunnel *tunnel;
	uint16_t mss; /* That SYNs may offer; 0: any. What is answered is quoted as it came. */
	const struct addr *backend;
	const struct nexthop *hop;
	const struct port_info *out; /* That the next hop is behind. */
	const struct port_info *in;  /* That the packet came by. */
	uint64_t hash;               /* Of the flow. */
	uint64_t now_ns;
};

/* GUE's source port tells flows apart: dynamic ports (RFC 6335 6), 14 bits that differ. */
#define TUNNEL_GUE_SOURCE(hash) ((uint16_t)(0xc000u | (uint16_t)(hash)))

/* What is known of the outer IPv4 header before there is a packet; for tunnel_steady(). */
struct tunnel_outer {
	uint32_t source;       /* As on the wire. */
	uint32_t n_sources;    /* Addresses behind the first that flows have; 0: the one. */
	uint32_t ttl_protocol; /* The header's third word, as on the wire, without the checksum. */
	uint16_t overhead;
	uint16_t mtu;      /* UINT16_MAX: as the port says. */
	uint16_t gue_port; /* As on the wire; 0: not of type gue. */
};

/* Of a service in mode tunnel that has a source of IPv4. */
struct tunnel_outer tunnel_outer_of(const struct tunnel *tunnel);

/* Wraps the packet. Returns V_FORWARD; or V_REPLY_TOO_BIG with the client's answer in its place;
 * or why it is dropped. */
enum verdict tunnel_send(struct tunnel_state *state, const struct tunnel_way *way,
	struct packet *packet, const struct parsed *parsed);

/* Whether the dataplane can do what the service, of mode tunnel, asks for. Returns 0, or -EINVAL
 * with 'err' set. */
int tunnel_check(const struct control_state *state, const struct control_service *service,
	const struct port_table *ports, struct err *err);

#endif /* DATAPLANE_TUNNEL_H */
