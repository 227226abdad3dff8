/* SPDX-License-Identifier: BSD-3-Clause */
/* Stages of the packet core; see stages.h. Each works as its passes in the pipeline do: first all
 * packets' addresses are computed and prefetched, then they are used. */
#include "stages.h"

#include "dataplane/maglev.h"
#include "dataplane/nat_steady.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/rewrite.h"
#include "dataplane/scheduler.h"
#include "dataplane/tunnel_steady.h"

#include <stdlib.h>

static void
fill_and_locate(struct stand *stand)
{
	stand_fill(stand);
	stand_locate(stand);
}

static void
fill_and_parse(struct stand *stand)
{
	stand_fill(stand);
	stand_parse(stand);
}

static void
fill_unknown_and_parse(struct stand *stand)
{
	stand_fill_unknown(stand);
	stand_parse(stand);
}

static void
run_parse(struct stand *stand)
{
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		parse(&stand->packets[i], &stand->parsed[i]);
}

static void
run_service(struct stand *stand)
{
	const struct service_table *table = &stand->snapshot->table;

	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		stand->hashes[i] = service_hash(&stand->parsed[i].target);
		__builtin_prefetch(service_slot_at(table, (uint32_t)stand->hashes[i]));
	}
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		const struct service_slot *slot =
			service_find(table, &stand->parsed[i].target, (uint32_t)stand->hashes[i]);

		stand->sum += slot->service;
	}
}

/* Up to the entry's place. */
static inline void
look_at_buckets(struct stand *stand)
{
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		stand->hashes[i] = flow_hash(stand->flows, &stand->parsed[i].key);
		stand->slots[i].bucket = flow_home(stand->flows, stand->hashes[i]);
		__builtin_prefetch(stand->slots[i].bucket);
	}
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		uint32_t match = flow_match(stand->slots[i].bucket, flow_tag(stand->hashes[i]));

		if (match) {
			stand->slots[i].i = (unsigned int)__builtin_ctz(match);
			__builtin_prefetch(flow_entry_at(stand->slots[i]));
		} else {
			stand->slots[i].bucket = NULL;
		}
	}
}

static void
run_flow_hit(struct stand *stand)
{
	look_at_buckets(stand);
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		const struct parsed *parsed = &stand->parsed[i];
		struct flow_slot slot = stand->slots[i];

		if (!slot.bucket || !flow_key_equal(&flow_entry_at(slot)->key, &parsed->key))
			slot = flow_find(stand->flows, &parsed->key, stand->hashes[i]);
		if (slot.bucket)
			stand->sum += flow_advance(stand->flows, slot,
				(enum flow_signal)parsed->signal, stand->now_ns);
	}
}

static void
run_flow_miss(struct stand *stand)
{
	look_at_buckets(stand);
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		struct flow_slot slot =
			flow_find(stand->flows, &stand->parsed[i].key, stand->hashes[i]);

		stand->sum += slot.bucket != NULL;
	}
}

static void
run_flow_insert(struct stand *stand)
{
	look_at_buckets(stand);
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		stand->slots[i] = flow_insert(stand->flows, &stand->parsed[i].key, stand->hashes[i],
			FLOW_SIGNAL_SYN, stand->backends[i], stand->now_ns);
}

static void
undo_flow_insert(struct stand *stand)
{
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		if (stand->slots[i].bucket)
			flow_remove(stand->flows, stand->slots[i]);
}

static void
run_maglev_pick(struct stand *stand)
{
	const struct maglev *maglev = stand->snapshot->path_services[0].maglev;

	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		stand->sum += scheduler_flow_choice(maglev, &stand->parsed[i].key);
}

static void
run_maglev_build(struct stand *stand)
{
	const struct maglev *old = stand->snapshot->path_services[0].maglev;
	struct maglev *maglev = NULL;

	if (maglev_new(&maglev, old->members, old->n_members, MAGLEV_SIZE_DEFAULT) < 0)
		abort();
	stand->sum += maglev->entries[0];
	maglev_unref(maglev);
}

static void
run_rewrite_dr(struct stand *stand)
{
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		stand->sum += rewrite_dr(&stand->packets[i], &stand->parsed[i], &stand->hops[i],
			&stand->scene.ports.ports[0]);
}

/* The short ways, which most packets take. */
static void
run_rewrite_tunnel(struct stand *stand)
{
	const struct burst burst = {
		stand->pipeline, stand->snapshot, stand->packets, PACKET_BURST_MAX, stand->now_ns};

	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		stand->sum += tunnel_steady(&burst, &stand->packets[i], &stand->works[i],
			stand->backends[i], &stand->hops[i]);
}

static void
run_rewrite_nat(struct stand *stand)
{
	const struct burst burst = {
		stand->pipeline, stand->snapshot, stand->packets, PACKET_BURST_MAX, stand->now_ns};

	/* A few flows have found no room. */
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		if (stand->works[i].slot.bucket)
			flow_prefetch_other(stand->flows, stand->works[i].slot);
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		if (stand->works[i].slot.bucket)
			stand->sum += nat_steady(&burst, &stand->packets[i], &stand->works[i],
				stand->backends[i], &stand->hops[i]);
}

/* Which bucket comes next is not known before the last one has been read: each waits as long as the
 * memory takes. */
static void
run_memory_wait(struct stand *stand)
{
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		stand->sum = hash_mix(stand->sum + 1);
		stand->sum += flow_home(stand->flows, stand->sum)->version;
	}
}

/* As many, all on their way at once: what two lines a packet cost at least is twice this. */
static void
run_memory_lines(struct stand *stand)
{
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		stand->hashes[i] = hash_mix(stand->sum + i);
		__builtin_prefetch(flow_home(stand->flows, stand->hashes[i]));
	}
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++)
		stand->sum += flow_home(stand->flows, stand->hashes[i])->version + 1u;
}

static void
run_pipeline(struct stand *stand)
{
	pipeline_run(
		stand->pipeline, stand->snapshot, stand->packets, PACKET_BURST_MAX, stand->now_ns);
}

#define BURST PACKET_BURST_MAX

const struct stage stages[N_STAGES] = {
	{"parse", BURST, stand_fill, run_parse, NULL},
	{"service", BURST, fill_and_parse, run_service, NULL},
	{"flow-hit", BURST, fill_and_parse, run_flow_hit, NULL},
	{"flow-miss", BURST, fill_unknown_and_parse, run_flow_miss, NULL},
	{"flow-insert", BURST, fill_unknown_and_parse, run_flow_insert, undo_flow_insert},
	{"maglev-pick", BURST, fill_and_parse, run_maglev_pick, NULL},
	{"maglev-build", 1, NULL, run_maglev_build, NULL},
	{"rewrite-dr", BURST, fill_and_locate, run_rewrite_dr, NULL},
	{"rewrite-tunnel", BURST, fill_and_locate, run_rewrite_tunnel, NULL},
	{"rewrite-nat", BURST, fill_and_locate, run_rewrite_nat, NULL},
	{"rewrite-fullnat", BURST, fill_and_locate, run_rewrite_nat, NULL},
	{"pipeline", BURST, stand_fill, run_pipeline, NULL},
	{"memory-wait", BURST, NULL, run_memory_wait, NULL},
	{"memory-lines", BURST, NULL, run_memory_lines, NULL},
};

const char *const stage_names[N_STAGES + 1] = {"parse", "service", "flow-hit", "flow-miss",
	"flow-insert", "maglev-pick", "maglev-build", "rewrite-dr", "rewrite-tunnel", "rewrite-nat",
	"rewrite-fullnat", "pipeline", "memory-wait", "memory-lines", NULL};
