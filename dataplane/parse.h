/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a frame's headers, every length checked, and says what kind of thing it is. Knows nothing
 * of VIPs or services; changes nothing. */
#ifndef DATAPLANE_PARSE_H
#define DATAPLANE_PARSE_H

#include "dataplane/flow_table.h"
#include "dataplane/packet.h"
#include "dataplane/service.h"

#include <stdbool.h>
#include <stdint.h>

enum parsed_kind {
	PARSED_FLOW,       /* TCP or UDP. */
	PARSED_ICMP_ERROR, /* About a TCP or UDP packet that 'target' is said to have sent. */
	PARSED_FRAGMENT,   /* Of TCP or UDP; the first one with its ports. See fragment.h. */
	PARSED_ECHO,       /* ICMP echo request. */
	PARSED_ICMP,       /* ICMP of another kind. */
	PARSED_ND_SOLICIT, /* Neighbour solicitation for 'target'. */
	PARSED_ND_ADVERT,  /* Neighbour advertisement of 'target'. */
	PARSED_ARP,        /* Request or reply about 'target'. */
	PARSED_IP,         /* IP with something else inside. */
	PARSED_OTHER,      /* Neither IP nor ARP. */
	PARSED_BAD,        /* 'problem' says why. */
};

struct parsed {
	/* Whom the frame is about: destination address and port of a flow; address that ARP or a
	 * solicitation asks for. family ADDR_NONE: unknown. */
	struct service_key target;
	/* The flow as the client sends it, without the VIP's id. Of other kinds the sender's
	 * address alone. */
	struct flow_key key;
	union {
		struct {
			uint8_t kind;    /* enum parsed_kind */
			uint8_t signal;  /* enum flow_signal */
			uint8_t problem; /* enum verdict, of PARSED_BAD */
			uint8_t l4_protocol;
			uint16_t l3; /* Offset of the IP or ARP header. */
			uint16_t l4; /* Offset behind the IP headers. */
		};
		uint64_t what; /* For parse_plain(), to be written at once. */
	};
	union {
		struct {
			/* Offset behind the IP packet; the rest of the frame is padding. */
			uint16_t end;
			/* Of a fragment: offset of the header that says so (IPv4's own, or IPv6's
			 * fragment header); else 0. */
			uint16_t fragment;
			/* A later fragment: there is no TCP or UDP header at 'l4'. */
			bool headless;
			union {
				/* PARSED_ICMP_ERROR: offset behind the IP headers that it is about.
				 */
				uint16_t inner_l4;
				/* Of an IPv4 fragment that fragment_follow() has told: the
				 * identification that its packet gets when its addresses change. */
				uint16_t fragment_id;
			};
		};
		uint64_t where; /* As 'what'. */
	};
};

static_assert(sizeof(struct parsed) == 64, "a cache line");

void parse(const struct packet *packet, struct parsed *out);

/* What a TCP segment with these flags tells about its flow. */
static inline enum flow_signal
parse_tcp_signal(uint8_t flags)
{
	/* By FIN 1, SYN 2, RST 4. RST beats FIN beats SYN. */
	static const uint8_t signals[8] = {FLOW_SIGNAL_DATA, FLOW_SIGNAL_FIN, FLOW_SIGNAL_SYN,
		FLOW_SIGNAL_FIN, FLOW_SIGNAL_RST, FLOW_SIGNAL_RST, FLOW_SIGNAL_RST,
		FLOW_SIGNAL_RST};

	return (enum flow_signal)signals[flags & 7];
}

#endif /* DATAPLANE_PARSE_H */
