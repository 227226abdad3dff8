/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: requests of one worker that wait until an app node may have one more. First
 * come, first served; who has waited too long is sent away. */
#ifndef WEBTIER_PASSAGE_QUEUE_H
#define WEBTIER_PASSAGE_QUEUE_H

#include "common/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct passage;
struct passage_queue;
struct proxy;

/* Returns 0 or -ENOMEM. 'proxy' outlives the queue. */
int passage_queue_new(struct passage_queue **out, uv_loop_t *loop, struct proxy *proxy,
	const struct circuit_config *config);

/* Nobody may wait any more. Memory goes when the loop has run. NULL is allowed. */
void passage_queue_free(struct passage_queue *queue);

/* Returns false if too many wait already. */
bool passage_queue_add(struct passage_queue *queue, struct passage *passage);
void passage_queue_remove(struct passage_queue *queue, struct passage *passage);

/* A node may have room: those who wait get their turn, from the loop. */
void passage_queue_serve(struct passage_queue *queue);

bool passage_queue_is_empty(const struct passage_queue *queue);
size_t passage_queue_size(const struct passage_queue *queue);

#endif /* WEBTIER_PASSAGE_QUEUE_H */
