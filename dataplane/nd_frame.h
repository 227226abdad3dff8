/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbour advertisements (RFC 4861 4.4) as whole frames, for answers and for announcements. */
#ifndef DATAPLANE_ND_FRAME_H
#define DATAPLANE_ND_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define ND_ADVERT_SIZE 86 /* Ethernet 14, IPv6 40, advertisement 24, target's address option 8. */

struct nd_advert {
	uint8_t target[16];             /* The VIP, also the frame's source. */
	const uint8_t *mac;             /* The VIP's. */
	const uint8_t *destination_mac; /* NULL: all nodes. */
	const uint8_t *destination;     /* 16 bytes; NULL: all nodes, ff02::1. */
	uint32_t flags;                 /* ND_FLAG_* */
};

/* Writes ND_ADVERT_SIZE bytes. */
void nd_advert_build(uint8_t *frame, const struct nd_advert *advert);

/* The sum of the pseudo-header of 'size' bytes of ICMPv6, to be continued by checksum_add(). */
uint32_t nd_pseudo_sum(
	const uint8_t source[static 16], const uint8_t destination[static 16], size_t size);

#endif /* DATAPLANE_ND_FRAME_H */
