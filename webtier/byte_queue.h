/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes on their way from one side to the other: appended at the end, consumed from the front.
 *
 * One contiguous buffer that grows on demand, so that what waits can be given to send() or to a
 * response as it is. It sets no limit: who appends looks at byte_queue_size() and stops in time.
 * Belongs to one thread. */
#ifndef WEBTIER_BYTE_QUEUE_H
#define WEBTIER_BYTE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct byte_queue {
	char *bytes;
	size_t capacity;
	size_t start; /* Offset of the first byte that waits. */
	size_t end;   /* Offset behind the last one. */
};

void byte_queue_init(struct byte_queue *queue);
void byte_queue_fini(struct byte_queue *queue);

static inline size_t
byte_queue_size(const struct byte_queue *queue)
{
	return queue->end - queue->start;
}

static inline const char *
byte_queue_data(const struct byte_queue *queue)
{
	return queue->bytes + queue->start;
}

/* Returns false, having appended nothing, if there is no memory. */
bool byte_queue_append(struct byte_queue *queue, const void *data, size_t size);

/* Adds 'size' bytes for the caller to fill in at once. Returns NULL, having added nothing, if there
 * is no memory. */
char *byte_queue_extend(struct byte_queue *queue, size_t size);

/* Appends a NUL-terminated text without its NUL. */
bool byte_queue_append_text(struct byte_queue *queue, const char *text);

/* Forgets the first 'size' bytes, of which there must be as many. */
void byte_queue_consume(struct byte_queue *queue, size_t size);

/* Makes room so that 'size' bytes can be appended in pieces without moving; merely a wish. */
void byte_queue_expect(struct byte_queue *queue, size_t size);

/* Empties the queue and returns what was in it, for free(); NULL if it does not begin where its
 * memory does. */
char *byte_queue_take(struct byte_queue *queue);

/* Forgets everything, and keeps the memory if it is no more than 'kept' bytes. */
void byte_queue_reset(struct byte_queue *queue, size_t kept);

/* Forgets everything and gives the memory back. */
void byte_queue_clear(struct byte_queue *queue);

#endif /* WEBTIER_BYTE_QUEUE_H */
