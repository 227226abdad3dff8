/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that wait for a node; see passage_queue.h. */
#include "webtier/passage_queue.h"

#include "common/clock.h"
#include "webtier/passage_spares.h"

#include <errno.h>
#include <stdlib.h>

TAILQ_HEAD(passages, passage);

struct passage_queue {
	struct proxy *proxy;
	uv_loop_t *loop;
	uv_timer_t timer; /* When the first has waited long enough, or at once. */
	uv_timer_cb on_timer;
	struct passages passages;
	size_t n;
	size_t n_max;
	uint32_t wait_ms;
};

static void
set_timer(struct passage_queue *queue)
{
	const struct passage *first = TAILQ_FIRST(&queue->passages);
	uint64_t now_ms = uv_now(queue->loop);

	if (!first)
		uv_timer_stop(&queue->timer);
	else
		uv_timer_start(&queue->timer, queue->on_timer,
			first->waits_until_ms > now_ms ? first->waits_until_ms - now_ms : 0, 0);
}

/* Whether the first one need not wait any more: a node has room, or none may be used at all. */
static bool
is_served(const struct passage_queue *queue)
{
	struct proxy *proxy = queue->proxy;
	const struct passage *first = TAILQ_FIRST(&queue->passages);

	return balance_choose(&proxy->balance, first->node, clock_now_ns()) != BALANCE_FULL;
}

static void
on_timer(uv_timer_t *timer)
{
	struct passage_queue *queue = timer->data;
	struct passage *passage;

	while ((passage = TAILQ_FIRST(&queue->passages)) != NULL) {
		bool is_late = uv_now(queue->loop) >= passage->waits_until_ms;

		if (!is_late && !is_served(queue))
			break;
		passage_queue_remove(queue, passage);
		passage_go_on(passage, is_late);
	}
	set_timer(queue);
}

int
passage_queue_new(struct passage_queue **out, uv_loop_t *loop, struct proxy *proxy,
	const struct circuit_config *config)
{
	struct passage_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->proxy = proxy;
	queue->loop = loop;
	queue->on_timer = on_timer;
	queue->n_max = config->max_waiting;
	queue->wait_ms = config->wait_ms;
	TAILQ_INIT(&queue->passages);
	uv_timer_init(loop, &queue->timer);
	queue->timer.data = queue;
	*out = queue;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
passage_queue_free(struct passage_queue *queue)
{
	if (queue)
		uv_close((uv_handle_t *)&queue->timer, on_closed);
}

bool
passage_queue_add(struct passage_queue *queue, struct passage *passage)
{
	if (queue->n >= queue->n_max)
		return false;
	passage->is_waiting = true;
	passage->waits_until_ms = uv_now(queue->loop) + queue->wait_ms;
	TAILQ_INSERT_TAIL(&queue->passages, passage, in_waiting);
	queue->n++;
	if (queue->n == 1)
		set_timer(queue);
	return true;
}

void
passage_queue_remove(struct passage_queue *queue, struct passage *passage)
{
	TAILQ_REMOVE(&queue->passages, passage, in_waiting);
	passage->is_waiting = false;
	queue->n--;
}

void
passage_queue_serve(struct passage_queue *queue)
{
	if (queue->n > 0)
		uv_timer_start(&queue->timer, queue->on_timer, 0, 0);
}

bool
passage_queue_is_empty(const struct passage_queue *queue)
{
	return queue->n == 0;
}

size_t
passage_queue_size(const struct passage_queue *queue)
{
	return queue->n;
}
