/* SPDX-License-Identifier: BSD-3-Clause */
/* Source hash: the Maglev table by nothing but the client's address, so that all of a client's
 * flows, to whatever port, are with one backend on every node and stay there as long as Maglev
 * lets them. */
#include "dataplane/scheduler.h"

#define WHOLE_ADDRESS 128 /* Of an IPv4 address all bits behind the 32nd are zero. */

static uint16_t
pick(const struct schedule *schedule, struct scheduler_worker *worker, const struct flow_key *key)
{
	(void)worker;
	return *maglev_entry(schedule->maglev, persistence_client(key->client, WHOLE_ADDRESS));
}

const struct scheduler scheduler_source_hash = {
	.kind = SCHEDULER_SOURCE_HASH,
	.agrees = true,
	.pick = pick,
};
