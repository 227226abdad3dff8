/* SPDX-License-Identifier: BSD-3-Clause */
/* The "signs" request: new signs of trouble with backends (signs.h). It is asked ten times a
 * second, so its answer costs nothing while there are none, and is short when there are many. */
#include "dataplane/show.h"

#include "common/json_field.h"
#include "dataplane/dataplane.h"
#include "dataplane/snapshot.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <stdlib.h>

#define LISTED_MAX 64

static const struct stats *
stats_of(const struct dataplane *dataplane, unsigned int worker)
{
	return pipeline_stats(worker_pipeline(dataplane->workers[worker]));
}

/* Of all backends that ever were. */
static uint64_t
count_all(const struct dataplane *dataplane)
{
	uint64_t n = 0;

	for (unsigned int w = 0; w < dataplane->n_workers; w++) {
		const struct stats *stats = stats_of(dataplane, w);

		n += stats_read(&stats->path_events[PATH_BACKEND_RESETS]);
		n += stats_read(&stats->path_events[PATH_BACKEND_UNREACHABLES]);
	}
	return n;
}

/* Of one backend. */
static struct backend_signs
sum_of(const struct dataplane *dataplane, uint16_t id)
{
	struct backend_signs sum = {0};

	for (unsigned int w = 0; w < dataplane->n_workers; w++) {
		const struct backend_signs *part = &stats_of(dataplane, w)->signs[id];

		sum.n_resets += stats_read(&part->n_resets);
		sum.n_unreachables += stats_read(&part->n_unreachables);
	}
	return sum;
}

/* Lists backends that have others than were told, and notes that they are told. Returns whether
 * these were all. */
static bool
list_backends(struct dataplane *dataplane, json_t *out)
{
	const struct snapshot *snapshot = dataplane->shared.snapshot;
	size_t n = 0;
	const struct snapshot_backend *backends = snapshot ? snapshot_backends(snapshot, &n) : NULL;

	for (size_t i = 0; i < n; i++) {
		struct backend_signs sum = sum_of(dataplane, backends[i].id);
		uint64_t *told = &dataplane->signs_told[backends[i].id];

		if (sum.n_resets + sum.n_unreachables == *told)
			continue;
		if (json_array_size(out) == LISTED_MAX)
			return false;
		*told = sum.n_resets + sum.n_unreachables;
		json_array_append_new(
			out, json_pack("{s:s, s:s, s:I, s:I}", "pool", backends[i].pool, "name",
				     backends[i].name, "resets", (json_int_t)sum.n_resets,
				     "unreachables", (json_int_t)sum.n_unreachables));
	}
	return true;
}

json_t *
show_signs(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {NULL};
	struct dataplane *dataplane = ctx;
	uint64_t total;
	json_t *backends;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	if (!dataplane->signs_told)
		dataplane->signs_told = calloc(STATS_BACKENDS_MAX, sizeof(*dataplane->signs_told));
	if (!dataplane->signs_told) {
		err_set(err, -ENOMEM, "signs: out of memory");
		return NULL;
	}
	total = count_all(dataplane);
	backends = json_array();
	if (total != dataplane->n_signs_told && list_backends(dataplane, backends))
		dataplane->n_signs_told = total;
	return json_pack("{s:o}", "backends", backends);
}
