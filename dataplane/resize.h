/* SPDX-License-Identifier: BSD-3-Clause */
/* Making the payload or the upper layer's header of a TCP or UDP packet longer or shorter. The IP
 * header is kept right; what a change adds to the upper layer's checksum is returned as a delta
 * (patch.h), for the caller to carry along with its own changes. */
#ifndef DATAPLANE_RESIZE_H
#define DATAPLANE_RESIZE_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"

/* Opens a gap of 'size' bytes at offset 'at' of the frame, an even number of bytes behind the IP
 * headers, by moving what is before it into the headroom, which has that much. Offsets before the
 * gap stay; the bytes in it count as zero until the caller writes them and adds their delta. */
uint32_t resize_open(
	struct packet *packet, const struct parsed *parsed, uint32_t at, uint32_t size);

/* Takes off all of the packet from offset 'at' on, an even number of bytes behind the IP headers,
 * and the frame's padding. */
uint32_t resize_cut(struct packet *packet, const struct parsed *parsed, uint32_t at);

#endif /* DATAPLANE_RESIZE_H */
