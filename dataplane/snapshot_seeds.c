/* SPDX-License-Identifier: BSD-3-Clause */
/* Backends of a snapshot by the seeds that other nodes know them by; see snapshot.h. */
#include "dataplane/maglev.h"
#include "dataplane/snapshot_build.h"

#include <errno.h>
#include <stdlib.h>

static int
compare_seeds(const void *a, const void *b)
{
	const struct snapshot_seed *x = a;
	const struct snapshot_seed *y = b;

	if (x->pool != y->pool)
		return x->pool < y->pool ? -1 : 1;
	return (x->seed > y->seed) - (x->seed < y->seed);
}

int
snapshot_add_seeds(const struct snapshot_build *build)
{
	struct snapshot *s = build->snapshot;

	s->seeds = calloc(s->n_backends + 1, sizeof(*s->seeds));
	if (!s->seeds)
		return snapshot_no_memory(build);
	for (size_t i = 0; i < s->n_backends; i++)
		s->seeds[i] = (struct snapshot_seed){
			.seed = maglev_seed(&s->backends[i].addr, s->backends[i].name),
			.pool = s->path_backends[s->backends[i].id].pool,
			.id = s->backends[i].id,
		};
	qsort(s->seeds, s->n_backends, sizeof(*s->seeds), compare_seeds);
	return 0;
}

uint16_t
snapshot_backend_by_seed(const struct snapshot *snapshot, uint32_t pool, uint64_t seed)
{
	const struct snapshot_seed wanted = {.seed = seed, .pool = pool};
	const struct snapshot_seed *found = bsearch(
		&wanted, snapshot->seeds, snapshot->n_backends, sizeof(wanted), compare_seeds);

	return found ? found->id : 0;
}
