/* SPDX-License-Identifier: BSD-3-Clause */
/* Giving a packet other addresses and ports. Checksums are carried along by what changed (RFC
 * 1624), so one that was wrong stays wrong and the receiver notices. */
#ifndef DATAPLANE_NAT_REWRITE_H
#define DATAPLANE_NAT_REWRITE_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"

/* From whom to whom a packet goes. Addresses as in struct addr. */
struct nat_ends {
	uint8_t source[16];
	uint8_t destination[16];
	be16 source_port;
	be16 destination_port;
};

/* Of a TCP or UDP packet or a fragment of one. The first one's checksum is that of the whole, which
 * changes by what changed in the headers; the others have addresses alone. */
void nat_rewrite_flow(
	struct packet *packet, const struct parsed *parsed, const struct nat_ends *ends);

/* Of an ICMP error. The packet that it is about went the other way: it is made to have come from
 * 'ends' destination and gone to its source. The error's own source becomes 'sender' unless that
 * is NULL. */
void nat_rewrite_error(struct packet *packet, const struct parsed *parsed,
	const struct nat_ends *ends, const uint8_t *sender);

/* Carries the checksum of the TCP or UDP header at offset 'l4' along with a delta (patch.h) of what
 * it covers; returns the delta of the checksum itself. The header may be cut off before the
 * checksum (in an ICMP error). A UDP checksum of zero is none, which it stays (RFC 768; RFC 6935
 * for IPv6), and one that becomes zero is written as its other form. */
uint32_t nat_patch_l4(
	struct packet *packet, const struct parsed *parsed, uint32_t l4, uint32_t delta);

#endif /* DATAPLANE_NAT_REWRITE_H */
