/* SPDX-License-Identifier: BSD-3-Clause */
/* Weighted round robin, smooth: each service goes round the order that its pool has ready (rota.h),
 * from a place of the worker's own. One step whatever the number of backends and their weights. */
#include "dataplane/scheduler.h"

static uint16_t
pick(const struct schedule *schedule, struct scheduler_worker *worker, const struct flow_key *key)
{
	uint32_t turn = worker->offset + scheduler_take_turn(worker, schedule->service_id);

	(void)key;
	return schedule->rota->entries[turn % schedule->rota->size];
}

const struct scheduler scheduler_round_robin = {
	.kind = SCHEDULER_ROUND_ROBIN,
	.agrees = false,
	.pick = pick,
};
