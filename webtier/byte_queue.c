/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that wait; see byte_queue.h. */
#include "webtier/byte_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024

void
byte_queue_init(struct byte_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
}

void
byte_queue_fini(struct byte_queue *queue)
{
	free(queue->bytes);
	byte_queue_init(queue);
}

/* Makes room for 'size' more bytes behind the end, by moving what waits to the front if that is
 * enough. Moving happens only when at least half of the buffer is free in front, so that each byte
 * is moved at most once on average. */
static bool
make_room(struct byte_queue *queue, size_t size)
{
	size_t waiting = byte_queue_size(queue);
	size_t capacity = queue->capacity ? queue->capacity : FIRST_CAPACITY;
	char *grown;

	if (queue->capacity - queue->end >= size)
		return true;
	if (queue->start >= queue->capacity / 2 && queue->capacity - waiting >= size) {
		memmove(queue->bytes, queue->bytes + queue->start, waiting);
		queue->start = 0;
		queue->end = waiting;
		return true;
	}
	while (capacity < queue->end + size)
		capacity *= 2;
	grown = realloc(queue->bytes, capacity);
	if (!grown)
		return false;
	queue->bytes = grown;
	queue->capacity = capacity;
	return true;
}

bool
byte_queue_append(struct byte_queue *queue, const void *data, size_t size)
{
	if (size == 0)
		return true;
	if (!make_room(queue, size))
		return false;
	memcpy(queue->bytes + queue->end, data, size);
	queue->end += size;
	return true;
}

char *
byte_queue_extend(struct byte_queue *queue, size_t size)
{
	char *added;

	if (!make_room(queue, size))
		return NULL;
	added = queue->bytes + queue->end;
	queue->end += size;
	return added;
}

void
byte_queue_expect(struct byte_queue *queue, size_t size)
{
	char *grown;

	if (queue->capacity - queue->end >= size)
		return;
	grown = realloc(queue->bytes, queue->end + size);
	if (!grown)
		return;
	queue->bytes = grown;
	queue->capacity = queue->end + size;
}

char *
byte_queue_take(struct byte_queue *queue)
{
	char *taken = queue->bytes;

	if (queue->start > 0)
		return NULL;
	byte_queue_init(queue);
	return taken;
}

bool
byte_queue_append_text(struct byte_queue *queue, const char *text)
{
	return byte_queue_append(queue, text, strlen(text));
}

void
byte_queue_consume(struct byte_queue *queue, size_t size)
{
	assert(size <= byte_queue_size(queue));
	queue->start += size;
	if (queue->start == queue->end) {
		queue->start = 0;
		queue->end = 0;
	}
}

void
byte_queue_reset(struct byte_queue *queue, size_t kept)
{
	if (queue->capacity > kept)
		byte_queue_fini(queue);
	queue->start = 0;
	queue->end = 0;
}

void
byte_queue_clear(struct byte_queue *queue)
{
	byte_queue_fini(queue);
}
