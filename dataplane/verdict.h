/* SPDX-License-Identifier: BSD-3-Clause */
/* What became of a packet. Every packet that enters a worker ends in exactly one verdict, and each
 * verdict has a counter, so the counters add up to the packets received. */
#ifndef DATAPLANE_VERDICT_H
#define DATAPLANE_VERDICT_H

/* VERDICT(identifier, "name", "what it means") */
#define VERDICTS                                                                                   \
	VERDICT(FORWARD, "forward", "sent to a backend")                                           \
	VERDICT(REPLY, "reply", "answered by the dataplane itself (ARP, ND, ICMP echo)")           \
	VERDICT(HOST, "host", "handed to the host's kernel")                                       \
	VERDICT(RETURN, "return", "a backend's, sent back to the client (nat, fullnat)")           \
	VERDICT(DROP_TRUNCATED, "drop_truncated", "shorter than its headers say")                  \
	VERDICT(DROP_BAD_HEADER, "drop_bad_header", "version, header length or option invalid")    \
	VERDICT(DROP_BAD_CHECKSUM, "drop_bad_checksum", "IPv4 header or ICMP checksum wrong")      \
	VERDICT(DROP_OTHER_STATION, "drop_other_station", "frame for another link-layer address")  \
	VERDICT(DROP_FRAGMENT, "drop_fragment", "fragment for a VIP")                              \
	VERDICT(DROP_TTL, "drop_ttl", "time to live used up")                                      \
	VERDICT(DROP_NOT_HELD, "drop_not_held", "ARP, ND or echo for a VIP held by another node")  \
	VERDICT(DROP_VIP_CLAIMED, "drop_vip_claimed", "another station announces a VIP held here") \
	VERDICT(DROP_NO_SERVICE, "drop_no_service", "VIP without a service on that port")          \
	VERDICT(DROP_ICMP, "drop_icmp", "ICMP for a VIP that needs no answer and fits no flow")    \
	VERDICT(DROP_NO_BACKEND, "drop_no_backend", "service without a usable backend")            \
	VERDICT(DROP_NO_NEIGHBOUR, "drop_no_neighbour", "backend's link-layer address unknown")    \
	VERDICT(DROP_NO_ROOM, "drop_no_room", "buffer too small for the answer")                   \
	VERDICT(DROP_NO_FLOW, "drop_no_flow", "mode nat or fullnat, and no room for the flow")     \
	VERDICT(DROP_NO_LOCAL, "drop_no_local", "mode fullnat, and no local port free")            \
	VERDICT(DROP_NAT_CLASH, "drop_nat_clash",                                                  \
		"mode nat, and another flow of the client has the way back")                       \
	VERDICT(DROP_TX_FULL, "drop_tx_full", "transmit queue full")                               \
	VERDICT(DROP_HOST_FULL, "drop_host_full", "queue to the host's kernel full")

enum verdict {
#define VERDICT(id, name, help) V_##id,
	VERDICTS
#undef VERDICT
		N_VERDICTS
};

/* "forward", "drop_ttl", ...: the name in statistics and metrics. */
const char *verdict_name(enum verdict verdict);
const char *verdict_help(enum verdict verdict);

#endif /* DATAPLANE_VERDICT_H */
