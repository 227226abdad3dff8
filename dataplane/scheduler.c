/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of schedulers, and what is the same for all of them; see scheduler.h. */
#include "dataplane/scheduler.h"

#include "common/clock.h"
#include "dataplane/snapshot_data.h"

#include <errno.h>

#define LINE_BYTES 64

static const struct scheduler *const schedulers[N_SCHEDULERS] = {
	[SCHEDULER_MAGLEV] = &scheduler_maglev,
	[SCHEDULER_ROUND_ROBIN] = &scheduler_round_robin,
	[SCHEDULER_LEAST_CONNECTIONS] = &scheduler_least_connections,
	[SCHEDULER_SOURCE_HASH] = &scheduler_source_hash,
};

static bool
takes_flows(const struct schedule *schedule, uint16_t backend)
{
	const struct path_backend *path = &schedule->backends[backend];

	return path->weight > 0 && path->pool == schedule->pool;
}

/* The backend that the client has, or else gets. Its first choice is by the hash of its prefix
 * where the scheduler is one that all nodes agree on, so that another node, which has none of
 * this table, comes to the same. */
static uint16_t
choose_kept(const struct schedule *schedule, struct scheduler_worker *worker,
	const struct flow_key *key, enum scheduler_occasion occasion, uint64_t now_ns)
{
	uint64_t client = persistence_client(key->client, schedule->persistence_prefix);
	uint32_t now_s = (uint32_t)(now_ns / NS_PER_S);
	struct persistence_seen seen =
		persistence_find(worker->persistence, client, schedule->pool_id, now_s);
	bool picks = occasion == SCHEDULER_BEGIN && !schedule->scheduler->agrees;
	enum persistence_outcome outcome;
	uint16_t backend;

	if (seen.backend && seen.age_s <= schedule->persistence_timeout_s &&
		takes_flows(schedule, seen.backend)) {
		if (occasion != SCHEDULER_STRAY && !worker->only_looks) {
			persistence_renew(&seen, now_s);
			stats_add(&worker->events[FLOW_PERSISTED], 1);
		}
		return seen.backend;
	}
	backend = picks ? schedule->scheduler->pick(schedule, worker, key)
			: *maglev_entry(schedule->maglev, client);
	if (occasion == SCHEDULER_STRAY || worker->only_looks)
		return backend;
	outcome = persistence_keep(&seen, &backend, now_s);
	if (outcome == PERSISTENCE_EVICTED)
		stats_add(&worker->events[FLOW_PERSISTENCE_EVICTED], 1);
	return backend;
}

const struct scheduler *
scheduler_of(enum scheduler_kind kind)
{
	return (unsigned int)kind < N_SCHEDULERS ? schedulers[kind] : NULL;
}

int
scheduler_worker_init(struct scheduler_worker *worker, const struct memory *memory,
	struct stats *stats, struct persistence *persistence, uint64_t seed)
{
	worker->memory = *memory;
	worker->offset = (uint32_t)hash_mix(seed);
	worker->random = hash_mix(~seed);
	worker->backends = stats->backends;
	worker->events = stats->flow_events;
	worker->persistence = persistence;
	worker->turns =
		memory->alloc(memory->ctx, STATS_SERVICES_MAX * sizeof(*worker->turns), LINE_BYTES);
	return worker->turns ? 0 : -ENOMEM;
}

void
scheduler_worker_fini(struct scheduler_worker *worker)
{
	if (worker->turns)
		worker->memory.free(worker->memory.ctx, worker->turns);
	worker->turns = NULL;
}

void
scheduler_worker_imitate(struct scheduler_worker *worker, const struct scheduler_worker *original)
{
	for (uint32_t i = 0; i < STATS_SERVICES_MAX; i++)
		worker->turns[i] = __atomic_load_n(&original->turns[i], __ATOMIC_RELAXED);
	worker->random = __atomic_load_n(&original->random, __ATOMIC_RELAXED);
	worker->offset = original->offset;
	worker->persistence = original->persistence;
	worker->only_looks = true;
}

uint16_t
scheduler_choose(const struct schedule *schedule, struct scheduler_worker *worker,
	const struct flow_key *key, enum scheduler_occasion occasion, uint64_t now_ns)
{
	if (!schedule->maglev)
		return 0;
	if (schedule->persistence_timeout_s && worker->persistence)
		return choose_kept(schedule, worker, key, occasion, now_ns);
	if (occasion == SCHEDULER_BEGIN || schedule->scheduler->agrees)
		return schedule->scheduler->pick(schedule, worker, key);
	return scheduler_flow_choice(schedule->maglev, key);
}

uint16_t
scheduler_untracked(const struct schedule *schedule, const struct flow_key *key, uint16_t chosen)
{
	if (schedule->scheduler->agrees || schedule->persistence_timeout_s)
		return chosen;
	return scheduler_flow_choice(schedule->maglev, key);
}
