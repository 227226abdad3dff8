/* SPDX-License-Identifier: BSD-3-Clause */
/* How far replicas are behind the primary; see db_lag.h. */
#include "apptier/db_lag.h"

#include <string.h>

void
db_lag_init(struct db_lag_history *history, uint64_t limit_ns)
{
	/* The points then reach back for twice the limit. */
	history->spacing_ns = limit_ns * 2 / DB_LAG_POINTS;
	history->n = 0;
}

void
db_lag_reset(struct db_lag_history *history)
{
	history->n = 0;
}

void
db_lag_primary(struct db_lag_history *history, uint64_t asked_ns, const struct gtid_set *position)
{
	struct db_lag_point *points = history->points;

	/* It went back in time (restored from a backup): what it had then proves nothing. */
	if (history->n > 0 && gtid_set_is_ahead(&points[history->n - 1].position, position))
		db_lag_reset(history);
	/* The newest is always exact; those behind it keep their distance. */
	if (history->n >= 2 && asked_ns - points[history->n - 2].at_ns < history->spacing_ns)
		history->n--;
	if (history->n == DB_LAG_POINTS) {
		history->n--;
		memmove(points, points + 1, history->n * sizeof(*points));
	}
	points[history->n++] = (struct db_lag_point){.at_ns = asked_ns, .position = *position};
}

void
db_lag_judge(const struct db_lag_history *history, struct db_lag_replica *replica, bool primary_up)
{
	const struct db_lag_point *newest;

	if (history->n == 0 || !replica->told)
		return;
	newest = &history->points[history->n - 1];
	replica->known = true;
	if (primary_up && gtid_set_is_ahead(&replica->position, &newest->position))
		return;
	for (size_t i = history->n; i-- > 0;) {
		const struct db_lag_point *point = &history->points[i];

		if (!gtid_set_covers(&replica->position, &point->position))
			continue;
		if (replica->as_of_ns < point->at_ns)
			replica->as_of_ns = point->at_ns;
		return;
	}
}

uint64_t
db_lag_ns(const struct db_lag_history *history, const struct db_lag_replica *replica,
	bool primary_up, uint64_t now_ns)
{
	uint64_t until_ns;

	if (history->n == 0 || !replica->known)
		return 0;
	until_ns = primary_up ? now_ns : history->points[history->n - 1].at_ns;
	return until_ns > replica->as_of_ns ? until_ns - replica->as_of_ns : 0;
}
