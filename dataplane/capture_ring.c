/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring of captured frames; see capture_ring.h. */
#include "dataplane/capture_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILLER UINT32_MAX /* As a record's size. */

static_assert(sizeof(struct capture_record) % 8 == 0, "records stay aligned");

int
capture_ring_init(struct capture_ring *ring, uint32_t capacity)
{
	*ring = (struct capture_ring){.capacity = capacity};
	ring->bytes = aligned_alloc(64, capacity);
	return ring->bytes ? 0 : -ENOMEM;
}

void
capture_ring_fini(struct capture_ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

/* Bytes of a record with what follows it. */
static uint32_t
whole(uint32_t size)
{
	return (uint32_t)sizeof(struct capture_record) + (size + 7) / 8 * 8;
}

static uint32_t
left_before_end(const struct capture_ring *ring, uint64_t position)
{
	return ring->capacity - (uint32_t)(position & (ring->capacity - 1));
}

bool
capture_ring_put(
	struct capture_ring *ring, const struct capture_record *record, const uint8_t *bytes)
{
	uint64_t read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
	uint64_t at = ring->written;
	uint32_t left = left_before_end(ring, at), size = whole(record->size);
	uint8_t *place = ring->bytes + ring->capacity - left;

	if (ring->capacity - (at - read) < (left < size ? left + size : size))
		return false;
	if (left < size) {
		/* What is left has room for a header or, being a multiple of 8, for its size. */
		if (left >= sizeof(*record))
			((struct capture_record *)(void *)place)->size = FILLER;
		at += left;
		place = ring->bytes;
	}
	memcpy(place, record, sizeof(*record));
	memcpy(place + sizeof(*record), bytes, record->size);
	__atomic_store_n(&ring->written, at + size, __ATOMIC_RELEASE);
	return true;
}

/* Where the oldest record is, behind a filler. */
static uint64_t
position(const struct capture_ring *ring)
{
	uint32_t left = left_before_end(ring, ring->read);
	const struct capture_record *record = (const void *)(ring->bytes + ring->capacity - left);

	if (left < sizeof(*record) || record->size == FILLER)
		return ring->read + left;
	return ring->read;
}

const struct capture_record *
capture_ring_peek(const struct capture_ring *ring)
{
	if (__atomic_load_n(&ring->written, __ATOMIC_ACQUIRE) == ring->read)
		return NULL;
	return (const void *)(ring->bytes + (position(ring) & (ring->capacity - 1)));
}

void
capture_ring_drop(struct capture_ring *ring)
{
	uint64_t at = position(ring);
	const struct capture_record *record =
		(const void *)(ring->bytes + (at & (ring->capacity - 1)));

	__atomic_store_n(&ring->read, at + whole(record->size), __ATOMIC_RELEASE);
}
