/* SPDX-License-Identifier: BSD-3-Clause */
/* Schedulers: which backend a new flow goes to.
 *
 * There is a table of them, one file each (scheduler_*.c). What a scheduler needs to know of a
 * service is made with the snapshot (struct schedule); what it remembers belongs to one worker
 * (struct scheduler_worker), so that workers never wait for each other:
 *
 *   maglev             hash of the flow                          same on every node and worker
 *   source-hash        hash of the client's address              same on every node and worker
 *   round-robin        turns by weight, in a fixed smooth order  of each worker
 *   least-connections  fewest flows for its weight               of each worker
 *
 * A service with persistence keeps a client with its backend by a table that all workers share
 * (persistence.h). A flow that no table remembers goes by hash whatever the scheduler is: packets
 * in midstream, and flows that the flow table has no room for. */
#ifndef DATAPLANE_SCHEDULER_H
#define DATAPLANE_SCHEDULER_H

#include "common/model.h"
#include "dataplane/flow_table.h"
#include "dataplane/maglev.h"
#include "dataplane/memory.h"
#include "dataplane/persistence.h"
#include "dataplane/rota.h"
#include "dataplane/stats.h"

#include <stdbool.h>
#include <stdint.h>

struct path_backend;
struct scheduler;

/* A service as schedulers see it; constant. */
struct schedule {
	const struct scheduler *scheduler;
	const struct maglev *maglev; /* Also the list of members; NULL: no backend takes flows. */
	const struct rota *rota;     /* Of round-robin. */
	const struct maglev *former; /* Of the node that held before; NULL: as 'maglev'. */
	const struct path_backend *backends; /* By id. */
	uint32_t pool;                       /* Index in the snapshot. */
	uint16_t pool_id;                    /* Stays with the pool. */
	uint16_t service_id;
	uint32_t persistence_timeout_s; /* 0: clients are not kept. */
	uint8_t persistence_prefix;     /* Bits of an address that make a client. */
	uint16_t lease;                 /* With 'former': of the service's address. */
};

/* What one worker remembers. */
struct scheduler_worker {
	uint32_t *turns; /* By service id. */
	uint32_t offset; /* Where this worker's turns begin, so that workers do not go in step. */
	uint64_t random;
	const struct backend_stats *backends; /* By id: flows of this worker. */
	uint64_t *events;                     /* By enum flow_event. */
	struct persistence *persistence;      /* Shared; NULL: there is none. */
	bool only_looks;                      /* Leaves the shared table as it is. */
	struct memory memory;
};

struct scheduler {
	enum scheduler_kind kind;
	/* Every worker and node chooses the same, without knowing of each other's choices. */
	bool agrees;
	/* The backend for a new flow. Called only if some backend takes flows. */
	uint16_t (*pick)(const struct schedule *schedule, struct scheduler_worker *worker,
		const struct flow_key *key);
};

/* What a packet without a backend is. */
enum scheduler_occasion {
	SCHEDULER_STRAY, /* It will leave nothing behind: RST, FIN, ICMP. */
	SCHEDULER_JOIN,  /* In midstream: a flow that was not seen to begin. */
	SCHEDULER_BEGIN, /* The first of a flow, or its backend is gone. */
};

extern const struct scheduler scheduler_maglev;
extern const struct scheduler scheduler_round_robin;
extern const struct scheduler scheduler_least_connections;
extern const struct scheduler scheduler_source_hash;

/* NULL: there is none of that kind. */
const struct scheduler *scheduler_of(enum scheduler_kind kind);

/* 'stats' are the worker's and outlive this. Returns 0 or -ENOMEM. */
int scheduler_worker_init(struct scheduler_worker *worker, const struct memory *memory,
	struct stats *stats, struct persistence *persistence, uint64_t seed);
void scheduler_worker_fini(struct scheduler_worker *worker);

/* Lets 'worker' choose next what 'original' would, which belongs to another thread, without telling
 * anybody of it. The original must outlive that. */
void scheduler_worker_imitate(
	struct scheduler_worker *worker, const struct scheduler_worker *original);

/* The turn of a service, which it takes. */
static inline uint32_t
scheduler_take_turn(struct scheduler_worker *worker, uint16_t service_id)
{
	uint32_t turn = worker->turns[service_id];

	__atomic_store_n(&worker->turns[service_id], turn + 1, __ATOMIC_RELAXED);
	return turn;
}

/* The backend for the flow; 0: none takes it. Worker only. */
uint16_t scheduler_choose(const struct schedule *schedule, struct scheduler_worker *worker,
	const struct flow_key *key, enum scheduler_occasion occasion, uint64_t now_ns);

/* The backend for a flow that could not be remembered, 'chosen' being what scheduler_choose()
 * said: one that its next packet finds as well. */
uint16_t scheduler_untracked(
	const struct schedule *schedule, const struct flow_key *key, uint16_t chosen);

/* What Maglev hashing gives the flow. */
static inline uint16_t
scheduler_flow_choice(const struct maglev *maglev, const struct flow_key *key)
{
	return *maglev_entry(maglev,
		maglev_flow_hash_words(key->client_words, (uint32_t)key->rest, key->protocol));
}

#endif /* DATAPLANE_SCHEDULER_H */
