/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session of flow sync has to say to its peer: messages in their order, each kept until it
 * is acknowledged.
 *
 * Messages have sequence numbers from 1 on. The first SYNC_WINDOW of those not acknowledged are
 * under way and sent again when their time has come; the last one is open for more records until it
 * is sent. No I/O, no clock. */
#ifndef DATAPLANE_SYNC_QUEUE_H
#define DATAPLANE_SYNC_QUEUE_H

#include "dataplane/sync_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYNC_QUEUE 1024                    /* Messages that wait for the peer; a power of two. */
#define SYNC_RTO_MIN_NS UINT64_C(20000000) /* Doubles with every try ... */
#define SYNC_RTO_MAX_NS UINT64_C(1000000000)

struct sync_outgoing {
	uint8_t body[SYNC_BODY_MAX];
	uint16_t size;
	uint16_t n_sent; /* 0: not yet. */
	bool acked;
	uint64_t sent_ns;
};

struct sync_queue {
	uint64_t first;                 /* The first message not acknowledged ... */
	uint64_t next;                  /* ... and the one behind the last. */
	struct sync_outgoing *messages; /* SYNC_QUEUE, by sequence number. */
};

/* Returns 0 and an empty queue, or -ENOMEM. */
int sync_queue_init(struct sync_queue *queue);
void sync_queue_fini(struct sync_queue *queue);

/* Forgets all messages; numbers begin anew. */
void sync_queue_reset(struct sync_queue *queue);

/* How many messages wait, those under way counted. */
size_t sync_queue_length(const struct sync_queue *queue);

/* Appends a record. Returns false if there is no room. */
bool sync_queue_put(struct sync_queue *queue, const struct sync_record *record);

/* The next message that is due from '*sequence' on, now noted as sent, and its number there; NULL:
 * there is none. Begin with 0. */
const struct sync_outgoing *sync_queue_send(
	struct sync_queue *queue, uint64_t *sequence, uint64_t now_ns);

/* When one is due; UINT64_MAX: none. */
uint64_t sync_queue_deadline(const struct sync_queue *queue);

/* Takes an acknowledgement: up to 'ack', and of those behind it what has a bit in 'later'. Returns
 * false, and does nothing, if that was not all sent. */
bool sync_queue_acknowledge(struct sync_queue *queue, uint64_t ack, uint64_t later);

#endif /* DATAPLANE_SYNC_QUEUE_H */
