/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of records of different sizes, from one writer to one reader; neither waits. A record lies
 * in one piece: where it would not fit before the end, a filler takes the rest. */
#ifndef DATAPLANE_CAPTURE_RING_H
#define DATAPLANE_CAPTURE_RING_H

#include "dataplane/capture.h"

struct capture_ring {
	uint8_t *bytes;
	uint32_t capacity; /* A power of two. */
	uint64_t written;  /* writer: writes (release), reader: reads. Counts bytes for ever. */
	uint64_t read;     /* reader: writes (release), writer: reads. */
};

/* Returns 0 or -ENOMEM. 'capacity' is a power of two. */
int capture_ring_init(struct capture_ring *ring, uint32_t capacity);
void capture_ring_fini(struct capture_ring *ring);

/* Puts in a copy of 'record' and its bytes. Returns false if there is no room. */
bool capture_ring_put(
	struct capture_ring *ring, const struct capture_record *record, const uint8_t *bytes);

/* The oldest record, or NULL. */
const struct capture_record *capture_ring_peek(const struct capture_ring *ring);

/* Removes what capture_ring_peek() returned. */
void capture_ring_drop(struct capture_ring *ring);

#endif /* DATAPLANE_CAPTURE_RING_H */
