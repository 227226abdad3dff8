/* SPDX-License-Identifier: BSD-3-Clause */
/* What became of a packet. Every packet that enters a worker ends in exactly one verdict, and each
 * verdict has a counter, so the counters add up to the packets received. */
#ifndef DATAPLANE_VERDICT_H
#define DATAPLANE_VERDICT_H

#include <stdbool.h>

/* VERDICT(identifier, "name", "what it means") */
#define VERDICTS                                                                                   \
	VERDICT(FORWARD, "forward", "sent to a backend")                                           \
	VERDICT(REPLY, "reply", "answered by the dataplane itself (ARP, ND, ICMP echo)")           \
	VERDICT(REPLY_TOO_BIG, "reply_too_big", "too big for the tunnel: the client was told")     \
	VERDICT(REPLY_SYN_COOKIE, "reply_syn_cookie", "SYN answered with a cookie")                \
	VERDICT(RETURN, "return", "a backend's, sent back to the client (nat, fullnat)")           \
	VERDICT(HOST, "host", "handed to the host's kernel")                                       \
	VERDICT(DROP_TRUNCATED, "drop_truncated", "shorter than its headers say")                  \
	VERDICT(DROP_BAD_HEADER, "drop_bad_header", "IP version or header length invalid")         \
	VERDICT(DROP_BAD_CHECKSUM, "drop_bad_checksum", "IPv4 header or ICMP checksum wrong")      \
	VERDICT(DROP_OTHER_STATION, "drop_other_station", "frame for another link-layer address")  \
	VERDICT(DROP_FRAGMENT, "drop_fragment",                                                    \
		"fragment of neither TCP nor UDP, or mode nat or fullnat")                         \
	VERDICT(DROP_TTL, "drop_ttl", "time to live used up")                                      \
	VERDICT(DROP_NOT_HELD, "drop_not_held", "ARP, ND or echo for a VIP held by another node")  \
	VERDICT(DROP_NOT_ACCEPTED, "drop_not_accepted", "echo to a VIP that does not answer it")   \
	VERDICT(DROP_VIP_CLAIMED, "drop_vip_claimed", "another station announces a VIP held here") \
	VERDICT(DROP_NO_SERVICE, "drop_no_service", "VIP without a service on that port")          \
	VERDICT(DROP_ICMP, "drop_icmp", "ICMP for a VIP that needs no answer and fits no flow")    \
	VERDICT(DROP_NO_BACKEND, "drop_no_backend", "service without a usable backend")            \
	VERDICT(DROP_NO_NEIGHBOUR, "drop_no_neighbour", "backend's link-layer address unknown")    \
	VERDICT(DROP_NO_ROOM, "drop_no_room", "buffer too small for the answer or outer headers")  \
	VERDICT(DROP_TOO_BIG, "drop_too_big", "too big for the tunnel and the client not told")    \
	VERDICT(DROP_SOURCE_BLOCKED, "drop_source_blocked", "client in a list the service blocks") \
	VERDICT(DROP_SOURCE_NOT_ALLOWED, "drop_source_not_allowed",                                \
		"client in no list the service allows")                                            \
	VERDICT(DROP_NEW_FLOW_LIMIT, "drop_new_flow_limit",                                        \
		"more new flows than the service takes")                                           \
	VERDICT(DROP_PACKET_LIMIT, "drop_packet_limit", "more packets than the service takes")     \
	VERDICT(DROP_BACKENDS_FULL, "drop_backends_full",                                          \
		"new flow, and all backends have their most")                                      \
	VERDICT(DROP_NO_FLOW, "drop_no_flow", "mode nat or fullnat, and no room for the flow")     \
	VERDICT(DROP_NO_LOCAL, "drop_no_local", "mode fullnat, and no local port free")            \
	VERDICT(DROP_NAT_CLASH, "drop_nat_clash",                                                  \
		"mode nat, and another flow of the client has the way back")                       \
	VERDICT(DROP_SYN_COOKIE, "drop_syn_cookie",                                                \
		"service with SYN cookies, and neither of a flow nor of a cookie")                 \
	VERDICT(DROP_HANDSHAKE, "drop_handshake",                                                  \
		"a backend's, out of place in a handshake with it")                                \
	VERDICT(DROP_TX_FULL, "drop_tx_full", "transmit queue full")                               \
	VERDICT(DROP_HOST_FULL, "drop_host_full", "queue to the host's kernel full")               \
	VERDICT(DROP_TRUNCATED_L4, "drop_truncated_l4", "TCP, UDP or ICMP shorter than it says")   \
	VERDICT(DROP_BAD_OPTION, "drop_bad_option", "IPv4 option longer than its header or empty") \
	VERDICT(DROP_SOURCE_ROUTE, "drop_source_route", "packet with a route to go on")            \
	VERDICT(DROP_EXTENSIONS, "drop_extensions",                                                \
		"IPv6 extension headers too many or misplaced")                                    \
	VERDICT(DROP_JUMBO, "drop_jumbo", "IPv6 jumbogram")                                        \
	VERDICT(DROP_BAD_TCP, "drop_bad_tcp", "TCP header length invalid")                         \
	VERDICT(DROP_BAD_UDP, "drop_bad_udp", "UDP length invalid")                                \
	VERDICT(DROP_BAD_ECHO, "drop_bad_echo", "echo request with a code, or from no one host")   \
	VERDICT(DROP_BAD_NEIGHBOUR, "drop_bad_neighbour", "ARP or ND message against its rules")   \
	VERDICT(DROP_ICMP_INNER, "drop_icmp_inner", "ICMP error about an unreadable packet")       \
	VERDICT(DROP_ICMP_FRAGMENT, "drop_icmp_fragment", "ICMP error about a later fragment")     \
	VERDICT(DROP_FRAGMENT_BAD, "drop_fragment_bad", "fragment of an impossible size or place") \
	VERDICT(DROP_FRAGMENT_TINY, "drop_fragment_tiny", "fragment that splits the headers")      \
	VERDICT(DROP_FRAGMENT_OVERLAP, "drop_fragment_overlap",                                    \
		"of a packet with overlapping fragments")                                          \
	VERDICT(DROP_FRAGMENT_DUPLICATE, "drop_fragment_duplicate", "fragment that came before")   \
	VERDICT(DROP_FRAGMENT_LOST, "drop_fragment_lost", "fragment whose first one did not come") \
	VERDICT(DROP_FRAGMENT_FULL, "drop_fragment_full",                                          \
		"no room to keep account of the fragment")                                         \
	VERDICT(DROP_VLAN, "drop_vlan", "frame of another VLAN than the port's")                   \
	VERDICT(DROP_STEER_FULL, "drop_steer_full", "no room to hand it to its flow's worker")

enum verdict {
#define VERDICT(id, name, help) V_##id,
	VERDICTS
#undef VERDICT
		N_VERDICTS,
	/* Not decided yet: the packet core has kept the packet (packet.h). Never counted. */
	V_HOLD = N_VERDICTS,
	/* Not decided here: it belongs to the worker packet.owner. Never counted either. */
	V_STEER,
	N_VERDICTS_ALL
};

/* Whether the packet leaves by its out_port. */
static inline bool
verdict_leaves(enum verdict verdict)
{
	return verdict <= V_RETURN;
}

/* "forward", "drop_ttl", ...: the name in statistics and metrics. */
const char *verdict_name(enum verdict verdict);
const char *verdict_help(enum verdict verdict);

#endif /* DATAPLANE_VERDICT_H */
