/* SPDX-License-Identifier: BSD-3-Clause */
/* Hits not stored yet; see count_buffer.h.
 *
 * Entries wait in a ring, oldest first; an entry's ticket is its number since the start, and its
 * place ticket % capacity. A hash table of twice the ring's size (linear probing, deletion by
 * shifting back) finds the entry of a code and a day. */
#include "apptier/shortener/count_buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct count_buffer {
	struct count_entry *ring;
	uint64_t *slots; /* Tickets by hash; 0: empty. */
	size_t capacity; /* Of the ring; a power of two. */
	uint64_t first;  /* Ticket of the oldest waiting entry. */
	uint64_t next;   /* Ticket of the next new entry. */
	uint64_t pending;
	uint64_t sequence; /* Of the last entry that joined a batch. */
	struct count_entry batch[COUNT_BATCH_MAX];
	size_t n_batch;
};

/* FNV-1a: the codes are our own random ones or 404s, so nobody gains by collisions. */
static uint64_t
hash(const char *code, uint32_t day)
{
	uint64_t value = (UINT64_C(0xcbf29ce484222325) ^ day) * UINT64_C(0x100000001b3);

	for (; *code; code++)
		value = (value ^ (unsigned char)*code) * UINT64_C(0x100000001b3);
	return value ^ value >> 32;
}

static struct count_entry *
entry_of(const struct count_buffer *buffer, uint64_t ticket)
{
	return &buffer->ring[ticket & (buffer->capacity - 1)];
}

static size_t
slot_mask(const struct count_buffer *buffer)
{
	return buffer->capacity * 2 - 1;
}

static bool
is_of(const struct count_entry *entry, const char *code, uint32_t day)
{
	return entry->day == day && strcmp(entry->code, code) == 0;
}

/* The slot that holds 'code' on 'day', or the empty one where it belongs. */
static size_t
find_slot(const struct count_buffer *buffer, const char *code, uint32_t day)
{
	size_t mask = slot_mask(buffer);
	size_t at = hash(code, day) & mask;

	while (buffer->slots[at] && !is_of(entry_of(buffer, buffer->slots[at]), code, day))
		at = (at + 1) & mask;
	return at;
}

/* Empties slot 'hole' and moves up what probed past it. */
static void
remove_slot(struct count_buffer *buffer, size_t hole)
{
	size_t mask = slot_mask(buffer);

	for (size_t at = (hole + 1) & mask; buffer->slots[at]; at = (at + 1) & mask) {
		const struct count_entry *entry = entry_of(buffer, buffer->slots[at]);
		size_t home = hash(entry->code, entry->day) & mask;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue; /* It sits between its home and itself without crossing the hole.
				   */
		buffer->slots[hole] = buffer->slots[at];
		hole = at;
	}
	buffer->slots[hole] = 0;
}

static int
by_code(const void *a, const void *b)
{
	const struct count_entry *one = a, *other = b;
	int order = strcmp(one->code, other->code);

	return order ? order : (one->day > other->day) - (one->day < other->day);
}

int
count_buffer_new(struct count_buffer **out, size_t n_entries)
{
	struct count_buffer *buffer = calloc(1, sizeof(*buffer));
	size_t capacity = 1;

	assert(n_entries > 0);
	if (!buffer)
		return -ENOMEM;
	while (capacity < n_entries)
		capacity *= 2;
	buffer->capacity = capacity;
	buffer->first = buffer->next = 1;
	buffer->ring = calloc(capacity, sizeof(*buffer->ring));
	buffer->slots = calloc(capacity * 2, sizeof(*buffer->slots));
	if (!buffer->ring || !buffer->slots) {
		count_buffer_free(buffer);
		return -ENOMEM;
	}
	*out = buffer;
	return 0;
}

void
count_buffer_free(struct count_buffer *buffer)
{
	if (!buffer)
		return;
	free(buffer->ring);
	free(buffer->slots);
	free(buffer);
}

uint64_t
count_buffer_add(struct count_buffer *buffer, const char *code, uint32_t day)
{
	size_t slot;
	uint64_t ticket;

	assert(strlen(code) <= LINK_CODE_MAX);
	slot = find_slot(buffer, code, day);
	ticket = buffer->slots[slot];
	if (!ticket) {
		struct count_entry *entry = entry_of(buffer, buffer->next);

		if (buffer->next - buffer->first == buffer->capacity)
			return 0;
		ticket = buffer->next++;
		buffer->slots[slot] = ticket;
		snprintf(entry->code, sizeof(entry->code), "%s", code);
		entry->day = day;
		entry->n_hits = 0;
	}
	entry_of(buffer, ticket)->n_hits++;
	buffer->pending++;
	return ticket;
}

size_t
count_buffer_take(struct count_buffer *buffer, const struct count_entry **batch)
{
	*batch = buffer->batch;
	if (buffer->n_batch > 0)
		return buffer->n_batch;
	while (buffer->n_batch < COUNT_BATCH_MAX && buffer->first < buffer->next) {
		struct count_entry *entry = entry_of(buffer, buffer->first);

		remove_slot(buffer, find_slot(buffer, entry->code, entry->day));
		buffer->first++;
		buffer->batch[buffer->n_batch++] = *entry;
	}
	qsort(buffer->batch, buffer->n_batch, sizeof(buffer->batch[0]), by_code);
	/* Numbered in the order in which they will be stored: the database keeps only the last. */
	for (size_t i = 0; i < buffer->n_batch; i++)
		buffer->batch[i].sequence = ++buffer->sequence;
	return buffer->n_batch;
}

uint64_t
count_buffer_done(struct count_buffer *buffer)
{
	for (size_t i = 0; i < buffer->n_batch; i++)
		buffer->pending -= buffer->batch[i].n_hits;
	buffer->n_batch = 0;
	return buffer->first - 1;
}

uint64_t
count_buffer_pending(const struct count_buffer *buffer)
{
	return buffer->pending;
}
