/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that have their verdict, as buffers on their way out of a worker. */
#ifndef DATAPLANE_BATCH_H
#define DATAPLANE_BATCH_H

#include "dataplane/packet.h"

#include <rte_mbuf.h>

/* Frames that leave by one port, or for the host. */
struct batch {
	uint16_t n;
	struct rte_mbuf *mbufs[PACKET_BURST_MAX];
	uint8_t verdicts[PACKET_BURST_MAX]; /* enum verdict */
};

/* The core may have moved the frame's start and end. */
static inline struct rte_mbuf *
batch_take_buffer(const struct packet *packet)
{
	struct rte_mbuf *mbuf = packet->buffer;

	mbuf->data_off = (uint16_t)(packet->data - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)packet->size;
	mbuf->pkt_len = packet->size;
	mbuf->port = packet->in_port;
	mbuf->ol_flags = 0;
	return mbuf;
}

static inline void
batch_add(struct batch *batch, const struct packet *packet)
{
	batch->mbufs[batch->n] = batch_take_buffer(packet);
	batch->verdicts[batch->n] = (uint8_t)packet->verdict;
	batch->n++;
}

#endif /* DATAPLANE_BATCH_H */
