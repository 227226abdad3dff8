/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers as they are on the wire. All are packed, so that they may be read at any address: behind
 * an Ethernet header nothing is aligned. */
#ifndef DATAPLANE_WIRE_H
#define DATAPLANE_WIRE_H

#include "common/be.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define WIRE __attribute__((packed))

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_ARP = 0x0806,
	ETHER_IPV6 = 0x86dd,
};

struct wire_ethernet {
	uint8_t destination[6];
	uint8_t source[6];
	be16 type;
} WIRE;

/* RFC 791 3.1 */
struct wire_ipv4 {
	uint8_t version_ihl;
	uint8_t tos;
	be16 total_size;
	be16 id;
	be16 fragment; /* 3 flags, 13 bits of offset. */
	uint8_t ttl;
	uint8_t protocol;
	be16 checksum;
	uint8_t source[4];
	uint8_t destination[4];
} WIRE;

#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK 0x1fff

/* RFC 8200 3 */
struct wire_ipv6 {
	be32 version_class_label;
	be16 payload_size;
	uint8_t next_header;
	uint8_t hop_limit;
	uint8_t source[16];
	uint8_t destination[16];
} WIRE;

/* The start that hop-by-hop, routing, destination options and authentication headers share. */
struct wire_extension {
	uint8_t next_header;
	uint8_t size; /* Hop-by-hop, ...: units of 8 bytes after the first; AH: of 4, minus 2. */
} WIRE;

/* RFC 8200 4.5 */
struct wire_fragment {
	uint8_t next_header;
	uint8_t reserved;
	be16 offset; /* 13 bits of offset, 2 reserved, more-fragments. */
	be32 id;
} WIRE;

/* RFC 9293 3.1 */
struct wire_tcp {
	be16 source_port;
	be16 destination_port;
	be32 sequence;
	be32 acknowledgment;
	uint8_t offset; /* Upper 4 bits: header size in units of 4 bytes. */
	uint8_t flags;
	be16 window;
	be16 checksum;
	be16 urgent;
} WIRE;

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10
#define TCP_FLAG_URG 0x20

/* RFC 768 */
struct wire_udp {
	be16 source_port;
	be16 destination_port;
	be16 size;
	be16 checksum;
} WIRE;

/* draft-ietf-intarea-gue-09 3.1, variant 0. */
struct wire_gue {
	uint8_t variant_control_size; /* All 0: variant 0, data, no extensions. */
	uint8_t protocol;             /* IANA number of what follows. */
	be16 flags;
} WIRE;

/* RFC 792, RFC 4443 2.1 */
struct wire_icmp {
	uint8_t type;
	uint8_t code;
	be16 checksum;
	be32 rest;
} WIRE;

enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_FRAGMENTATION_NEEDED = 4, /* A code of ICMP4_UNREACHABLE. */
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,

	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4, /* The last error that this version knows. */
	ICMP6_ECHO = 128,
	ICMP6_ECHO_RESPONSE = 129,
	ICMP6_ND_SOLICIT = 135,
	ICMP6_ND_ADVERT = 136,
};

#define ICMP4_CODE_TOO_BIG 4 /* Of ICMP4_UNREACHABLE: fragmentation needed. */

/* Neighbour solicitation and advertisement, RFC 4861 4.3 and 4.4. */
struct wire_nd {
	uint8_t type;
	uint8_t code;
	be16 checksum;
	be32 flags; /* Of advertisements; reserved in solicitations. */
	uint8_t target[16];
} WIRE;

#define ND_FLAG_SOLICITED 0x40000000u
#define ND_FLAG_OVERRIDE 0x20000000u

/* Source or target link-layer address, RFC 4861 4.6.1. */
struct wire_nd_link {
	uint8_t type;
	uint8_t size; /* Units of 8 bytes. */
	uint8_t mac[6];
} WIRE;

enum {
	ND_OPTION_SOURCE = 1,
	ND_OPTION_TARGET = 2
};

/* RFC 826, for IPv4 over Ethernet. */
struct wire_arp {
	be16 hardware;
	be16 protocol;
	uint8_t hardware_size;
	uint8_t protocol_size;
	be16 operation;
	uint8_t sender_mac[6];
	uint8_t sender[4];
	uint8_t target_mac[6];
	uint8_t target[4];
} WIRE;

enum {
	ARP_REQUEST = 1,
	ARP_REPLY = 2
};

static_assert(sizeof(struct wire_ethernet) == 14, "Ethernet");
static_assert(sizeof(struct wire_ipv4) == 20, "RFC 791");
static_assert(sizeof(struct wire_ipv6) == 40, "RFC 8200");
static_assert(sizeof(struct wire_tcp) == 20, "RFC 9293");
static_assert(sizeof(struct wire_udp) == 8, "RFC 768");
static_assert(sizeof(struct wire_gue) == 4, "GUE");
static_assert(sizeof(struct wire_icmp) == 8, "RFC 792");
static_assert(sizeof(struct wire_nd) == 24, "RFC 4861");
static_assert(sizeof(struct wire_nd_link) == 8, "RFC 4861");
static_assert(sizeof(struct wire_arp) == 28, "RFC 826");

static inline uint64_t
load64(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t
load32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void
store64(void *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void
store32(void *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

#endif /* DATAPLANE_WIRE_H */
