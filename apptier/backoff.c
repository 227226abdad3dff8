/* SPDX-License-Identifier: BSD-3-Clause */
/* Back-off with jitter; see backoff.h. */
#include "apptier/backoff.h"

#include <assert.h>

void
backoff_init(struct backoff *backoff, uint32_t min_ms, uint32_t max_ms)
{
	assert(min_ms > 0 && min_ms <= max_ms);
	*backoff = (struct backoff){.min_ms = min_ms, .max_ms = max_ms};
}

uint32_t
backoff_fail(struct backoff *backoff, uint32_t random)
{
	uint32_t wait_ms = backoff->next_ms ? backoff->next_ms : backoff->min_ms;

	backoff->next_ms = wait_ms > backoff->max_ms / 2 ? backoff->max_ms : wait_ms * 2;
	return wait_ms - random % (wait_ms / 2 + 1);
}

void
backoff_reset(struct backoff *backoff)
{
	backoff->next_ms = 0;
}
