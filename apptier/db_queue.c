/* SPDX-License-Identifier: BSD-3-Clause */
/* Those who wait for a connection; see db_queue.h. */
#include "apptier/db_queue.h"

void
db_queue_add(struct db_queue *queue, struct db_lease *lease, uint64_t now_ns)
{
	lease->next = NULL;
	lease->queued = true;
	lease->queued_ns = now_ns;
	if (queue->last)
		queue->last->next = lease;
	else
		queue->first = lease;
	queue->last = lease;
	queue->n++;
}

void
db_queue_remove(struct db_queue *queue, struct db_lease *lease)
{
	struct db_lease **link = &queue->first, *previous = NULL;

	while (*link != lease) {
		previous = *link;
		link = &previous->next;
	}
	*link = lease->next;
	if (queue->last == lease)
		queue->last = previous;
	lease->queued = false;
	queue->n--;
}
