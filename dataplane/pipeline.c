/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's pipeline: what it owns, and the account of what comes in and what is decided; see
 * pipeline.h. The packets themselves are gone through in passes.c. */
#include "dataplane/pipeline.h"

#include "dataplane/capture.h"
#include "dataplane/fragment.h"
#include "dataplane/passes.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/sync_path.h"

#include <assert.h>
#include <errno.h>

#define LINE_BYTES 64

/* Without a configuration all is the host's. */
static uint64_t
leave_to_host(struct pipeline *pipeline, struct packet *packets, unsigned int n)
{
	uint64_t n_bytes = 0;

	for (unsigned int i = 0; i < n; i++) {
		packets[i].verdict = V_HOST;
		n_bytes += packets[i].size;
	}
	stats_add(&pipeline->stats->verdicts[V_HOST], n);
	return n_bytes;
}

/* Returns how many bytes the packets had. */
static uint64_t
decide(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	pipeline->outbox.n = 0;
	if (n == 0)
		return 0;
	if (!snapshot)
		return leave_to_host(pipeline, packets, n);
	if (__builtin_expect(snapshot->virtual_macs != NULL, 0))
		virtual_mac_receive(snapshot->virtual_macs, pipeline->local.leases,
			pipeline->local.ports, packets, n, now_ns);
	return passes_run(pipeline, snapshot, packets, n, now_ns);
}

/* As decide(), while somebody captures. */
static __attribute__((noinline)) uint64_t
decide_tapped(struct capture_tap *tap, const struct burst *burst)
{
	struct pipeline *pipeline = burst->pipeline;
	uint64_t n_bytes;

	capture_before(tap, burst->packets, burst->n);
	n_bytes = decide(pipeline, burst->snapshot, burst->packets, burst->n, burst->now_ns);
	capture_after(tap, pipeline, burst->snapshot, burst->packets, burst->n, burst->now_ns);
	return n_bytes;
}

static uint64_t
handle(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	struct capture_tap *tap = __atomic_load_n(&pipeline->tap, __ATOMIC_ACQUIRE);

	if (__builtin_expect(tap != NULL, 0)) {
		const struct burst burst = {pipeline, snapshot, packets, n, now_ns};

		return decide_tapped(tap, &burst);
	}
	return decide(pipeline, snapshot, packets, n, now_ns);
}

int
pipeline_new(struct pipeline **out, const struct pipeline_config *config)
{
	const struct flow_timeouts timeouts = {0}; /* Until pipeline_prepare(). */
	const struct memory *memory = &config->memory;
	struct pipeline *pipeline = memory->alloc(memory->ctx, sizeof(*pipeline), LINE_BYTES);
	int rc;

	if (!pipeline)
		return -ENOMEM;
	pipeline->memory = *memory;
	pipeline->nexthops = config->nexthops;
	pipeline->next_local = (uint32_t)config->seed; /* Not where it was before a restart. */
	pipeline->cookie_secret = config->cookie_secret;
	pipeline->local.ports = config->ports;
	pipeline->local.leases = config->leases;
	rc = stats_new(&pipeline->stats, memory);
	if (rc == 0)
		rc = scheduler_worker_init(&pipeline->scheduler, memory, pipeline->stats,
			config->persistence, config->seed);
	if (rc == 0)
		rc = flow_table_new(&pipeline->flows, config->n_flows, config->seed, &timeouts,
			memory, pipeline->stats->flow_events);
	pipeline->notes = memory->alloc(memory->ctx, sizeof(*pipeline->notes), LINE_BYTES);
	if (rc == 0 && !pipeline->notes)
		rc = -ENOMEM;
	pipeline->limits.n_workers = config->n_workers ? config->n_workers : 1;
	pipeline->limits.services = memory->alloc(
		memory->ctx, STATS_SERVICES_MAX * sizeof(*pipeline->limits.services), LINE_BYTES);
	if (rc == 0 && !pipeline->limits.services)
		rc = -ENOMEM;
	if (rc == 0)
		rc = fragment_table_new(
			&pipeline->fragments, config->seed, memory, pipeline->stats->path_events);
	if (rc < 0) {
		pipeline_free(pipeline);
		return rc;
	}
	pipeline->flows->backends = pipeline->stats->backends;
	fragment_set_ids(pipeline->fragments, config->worker, (uint16_t)pipeline->limits.n_workers);
	pipeline->steering =
		(struct steering){config->steer, config->worker, pipeline->stats->path_events};
	*out = pipeline;
	return 0;
}

void
pipeline_free(struct pipeline *pipeline)
{
	struct memory memory;

	if (!pipeline)
		return;
	memory = pipeline->memory;
	fragment_table_free(pipeline->fragments);
	memory.free(memory.ctx, pipeline->notes);
	flow_table_free(pipeline->flows);
	scheduler_worker_fini(&pipeline->scheduler);
	stats_free(pipeline->stats);
	memory.free(memory.ctx, pipeline->limits.services);
	memory.free(memory.ctx, pipeline);
}

void
pipeline_run(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	struct stats *stats = pipeline->stats;

	assert(n <= PACKET_BURST_MAX);
	stats_add(&stats->n_packets, n);
	stats_add(&stats->n_bytes, handle(pipeline, snapshot, packets, n, now_ns));
	stats_add(&stats->n_bursts, 1);
}

void
pipeline_take(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	unsigned int n, uint64_t now_ns)
{
	assert(n <= PACKET_BURST_MAX);
	stats_add(&pipeline->stats->path_events[PATH_STEERED_IN], n);
	handle(pipeline, snapshot, packets, n, now_ns);
}

unsigned int
pipeline_release(struct pipeline *pipeline, const struct snapshot *snapshot, struct packet *packets,
	uint64_t now_ns)
{
	unsigned int n = fragment_release(pipeline->fragments, packets, PACKET_BURST_MAX, now_ns);

	if (n > 0)
		handle(pipeline, snapshot, packets, n, now_ns);
	return n;
}

void *
pipeline_abandon(struct pipeline *pipeline)
{
	return fragment_abandon(pipeline->fragments);
}

void
pipeline_sweep(struct pipeline *pipeline, uint64_t now_ns, uint32_t n_buckets)
{
	flow_sweep(pipeline->flows, now_ns, n_buckets);
}

void
pipeline_join(struct pipeline *pipeline, struct sync_path *sync)
{
	__atomic_store_n(&pipeline->sync, sync, __ATOMIC_RELEASE);
}

void
pipeline_tap(struct pipeline *pipeline, struct capture_tap *tap)
{
	__atomic_store_n(&pipeline->tap, tap, __ATOMIC_RELEASE);
}

void
pipeline_share(struct pipeline *pipeline, const struct snapshot *snapshot, uint64_t now_ns)
{
	if (pipeline_sync(pipeline))
		sync_path_walk(pipeline, snapshot, now_ns);
}

/* But for the flows that there are: the worker goes on counting them. */
static void
zero_counters(struct backend_stats *stats)
{
	stats->n_packets = 0;
	stats->n_bytes = 0;
	stats->n_new_flows = 0;
}

int
pipeline_prepare(struct pipeline *pipeline, const struct snapshot *snapshot)
{
	static const struct service_stats no_service;
	static const struct limit_usage no_usage;
	static const struct backend_signs no_signs;
	size_t n_services, n_backends;
	const struct snapshot_service *services = snapshot_services(snapshot, &n_services);
	const struct snapshot_backend *backends = snapshot_backends(snapshot, &n_backends);

	if (snapshot->keeps_sequences && flow_table_keep_sequences(pipeline->flows) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n_services; i++) {
		if (!services[i].is_new)
			continue;
		pipeline->stats->services[services[i].id] = no_service;
		pipeline->limits.services[services[i].id] = no_usage;
	}
	for (size_t i = 0; i < n_backends; i++) {
		if (!backends[i].is_new)
			continue;
		zero_counters(&pipeline->stats->backends[backends[i].id]);
		pipeline->stats->signs[backends[i].id] = no_signs;
	}
	flow_set_timeouts(pipeline->flows, &snapshot->flow_timeouts);
	return 0;
}

const struct outbox *
pipeline_outbox(const struct pipeline *pipeline)
{
	return &pipeline->outbox;
}

const struct stats *
pipeline_stats(const struct pipeline *pipeline)
{
	return pipeline->stats;
}

const struct flow_table *
pipeline_flows(const struct pipeline *pipeline)
{
	return pipeline->flows;
}

void
pipeline_count_noted(const struct pipeline *pipeline, uint64_t now_ns, uint32_t *counts)
{
	syn_notes_count(pipeline->notes, pipeline->flows, now_ns, counts);
}

void
pipeline_recount(struct pipeline *pipeline, enum verdict was, enum verdict is)
{
	stats_add(&pipeline->stats->verdicts[was], UINT64_MAX); /* Minus one. */
	stats_add(&pipeline->stats->verdicts[is], 1);
}

void
pipeline_refuse(struct pipeline *pipeline, uint32_t size, enum verdict verdict)
{
	stats_add(&pipeline->stats->n_packets, 1);
	stats_add(&pipeline->stats->n_bytes, size);
	stats_add(&pipeline->stats->verdicts[verdict], 1);
}
