/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets on their way from the worker that received them to the one that has their flow.
 *
 * Every worker has a ring, which all others fill and it alone empties. What does not fit is given
 * back to be counted and dropped: a worker never waits for another. A worker that sleeps is woken;
 * one that runs finds its ring with its next poll. */
#ifndef DATAPLANE_HANDOVER_H
#define DATAPLANE_HANDOVER_H

#include "dataplane/packet.h"

#include <stdbool.h>

#define HANDOVER_SLOTS 1024 /* Packets on their way to one worker. */

struct handover;
struct rte_mbuf;

/* Makes worker 'index' its end, with memory of 'socket'. It wakes up when 'wake_fd' is written to.
 * Returns 0 or -ENOMEM. */
int handover_new(struct handover **out, unsigned int index, int socket, int wake_fd);

/* With the packets that are in the ring. NULL is allowed. No worker may run. */
void handover_free(struct handover *handover);

/* Puts a packet with V_STEER aside for its owner. Worker only. */
void handover_add(struct handover *handover, const struct packet *packet);

/* Sends off what was put aside. 'all' are the ends of all workers by index. Puts those into
 * 'refused' that found no room, at most PACKET_BURST_MAX as no more are ever put aside, and returns
 * how many. Worker only. */
unsigned int handover_flush(
	struct handover *handover, struct handover *const *all, struct rte_mbuf **refused);

/* Takes what others have sent, at most PACKET_BURST_MAX, as packets for pipeline_take(). Returns
 * how many. Worker only. */
unsigned int handover_take(struct handover *handover, struct packet *packets);

/* Before and after a sleep. After the first, a last look must be had with handover_is_empty():
 * what comes later wakes the worker. Worker only. */
void handover_sleep(struct handover *handover);
void handover_awake(struct handover *handover);
bool handover_is_empty(const struct handover *handover);

#endif /* DATAPLANE_HANDOVER_H */
