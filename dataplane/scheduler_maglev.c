/* SPDX-License-Identifier: BSD-3-Clause */
/* Weighted Maglev hashing of the flow. A service that has nothing else does not come here: the
 * pipeline looks into the table itself. */
#include "dataplane/scheduler.h"

static uint16_t
pick(const struct schedule *schedule, struct scheduler_worker *worker, const struct flow_key *key)
{
	(void)worker;
	return scheduler_flow_choice(schedule->maglev, key);
}

const struct scheduler scheduler_maglev = {
	.kind = SCHEDULER_MAGLEV,
	.agrees = true,
	.pick = pick,
};
