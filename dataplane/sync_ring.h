/* SPDX-License-Identifier: BSD-3-Clause */
/* News of flows on their way from a worker to the main thread: a ring that one thread fills and one
 * empties.
 *
 * An event names its flow and says no more of it: what there is to tell is looked up in the
 * worker's table when the event is taken out, so several in a row about one flow all tell the
 * newest. */
#ifndef DATAPLANE_SYNC_RING_H
#define DATAPLANE_SYNC_RING_H

#include "dataplane/flow_table.h"

#include <stdbool.h>
#include <stdint.h>

#define SYNC_RING_SLOTS 4096u /* A power of two. */

struct sync_event {
	struct flow_key key; /* Of the first entry. */
	bool gone;           /* Whatever there is under that key, it is another flow. */
	uint8_t reserved[7];
};

static_assert(sizeof(struct sync_event) == 32, "two in a cache line");

/* Both count on and on. */
struct sync_ring {
	_Alignas(64) uint32_t tail; /* worker: writes, main: reads; atomic. */
	_Alignas(64) uint32_t head; /* main: writes, worker: reads; atomic. */
	_Alignas(64) struct sync_event events[SYNC_RING_SLOTS];
};

/* How many events still fit. Worker only. */
static inline uint32_t
sync_ring_room(const struct sync_ring *ring)
{
	return SYNC_RING_SLOTS - (ring->tail - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
}

/* Puts the event in. Returns false if there is no room. Worker only. */
static inline bool
sync_ring_put(struct sync_ring *ring, const struct sync_event *event)
{
	if (sync_ring_room(ring) == 0)
		return false;
	ring->events[ring->tail % SYNC_RING_SLOTS] = *event;
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* The event that is next, or NULL; it stays there until sync_ring_drop(). Main thread only. */
static inline const struct sync_event *
sync_ring_next(const struct sync_ring *ring)
{
	if (ring->head == __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE))
		return NULL;
	return &ring->events[ring->head % SYNC_RING_SLOTS];
}

/* Takes the event out that is next. Main thread only. */
static inline void
sync_ring_drop(struct sync_ring *ring)
{
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/* Where the next event will be put, as a number for sync_ring_is_past(). Main thread only. */
static inline uint32_t
sync_ring_end(const struct sync_ring *ring)
{
	return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}

/* Whether all events before 'end' have been taken out. Main thread only. */
static inline bool
sync_ring_is_past(const struct sync_ring *ring, uint32_t end)
{
	return (int32_t)(ring->head - end) >= 0;
}

#endif /* DATAPLANE_SYNC_RING_H */
