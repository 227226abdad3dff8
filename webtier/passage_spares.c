/* SPDX-License-Identifier: BSD-3-Clause */
/* Passages that are over; see passage_spares.h. */
#include "webtier/passage_spares.h"

#include <stdlib.h>

#define SPARES_MAX 256
#define SPARE_BYTES 4096 /* Of each queue of a spare passage: enough for one of usual size. */

static void
drop(struct passage *passage)
{
	byte_queue_fini(&passage->out);
	byte_queue_fini(&passage->in);
	free(passage);
}

struct passage *
passage_spares_take(struct proxy *proxy)
{
	struct passage *passage = proxy->spares;

	if (!passage)
		return calloc(1, sizeof(*passage));
	proxy->spares = passage->next;
	proxy->n_spares--;
	*passage = (struct passage){.out = passage->out, .in = passage->in};
	return passage;
}

void
passage_spares_put(struct passage *passage)
{
	struct proxy *proxy = passage->proxy;

	if (proxy->n_spares == SPARES_MAX) {
		drop(passage);
		return;
	}
	byte_queue_reset(&passage->out, SPARE_BYTES);
	byte_queue_reset(&passage->in, SPARE_BYTES);
	passage->next = proxy->spares;
	proxy->spares = passage;
	proxy->n_spares++;
}

void
passage_spares_free(struct proxy *proxy)
{
	while (proxy->spares) {
		struct passage *next = proxy->spares->next;

		drop(proxy->spares);
		proxy->spares = next;
	}
}
