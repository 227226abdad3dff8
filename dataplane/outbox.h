/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that the packet core sends besides those that it was given: one for a packet at most. The
 * edge sends them after each run, before the next one begins with an empty outbox. */
#ifndef DATAPLANE_OUTBOX_H
#define DATAPLANE_OUTBOX_H

#include "dataplane/packet.h"

/* Ethernet, IPv6, TCP with 40 bytes of options, PROXY header of IPv6. */
#define OUTBOX_FRAME_MAX (14 + 40 + 60 + 52)

struct outbox_frame {
	uint16_t out_port; /* Index into the port table. */
	uint16_t size;
	uint8_t bytes[OUTBOX_FRAME_MAX];
};

struct outbox {
	unsigned int n;
	struct outbox_frame frames[PACKET_BURST_MAX];
};

#endif /* DATAPLANE_OUTBOX_H */
