/* SPDX-License-Identifier: BSD-3-Clause */
/* The frames that a trace is about; see trace.h. */
#ifndef DATAPLANE_TRACE_FRAME_H
#define DATAPLANE_TRACE_FRAME_H

#include "dataplane/trace.h"

#define TRACE_HEADROOM 128
#define TRACE_TAILROOM 128

/* A frame with room around it. */
struct trace_frame {
	uint8_t bytes[TRACE_HEADROOM + 14 + TRACE_SIZE_MAX + TRACE_TAILROOM];
	struct packet packet;
};

/* Builds the question's packet, as 'fragment' (TRACE_WHOLE: all of it), in a frame that comes in by
 * 'port' to its address 'mac'. All fragments of a question are of one packet. */
void trace_frame_build(struct trace_frame *frame, const struct trace_question *question,
	enum trace_fragment fragment, uint16_t port, const uint8_t mac[static 6]);

#endif /* DATAPLANE_TRACE_FRAME_H */
