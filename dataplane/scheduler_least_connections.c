/* SPDX-License-Identifier: BSD-3-Clause */
/* Weighted least connections: the backend with the fewest flows for its weight.
 *
 * Each worker counts its own flows (stats.h) and balances by them alone. The port spreads flows
 * over workers by hash, so a worker's counts are a fair sample of all; and what every worker
 * balances is balanced in sum. Counts shared by all workers would cost each of them a cache line
 * that the others write, for every flow that begins or ends, and gain little.
 *
 * A small pool is looked through as a whole, from a place that moves on so that equals take
 * turns. Of a large one SAMPLES backends are drawn, by weight, out of the Maglev table, and the
 * least loaded of them taken: the load of the fullest stays within a few flows of the mean
 * (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"), the cost does not grow
 * with the pool, and a backend that has just come, with no flows at all, is not overrun. */
#include "dataplane/scheduler.h"

#include "dataplane/snapshot_data.h"

#define SCAN_MAX 32 /* Members of a pool that is looked through. */
#define SAMPLES 8

struct load {
	uint64_t n_flows; /* The new one included. */
	uint32_t weight;
	uint16_t id;
};

static void
take_lesser(struct load *best, const struct scheduler_worker *worker, uint16_t id, uint32_t weight)
{
	struct load load = {stats_read(&worker->backends[id].n_active) + 1, weight, id};

	if (!best->id || load.n_flows * best->weight < best->n_flows * load.weight)
		*best = load;
}

static uint64_t
next_random(struct scheduler_worker *worker)
{
	uint64_t next = worker->random + UINT64_C(0x9e3779b97f4a7c15);

	__atomic_store_n(&worker->random, next, __ATOMIC_RELAXED);
	return hash_mix(next);
}

static uint16_t
pick(const struct schedule *schedule, struct scheduler_worker *worker, const struct flow_key *key)
{
	const struct maglev *maglev = schedule->maglev;
	struct load best = {0, 0, 0};

	(void)key;
	if (maglev->n_members <= SCAN_MAX) {
		uint32_t first =
			scheduler_take_turn(worker, schedule->service_id) % maglev->n_members;

		for (uint32_t n = 0; n < maglev->n_members; n++) {
			uint32_t i = first + n;
			const struct maglev_member *member =
				&maglev->members[i < maglev->n_members ? i : i - maglev->n_members];

			take_lesser(&best, worker, member->id, member->weight);
		}
		return best.id;
	}
	for (unsigned int n = 0; n < SAMPLES; n++) {
		uint16_t id = *maglev_entry(maglev, next_random(worker));

		take_lesser(&best, worker, id, schedule->backends[id].weight);
	}
	return best.id;
}

const struct scheduler scheduler_least_connections = {
	.kind = SCHEDULER_LEAST_CONNECTIONS,
	.agrees = false,
	.pick = pick,
};
