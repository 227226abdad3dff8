/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages for the peer; see sync_queue.h. */
#include "dataplane/sync_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SYNC_RTO_DOUBLINGS 6

static struct sync_outgoing *
message_at(const struct sync_queue *queue, uint64_t sequence)
{
	return &queue->messages[sequence % SYNC_QUEUE];
}

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
window_end(const struct sync_queue *queue)
{
	return min_u64(queue->next, queue->first + SYNC_WINDOW);
}

/* When the message is to be sent. */
static uint64_t
due_ns(const struct sync_outgoing *message)
{
	unsigned int doublings = message->n_sent - 1u;

	if (message->n_sent == 0)
		return 0;
	if (doublings > SYNC_RTO_DOUBLINGS)
		doublings = SYNC_RTO_DOUBLINGS;
	return message->sent_ns + min_u64(SYNC_RTO_MIN_NS << doublings, SYNC_RTO_MAX_NS);
}

int
sync_queue_init(struct sync_queue *queue)
{
	queue->messages = calloc(SYNC_QUEUE, sizeof(*queue->messages));
	sync_queue_reset(queue);
	return queue->messages ? 0 : -ENOMEM;
}

void
sync_queue_fini(struct sync_queue *queue)
{
	free(queue->messages);
	queue->messages = NULL;
}

void
sync_queue_reset(struct sync_queue *queue)
{
	queue->first = queue->next = 1;
}

size_t
sync_queue_length(const struct sync_queue *queue)
{
	return (size_t)(queue->next - queue->first);
}

bool
sync_queue_put(struct sync_queue *queue, const struct sync_record *record)
{
	struct sync_outgoing *last = message_at(queue, queue->next - 1);
	bool is_open = queue->next > queue->first && last->n_sent == 0;
	size_t size = 0;

	if (is_open)
		size = sync_record_write(record, last->body, last->size, SYNC_BODY_MAX);
	if (size == 0 && sync_queue_length(queue) < SYNC_QUEUE) {
		last = message_at(queue, queue->next++);
		last->n_sent = 0;
		last->acked = false;
		size = sync_record_write(record, last->body, 0, SYNC_BODY_MAX);
		assert(size > 0);
	}
	if (size > 0)
		last->size = (uint16_t)size;
	return size > 0;
}

const struct sync_outgoing *
sync_queue_send(struct sync_queue *queue, uint64_t *sequence, uint64_t now_ns)
{
	uint64_t end = window_end(queue);

	if (*sequence < queue->first)
		*sequence = queue->first;
	for (; *sequence < end; ++*sequence) {
		struct sync_outgoing *message = message_at(queue, *sequence);

		if (message->acked || now_ns < due_ns(message))
			continue;
		if (message->n_sent < UINT16_MAX)
			message->n_sent++;
		message->sent_ns = now_ns;
		return message;
	}
	return NULL;
}

uint64_t
sync_queue_deadline(const struct sync_queue *queue)
{
	uint64_t end = window_end(queue), deadline = UINT64_MAX;

	for (uint64_t sequence = queue->first; sequence < end; sequence++)
		if (!message_at(queue, sequence)->acked)
			deadline = min_u64(deadline, due_ns(message_at(queue, sequence)));
	return deadline;
}

bool
sync_queue_acknowledge(struct sync_queue *queue, uint64_t ack, uint64_t later)
{
	uint64_t end = window_end(queue), sent = queue->first - 1;

	while (sent + 1 < end && message_at(queue, sent + 1)->n_sent > 0)
		sent++;
	if (ack > sent)
		return false;
	for (uint64_t sequence = queue->first; sequence < end; sequence++) {
		uint64_t ahead = sequence - ack - 1;

		if (sequence <= ack || (ahead < SYNC_WINDOW && (later >> ahead & 1)))
			message_at(queue, sequence)->acked = true;
	}
	while (queue->first < end && message_at(queue, queue->first)->acked)
		queue->first++;
	return true;
}
