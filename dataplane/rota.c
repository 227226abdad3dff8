/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of weighted round robin; see rota.h.
 *
 * Backends wait in a calendar, one list for each turn, for the turn from which they may go, and
 * then in a heap with the one that must go first on top: a turn costs the logarithm of the number
 * of backends. */
#include "dataplane/rota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

struct waiter {
	uint32_t share; /* Turns in a round. */
	uint32_t n_taken;
	uint32_t next; /* In the list of a turn. */
};

/* One build. */
struct draft {
	struct waiter *waiters;
	uint32_t *calendar; /* First of each turn's list. */
	uint32_t *heap;     /* Indices of waiters. */
	uint32_t n_heap;
};

static uint32_t
common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Shares of the members; returns their sum. */
static uint32_t
divide(struct waiter *waiters, const struct maglev_member *members, uint32_t n_members)
{
	uint32_t common = 0;
	uint64_t sum = 0;
	uint32_t size = 0;

	for (uint32_t i = 0; i < n_members; i++) {
		common = common_divisor(members[i].weight, common);
		sum += members[i].weight;
	}
	sum /= common;
	for (uint32_t i = 0; i < n_members; i++) {
		uint64_t share = members[i].weight / common;

		if (sum > ROTA_SIZE_MAX)
			share = share * ROTA_SIZE_MAX / sum;
		waiters[i].share = share > 0 ? (uint32_t)share : 1;
		size += waiters[i].share;
	}
	return size;
}

static bool
goes_before(const struct draft *draft, uint32_t a, uint32_t b)
{
	const struct waiter *x = &draft->waiters[a];
	const struct waiter *y = &draft->waiters[b];
	uint64_t due_x = (uint64_t)(x->n_taken + 1) * y->share;
	uint64_t due_y = (uint64_t)(y->n_taken + 1) * x->share;

	return due_x != due_y ? due_x < due_y : a < b;
}

static void
push(struct draft *draft, uint32_t waiter)
{
	uint32_t at = draft->n_heap++;

	for (; at > 0 && goes_before(draft, waiter, draft->heap[(at - 1) / 2]); at = (at - 1) / 2)
		draft->heap[at] = draft->heap[(at - 1) / 2];
	draft->heap[at] = waiter;
}

static uint32_t
pop(struct draft *draft)
{
	uint32_t top = draft->heap[0];
	uint32_t last = draft->heap[--draft->n_heap];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < draft->n_heap &&
			goes_before(draft, draft->heap[child + 1], draft->heap[child]))
			child++;
		if (child >= draft->n_heap || !goes_before(draft, draft->heap[child], last))
			break;
		draft->heap[at] = draft->heap[child];
		at = child;
	}
	draft->heap[at] = last;
	return top;
}

static void
fill(struct rota *rota, struct draft *draft, const struct maglev_member *members,
	uint32_t n_members)
{
	for (uint32_t i = 0; i < n_members; i++)
		push(draft, i);
	for (uint32_t turn = 0; turn < rota->size; turn++) {
		struct waiter *waiter;
		uint32_t i;
		uint64_t again;

		for (i = draft->calendar[turn]; i != NOBODY; i = draft->waiters[i].next)
			push(draft, i);
		i = pop(draft);
		rota->entries[turn] = members[i].id;
		waiter = &draft->waiters[i];
		waiter->n_taken++;
		again = ((uint64_t)waiter->n_taken * rota->size + waiter->share - 1) /
			waiter->share;
		if (again <= turn + 1)
			again = turn + 1;
		if (again < rota->size) {
			waiter->next = draft->calendar[again];
			draft->calendar[again] = i;
		}
	}
}

int
rota_new(struct rota **out, const struct maglev_member *members, uint32_t n_members)
{
	struct draft draft = {NULL, NULL, NULL, 0};
	struct rota *rota = NULL;
	uint32_t size;
	int rc = -ENOMEM;

	if (n_members == 0)
		return -EINVAL;
	draft.waiters = calloc(n_members, sizeof(*draft.waiters));
	draft.heap = calloc(n_members, sizeof(*draft.heap));
	if (!draft.waiters || !draft.heap)
		goto out;
	size = divide(draft.waiters, members, n_members);
	draft.calendar = malloc(size * sizeof(*draft.calendar));
	rota = calloc(1, sizeof(*rota) + size * sizeof(rota->entries[0]));
	if (!draft.calendar || !rota)
		goto out;
	memset(draft.calendar, 0xff, size * sizeof(*draft.calendar)); /* NOBODY */
	rota->size = size;
	rota->n_users = 1;
	fill(rota, &draft, members, n_members);
	*out = rota;
	rota = NULL;
	rc = 0;
out:
	free(draft.waiters);
	free(draft.heap);
	free(draft.calendar);
	free(rota);
	return rc;
}

struct rota *
rota_ref(struct rota *rota)
{
	rota->n_users++;
	return rota;
}

void
rota_unref(struct rota *rota)
{
	if (rota && --rota->n_users == 0)
		free(rota);
}
