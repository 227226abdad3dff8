/* SPDX-License-Identifier: BSD-3-Clause */
/* How packets of a service in mode tunnel are wrapped, and the JSON form of it. */
#ifndef COMMON_TUNNEL_H
#define COMMON_TUNNEL_H

#include "common/addr.h"
#include "common/err.h"

#include <jansson.h>

#define TUNNEL_GUE_PORT 6080 /* IANA's for GUE. */

/* The least that an IP packet may be limited to: RFC 791 asks every host to take 576 bytes, RFC
 * 8200 5 every link to carry 1280. */
#define TUNNEL_MTU_MIN_V4 576
#define TUNNEL_MTU_MIN_V6 1280

/* Maximum segment sizes that may be asked for: from what every host takes without the option
 * (RFC 9293 3.7.1) to what fits the largest packet. */
#define MSS_MIN_V4 536
#define MSS_MIN_V6 1220
#define MSS_MAX_V4 65495
#define MSS_MAX_V6 65475

enum tunnel_type {
	TUNNEL_IPIP, /* IP in IP: RFC 2003, RFC 2473, RFC 4213. */
	TUNNEL_GUE,  /* IP in UDP with the 4 bytes of GUE's variant 0. */
};

/* Outer source addresses of one family. All have the first 'prefix' bits of 'addr'; the others
 * differ from flow to flow. */
struct tunnel_source {
	struct addr addr; /* ADDR_NONE: none, backends of this family cannot be reached. */
	uint8_t prefix;   /* 32 or 128: the one address. */
};

struct tunnel {
	enum tunnel_type type;
	struct tunnel_source sources[2]; /* tunnel_source_of() */
	uint16_t gue_port;               /* Host order, of type gue. */
	uint16_t mtu; /* Largest packet with the outer header; 0: as the port says. */
};

/* The sources of 'family', which is ADDR_V4 or ADDR_V6. */
static inline const struct tunnel_source *
tunnel_source_of(const struct tunnel *tunnel, uint8_t family)
{
	return &tunnel->sources[family == ADDR_V6];
}

/* Bytes that wrapping for a backend of 'family' adds. */
uint16_t tunnel_overhead(enum tunnel_type type, uint8_t family);

/* The smallest MTU with which packets of 'vip_family' still reach a backend of 'family'. */
uint16_t tunnel_mtu_min(enum tunnel_type type, uint8_t vip_family, uint8_t family);

bool tunnel_source_covers(const struct tunnel_source *source, const struct addr *addr);

/* Parses "192.0.2.1", "198.18.0.0/16" or the like of IPv6. A prefix must leave at least two bits
 * and, since it is one network, all of those zero. As addr_parse(). */
int tunnel_source_parse(const char *text, struct tunnel_source *out, struct err *err);

/* Writes the text form; returns 'buf' of TUNNEL_SOURCE_TEXT_SIZE. */
#define TUNNEL_SOURCE_TEXT_SIZE (ADDR_TEXT_SIZE + 4)
const char *tunnel_source_format(const struct tunnel_source *source, char *buf, size_t size);

const char *tunnel_type_name(enum tunnel_type type);

/* {type, source4?, source6?, gue_port?, mtu?}. As control_state_encode() and _decode(). */
json_t *tunnel_encode(const struct tunnel *tunnel);
int tunnel_decode(json_t *json, struct tunnel *out, struct err *err);

#endif /* COMMON_TUNNEL_H */
