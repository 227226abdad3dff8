/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading plain frames, for the checks of the pipeline's fuzz target. Written anew, and slower than
 * the parser under test: what is not plain it does not understand. */
#ifndef TESTS_FUZZ_PIPELINE_TUPLE_H
#define TESTS_FUZZ_PIPELINE_TUPLE_H

#include "common/control.h"
#include "tests/dataplane/frames.h"

/* The 5-tuple of a plain TCP or UDP packet. */
struct tuple {
	struct addr client; /* Source. */
	struct addr vip;    /* Destination. */
	uint16_t client_port;
	uint16_t vip_port;
	uint8_t protocol;
};

static inline uint16_t
u16_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline bool
is_v4(const uint8_t *frame)
{
	return u16_at(frame + 12) == ETHER_IPV4;
}

/* Bytes of the IP packet at 'ip', of its header without extensions, and where its addresses are. */
size_t ip_size(const uint8_t *ip);
size_t ip_header_size(const uint8_t *ip);
struct addr ip_source(const uint8_t *ip);
struct addr ip_destination(const uint8_t *ip);

/* The number behind IPv6's fixed header or in IPv4's. */
uint8_t ip_protocol(const uint8_t *ip);

/* Returns false for anything else than TCP or UDP right behind the IP header, and for fragments. */
bool read_tuple(const uint8_t *frame, struct tuple *tuple);

const struct control_service *find_service(
	const struct control_state *state, const struct tuple *tuple);

/* Whether the header of an IPv4 packet sums up; true of IPv6, which has no such sum. */
bool ip_checksum_good(const uint8_t *ip);

/* Whether TCP, UDP or ICMP right behind the IP header sums up; also a UDP packet without. */
bool l4_checksum_good(const uint8_t *ip);

#endif /* TESTS_FUZZ_PIPELINE_TUPLE_H */
