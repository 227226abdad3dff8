/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRPv3 advertisements as bytes (RFC 9568 section 5): built and checked, nothing sent.
 *
 *    0      version 3 (4 bits), type 1 (4 bits)
 *    1      virtual router id
 *    2      priority
 *    3      number of addresses
 *    4..5   reserved (4 bits), advertisement interval in centiseconds (12 bits)
 *    6..7   checksum
 *    8..    the addresses, 4 or 16 bytes each
 *
 * The checksum over IPv6 includes the pseudo-header. Over IPv4, RFC 5798 was read both ways:
 * keepalived includes a pseudo-header, RFC 9568 (5.2.8) has settled for the message alone. So both
 * are accepted, and the form that keepalived insists on is sent. */
#ifndef CONTROLPLANE_VRRP_PACKET_H
#define CONTROLPLANE_VRRP_PACKET_H

#include "common/addr.h"

#include <stddef.h>
#include <stdint.h>

#define VRRP_PROTOCOL 112 /* IP protocol, and IPv6 next header. */
#define VRRP_TTL 255      /* A packet with less has crossed a router (RFC 9568 5.1.1.3). */
#define VRRP_HEADER_SIZE 8
#define VRRP_ADDRESSES_MAX 255
#define VRRP_PACKET_MAX (VRRP_HEADER_SIZE + VRRP_ADDRESSES_MAX * 16)
#define VRRP_PRIORITY_OWNER 255
#define VRRP_PRIORITY_RESIGN 0
#define VRRP_INTERVAL_MAX_CS 4095

/* What an advertisement says. */
struct vrrp_advert {
	uint8_t vrid;
	uint8_t priority;
	uint16_t interval_cs;
	uint8_t n_addresses;
	enum addr_family family;
};

/* VRRP_RESULT(identifier, "what is wrong") */
#define VRRP_RESULTS                                                         \
	VRRP_RESULT(OK, "valid")                                             \
	VRRP_RESULT(TRUNCATED, "shorter than a VRRP header")                 \
	VRRP_RESULT(TTL_WRONG, "TTL or hop limit is not 255")                \
	VRRP_RESULT(VERSION, "version is not 3")                             \
	VRRP_RESULT(TYPE, "type is not advertisement")                       \
	VRRP_RESULT(VRID, "virtual router id is 0")                          \
	VRRP_RESULT(NO_ADDRESSES, "names no address")                        \
	VRRP_RESULT(LENGTH, "length does not match its number of addresses") \
	VRRP_RESULT(CHECKSUM, "checksum is wrong")                           \
	VRRP_RESULT(INTERVAL, "advertisement interval is 0")

enum vrrp_result {
#define VRRP_RESULT(id, text) VRRP_##id,
	VRRP_RESULTS
#undef VRRP_RESULT
		N_VRRP_RESULTS
};

/* "valid", "checksum is wrong", ... */
const char *vrrp_result_text(enum vrrp_result result);

/* A VRRP message (what follows the IP header) and how it came. */
struct vrrp_datagram {
	const uint8_t *data;
	size_t size;
	struct addr source;
	struct addr destination;
	uint8_t ttl;
};

/* The multicast group of 'family': 224.0.0.18 or ff02::12. */
struct addr vrrp_group(enum addr_family family);

/* Writes the message that 'advert' describes for the given addresses of its family, with the
 * checksum for the IP header that it will be sent with. Returns its size in bytes, or 0 if 'size'
 * is too small. */
size_t vrrp_packet_build(const struct vrrp_advert *advert, const struct addr *addresses,
	const struct addr *source, const struct addr *destination, uint8_t *buf, size_t size);

/* Checks 'datagram' (RFC 9568 7.1) and fills '*out', which is untouched unless the result is
 * VRRP_OK. What TTL is enough for unicast depends on the router, so that is the caller's to check.
 */
enum vrrp_result vrrp_packet_parse(const struct vrrp_datagram *datagram, struct vrrp_advert *out);

/* True if the advert in 'datagram' names exactly these addresses, in any order. 'advert' is what
 * vrrp_packet_parse() made of it. */
bool vrrp_packet_names(const struct vrrp_datagram *datagram, const struct vrrp_advert *advert,
	const struct addr *addresses, size_t n_addresses);

#endif /* CONTROLPLANE_VRRP_PACKET_H */
