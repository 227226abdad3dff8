/* SPDX-License-Identifier: BSD-3-Clause */
/* The last transitions; see history.h. */
#include "controlplane/history.h"

#include <assert.h>

struct transition *
history_add(struct history *history)
{
	return &history->transitions[history->n++ % HISTORY_MAX];
}

size_t
history_n(const struct history *history)
{
	return history->n < HISTORY_MAX ? (size_t)history->n : HISTORY_MAX;
}

const struct transition *
history_at(const struct history *history, size_t i)
{
	assert(i < history_n(history));
	return &history->transitions[(history->n - history_n(history) + i) % HISTORY_MAX];
}
