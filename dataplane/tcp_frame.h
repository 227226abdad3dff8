/* SPDX-License-Identifier: BSD-3-Clause */
/* Building whole frames with a TCP segment, for the segments that the dataplane sends by itself. */
#ifndef DATAPLANE_TCP_FRAME_H
#define DATAPLANE_TCP_FRAME_H

#include "common/addr.h"
#include "dataplane/packet.h"
#include "dataplane/wire.h"

#include <stddef.h>

struct tcp_frame {
	uint8_t destination_mac[6];
	uint8_t source_mac[6];
	struct addr source; /* Both of one family. */
	struct addr destination;
	be16 source_port;
	be16 destination_port;
	uint32_t sequence;
	uint32_t acknowledgment;
	uint8_t flags;
	uint16_t window;
	const uint8_t *options; /* A multiple of 4 bytes. */
	size_t n_options;
	const uint8_t *data;
	size_t n_data;
};

/* How many bytes it has. */
size_t tcp_frame_size(const struct tcp_frame *frame);

/* Writes it to 'out'; returns tcp_frame_size(). Options and data must lie elsewhere. */
size_t tcp_frame_write(uint8_t *out, const struct tcp_frame *frame);

/* Puts it in the place of 'packet'. Returns false if there is no room for it. */
bool tcp_frame_replace(struct packet *packet, const struct tcp_frame *frame);

#endif /* DATAPLANE_TCP_FRAME_H */
