/* SPDX-License-Identifier: BSD-3-Clause */
/* The stamp by which the generator knows its own packets: the last 6 bytes of the IP packet.
 *
 * Six is what TCP over IPv4 leaves in a frame of 64 bytes, so every size can be measured; and the
 * end of the packet is where a tunnel's headers in front of it change nothing. There is the
 * packet's number, and a mark that depends on it and on the run's key, so that strangers' packets
 * and those of another generator are not counted. When the packet left is remembered by its number:
 * see flight.h. */
#ifndef DATAPLANE_PKTGEN_STAMP_H
#define DATAPLANE_PKTGEN_STAMP_H

#include "dataplane/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_stamp {
	be32 sequence;
	be16 mark;
} WIRE;

static_assert(sizeof(struct wire_stamp) == 6, "TCP over IPv4 leaves 6 bytes of 64");

static inline struct wire_stamp
stamp_make(uint32_t sequence, uint16_t key)
{
	struct wire_stamp stamp = {.sequence = be32_from(sequence)};

	stamp.mark = be16_from((uint16_t)(key ^ (sequence >> 16) ^ (sequence * 0x9e37)));
	return stamp;
}

/* Finds the stamp of a run in a frame, which may have a VLAN's tag. Returns false if the packet is
 * not the run's. */
static inline bool
stamp_read(const uint8_t *frame, size_t size, uint16_t key, uint32_t *sequence)
{
	size_t l3 = sizeof(struct wire_ethernet), end;
	struct wire_stamp stamp, wanted;
	be16 type, length;

	if (size < l3 + sizeof(struct wire_ipv6))
		return false;
	memcpy(&type, frame + 12, sizeof(type));
	if (be16_to(type) == 0x8100) {
		memcpy(&type, frame + 16, sizeof(type));
		l3 += 4;
	}
	if (be16_to(type) == ETHER_IPV4) {
		memcpy(&length, frame + l3 + 2, sizeof(length));
		end = l3 + be16_to(length);
	} else if (be16_to(type) == ETHER_IPV6) {
		memcpy(&length, frame + l3 + 4, sizeof(length));
		end = l3 + sizeof(struct wire_ipv6) + be16_to(length);
	} else {
		return false;
	}
	if (end > size || end < l3 + sizeof(struct wire_ipv4) + sizeof(stamp))
		return false;
	memcpy(&stamp, frame + end - sizeof(stamp), sizeof(stamp));
	wanted = stamp_make(be32_to(stamp.sequence), key);
	*sequence = be32_to(stamp.sequence);
	return memcmp(&stamp, &wanted, sizeof(stamp)) == 0;
}

#endif /* DATAPLANE_PKTGEN_STAMP_H */
