/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame in place, as edge and packet core hand it to each other.
 *
 * The edge fills everything above 'verdict' from its own buffer and, after pipeline_run(), does
 * what the verdict says: V_FORWARD, V_RETURN and the V_REPLYs leave by 'out_port', V_HOST goes to
 * the host's kernel behind 'in_port', V_HOLD: the buffer is the core's until pipeline_release()
 * gives it back, V_STEER: it is to be handed to the worker 'owner'; all others are dropped. The
 * core may rewrite the bytes and move 'data' and 'size' within headroom and tailroom. */
#ifndef DATAPLANE_PACKET_H
#define DATAPLANE_PACKET_H

#include "dataplane/verdict.h"

#include <stdint.h>

#define PACKET_BURST_MAX 32

/* Bits of packet.flags */
#define PACKET_CHECKSUM_GOOD 0x01 /* The port has verified the IPv4 header checksum. */
#define PACKET_WAS_HELD 0x02      /* Set by the core: held once, which is enough. */
#define PACKET_STEERED 0x04       /* Another worker has received it and handed it over. */

struct packet {
	uint8_t *data;     /* Ethernet header first. */
	uint32_t size;     /* Bytes from 'data' on, all contiguous, without the FCS. */
	uint16_t headroom; /* Bytes before 'data' that may be used. */
	uint16_t tailroom; /* Bytes behind the frame that may be used. */
	uint16_t in_port;  /* Index into the port table. */
	uint16_t out_port; /* Set where verdict_leaves(). */
	uint32_t flags;
	enum verdict verdict; /* Set by the core. */
	uint16_t backend;     /* Id of the one that a service's packet was meant for; 0: none. */
	uint16_t owner;       /* Set with V_STEER: the worker that decides about it. */
	void *buffer;         /* The edge's own, not looked at. */
};

#endif /* DATAPLANE_PACKET_H */
