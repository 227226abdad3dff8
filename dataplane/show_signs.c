/* SPDX-License-Identifier: BSD-3-Clause */
/* The "signs" request: signs of trouble with backends (signs.h). It is asked ten times a second, so
 * that its answer has to cost nothing while there are no new ones. */
#include "dataplane/show.h"

#include "common/json_field.h"
#include "dataplane/dataplane.h"
#include "dataplane/snapshot.h"
#include "dataplane/stats.h"

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

static json_t *
list_backends(const struct dataplane *dataplane)
{
	const struct snapshot *snapshot = dataplane->shared.snapshot;
	size_t n = 0;
	const struct snapshot_backend *backends = snapshot ? snapshot_backends(snapshot, &n) : NULL;
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++) {
		struct backend_signs sum = {0};

		for (unsigned int w = 0; w < dataplane->n_workers; w++) {
			const struct backend_signs *part =
				&stats_of(dataplane, w)->signs[backends[i].id];

			sum.n_resets += stats_read(&part->n_resets);
			sum.n_unreachables += stats_read(&part->n_unreachables);
		}
		if (sum.n_resets + sum.n_unreachables == 0)
			continue;
		json_array_append_new(
			out, json_pack("{s:s, s:s, s:I, s:I}", "pool", backends[i].pool, "name",
				     backends[i].name, "resets", (json_int_t)sum.n_resets,
				     "unreachables", (json_int_t)sum.n_unreachables));
	}
	return out;
}

json_t *
show_signs(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"known", NULL};
	const struct dataplane *dataplane = ctx;
	uint64_t known = 0, total;

	if (json_fields_known(params, keys, err) < 0 ||
		(json_object_get(params, "known") &&
			json_field_integer(params, "known", 0, INT64_MAX, &known, err) < 0))
		return NULL;
	total = count_all(dataplane);
	return json_pack("{s:I, s:o}", "total", (json_int_t)total, "backends",
		total == known ? json_array() : list_backends(dataplane));
}
