/* SPDX-License-Identifier: BSD-3-Clause */
/* Maglev hashing; see maglev.h.
 *
 * Turns are kept in a calendar: one list of backends for each round. That makes a build linear in
 * the size of the table whatever the weights are, where going through all backends in every round
 * costs most when one weight is far above the others. There are never more rounds than slots,
 * because the heaviest backend takes one in every round. */
#include "dataplane/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

/* One backend while the table is being filled. */
struct turn {
	uint32_t slot; /* Next one of its list. */
	uint32_t skip;
	uint32_t n_taken;
	uint32_t next; /* In the list of a round. */
};

static bool
is_prime(uint32_t n)
{
	if (n < 4)
		return n > 1;
	if (n % 2 == 0)
		return false;
	for (uint32_t i = 3; (uint64_t)i * i <= n; i += 2)
		if (n % i == 0)
			return false;
	return true;
}

static int
compare_members(const void *a, const void *b)
{
	const struct maglev_member *x = a;
	const struct maglev_member *y = b;

	if (x->seed != y->seed)
		return x->seed < y->seed ? -1 : 1;
	return (int)x->id - (int)y->id;
}

static uint32_t
take_slot(struct maglev *maglev, struct turn *turn)
{
	uint32_t slot;

	do {
		slot = turn->slot;
		turn->slot += turn->skip;
		if (turn->slot >= maglev->size)
			turn->slot -= maglev->size;
	} while (maglev->entries[slot]);
	turn->n_taken++;
	return slot;
}

/* Fills the table; 'rounds' has an empty list for each slot, 'turns' is as long as members. */
static void
fill(struct maglev *maglev, struct turn *turns, uint32_t *rounds)
{
	uint32_t max_weight = 1;
	uint32_t n_left = maglev->size;

	for (uint32_t i = maglev->n_members; i-- > 0;) {
		const struct maglev_member *member = &maglev->members[i];

		turns[i].slot = (uint32_t)(member->seed >> 32) % maglev->size;
		turns[i].skip = (uint32_t)member->seed % (maglev->size - 1) + 1;
		turns[i].next = rounds[0];
		rounds[0] = i;
		if (member->weight > max_weight)
			max_weight = member->weight;
	}
	for (uint32_t round = 0; n_left; round++) {
		uint32_t next;

		for (uint32_t i = rounds[round]; i != NOBODY && n_left; i = next) {
			const struct maglev_member *member = &maglev->members[i];
			struct turn *turn = &turns[i];
			uint64_t again;

			next = turn->next;
			maglev->entries[take_slot(maglev, turn)] = member->id;
			n_left--;
			again = (uint64_t)turn->n_taken * max_weight / member->weight;
			if (again < maglev->size) {
				turn->next = rounds[again];
				rounds[again] = i;
			}
		}
	}
}

static int
build(struct maglev *maglev)
{
	struct turn *turns;
	uint32_t *rounds;
	int rc = -ENOMEM;

	if (maglev->size == 1) {
		maglev->entries[0] = maglev->members[0].id;
		return 0;
	}
	turns = calloc(maglev->n_members, sizeof(*turns));
	rounds = malloc(maglev->size * sizeof(*rounds));
	if (turns && rounds) {
		memset(rounds, 0xff, maglev->size * sizeof(*rounds)); /* NOBODY */
		fill(maglev, turns, rounds);
		rc = 0;
	}
	free(turns);
	free(rounds);
	return rc;
}

uint64_t
maglev_seed(const struct addr *addr, const char *name)
{
	uint64_t seed = MAGLEV_NAME_SEED ^ hash_bytes(0, addr->bytes, addr_size(addr));

	return hash_bytes(seed, name, strlen(name));
}

int
maglev_new(
	struct maglev **out, const struct maglev_member *members, uint32_t n_members, uint32_t size)
{
	struct maglev *maglev;

	if (n_members == 0 || !is_prime(size))
		return -EINVAL;
	if (n_members == 1)
		size = 1;
	maglev = calloc(1, sizeof(*maglev) + size * sizeof(maglev->entries[0]));
	if (!maglev)
		return -ENOMEM;
	maglev->size = size;
	maglev->n_users = 1;
	maglev->n_members = n_members;
	maglev->members = calloc(n_members, sizeof(*members));
	if (!maglev->members)
		goto fail;
	memcpy(maglev->members, members, n_members * sizeof(*members));
	qsort(maglev->members, n_members, sizeof(*members), compare_members);
	if (build(maglev) < 0)
		goto fail;
	*out = maglev;
	return 0;
fail:
	maglev_unref(maglev);
	return -ENOMEM;
}

bool
maglev_is_of(const struct maglev *maglev, const struct maglev_member *members, uint32_t n_members)
{
	if (maglev->n_members != n_members)
		return false;
	for (uint32_t i = 0; i < n_members; i++) {
		const struct maglev_member *found = bsearch(
			&members[i], maglev->members, n_members, sizeof(*members), compare_members);

		if (!found || found->weight != members[i].weight)
			return false;
	}
	return true;
}

struct maglev *
maglev_ref(struct maglev *maglev)
{
	maglev->n_users++;
	return maglev;
}

void
maglev_unref(struct maglev *maglev)
{
	if (!maglev || --maglev->n_users)
		return;
	free(maglev->members);
	free(maglev);
}
