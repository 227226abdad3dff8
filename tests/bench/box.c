/* SPDX-License-Identifier: BSD-3-Clause */
/* The dataplane on ports without a wire; see box.h. */
#include "box.h"

#include "common/clock.h"
#include "dataplane/pool.h"
#include "dataplane/wake_latency.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#define SEED 42
#define POOL_SIZE 8192
#define MTU 1500
#define BASE_MB 96 /* Of memory besides flow tables: buffers, statistics, rings. */
#define FLOW_BYTES 64

static uint32_t
memory_mb(const struct box_config *config)
{
	uint64_t tables = (uint64_t)load_places(&config->load) * FLOW_BYTES * config->n_workers;

	return BASE_MB + (uint32_t)(tables >> 20) + 16 * config->n_workers;
}

static int
start_eal(struct box *box, struct err *err)
{
	const struct box_config *config = box->config;
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t size = (size_t)snprintf(box->cores, sizeof(box->cores), "0@%u", config->main_cpu);
	char cluster[32];

	for (uint32_t i = 0; i < config->n_workers; i++)
		size += (size_t)snprintf(box->cores + size, sizeof(box->cores) - size, ",%u@%u",
			i + 1, (uint32_t)((config->first_cpu + i) % n_cpus));
	box->port_config = (struct lb_port){.name = "front",
		.device = "net_null0,no-rx=1",
		.n_queues = (uint16_t)config->n_workers,
		.n_workers = (uint16_t)config->n_workers};
	box->node = (struct node){.name = "box",
		.role = ROLE_LB,
		.lb = {.ports = &box->port_config,
			.n_ports = 1,
			.memory_mb = memory_mb(config),
			.hugepages = config->huge_pages,
			.cores = box->cores}};
	snprintf(cluster, sizeof(cluster), "bench%d", (int)getpid());
	return eal_new(&box->eal, cluster, &box->node, err);
}

static int
open_port(struct box *box, struct err *err)
{
	int rc = port_open(&box->port, &box->port_config, box->config->n_workers, box->eal, err);

	if (rc < 0)
		return rc;
	box->port_open = true;
	rc = pool_new(&box->pool, SOCKET_ID_ANY, POOL_SIZE, WORKER_CACHE, MTU);
	if (rc < 0)
		return err_set(err, rc, "no memory for %u packet buffers", POOL_SIZE);
	box->port.pool = box->pool;
	return port_start(&box->port, box->eal, err);
}

static int
start_sources(struct box *box, struct err *err)
{
	const struct box_config *config = box->config;
	struct source_config source = {
		.traffic = load_traffic(&config->load, box->port.mac),
		.pool = box->pool,
		.port = box->port.id,
		.blank = config->work == BOX_PORT,
		.times = config->times,
		.timer = -1,
	};
	int rc = 0;

	if (config->waits && config->n_workers != 1)
		return err_set(err, -EINVAL, "--waits yes: one worker can wait, not several");
	if (config->waits) {
		source.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (source.timer < 0)
			return err_set(err, -errno, "no timer: %s", strerror(errno));
		box->port.rx_fd = source.timer; /* The port closes it. */
	}

	box->sources = aligned_alloc(
		RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(config->n_workers * sizeof(*box->sources),
					     (size_t)RTE_CACHE_LINE_SIZE));
	if (!box->sources)
		return err_set(err, -ENOMEM, "out of memory");
	for (; source.queue < config->n_workers && rc == 0; source.queue++)
		rc = source_init(&box->sources[source.queue], &source, err);
	return rc;
}

static uint64_t
allocated_bytes(void)
{
	struct rte_malloc_socket_stats stats = {0};

	return rte_malloc_get_socket_stats(0, &stats) == 0 ? stats.heap_allocsz_bytes : 0;
}

static int
make_worker(struct box *box, unsigned int lcore, struct err *err)
{
	uint64_t before = allocated_bytes();
	const struct worker_config config = {
		.shared = &box->shared,
		.index = box->n_workers,
		.lcore = lcore,
		.queue = (uint16_t)box->n_workers,
		.pipeline =
			{
				.n_flows = load_places(&box->config->load),
				.seed = SEED + box->n_workers,
				.ports = &box->scene.ports,
				.nexthops = box->scene.nexthops,
				.leases = box->scene.leases,
				.persistence = box->scene.persistence,
				.n_workers = box->config->n_workers,
			},
	};
	int rc = worker_new(&box->workers[box->n_workers], &config, err);

	if (rc < 0)
		return rc;
	box->table_bytes = allocated_bytes() - before;
	box->n_workers++;
	return 0;
}

/* No frame of the load is for the kernel. */
static void
host_ready(void *ctx)
{
	(void)ctx;
}

static int
make_workers(struct box *box, struct err *err)
{
	const struct scene_config scene = load_scene(&box->config->load);
	unsigned int lcore;
	int rc = scene_init(&box->scene, &scene, box->port.mac, err);

	if (rc < 0)
		return rc;
	box->scene_ready = true;
	box->rcu =
		rte_zmalloc("rcu", rte_rcu_qsbr_get_memsize(BOX_WORKERS_MAX), RTE_CACHE_LINE_SIZE);
	if (!box->rcu || rte_rcu_qsbr_init(box->rcu, BOX_WORKERS_MAX) != 0)
		return err_set(err, -ENOMEM, "out of memory");
	box->shared = (struct worker_shared){
		.ports = &box->port, .n_ports = 1, .rcu = box->rcu, .host_ready = host_ready};
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		rc = make_worker(box, lcore, err);
		if (rc < 0)
			return rc;
	}
	return box_swap(box, NULL, err);
}

static void
swap_addresses(struct rte_mbuf **mbufs, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbufs[i], struct rte_ether_hdr *);
		struct rte_ether_addr address = ethernet->dst_addr;

		ethernet->dst_addr = ethernet->src_addr;
		ethernet->src_addr = address;
	}
}

/* In place of a worker. */
static int
send_back(void *arg)
{
	struct box *box = arg;
	uint16_t queue = (uint16_t)(rte_lcore_index((int)rte_lcore_id()) - 1);
	struct rte_mbuf *mbufs[PACKET_BURST_MAX];

	while (!__atomic_load_n(&box->shared.stopping, __ATOMIC_RELAXED)) {
		uint16_t n = rte_eth_rx_burst(box->port.id, queue, mbufs, PACKET_BURST_MAX);
		uint16_t n_sent;

		if (box->config->work == BOX_SWAP)
			swap_addresses(mbufs, n);
		n_sent = rte_eth_tx_burst(box->port.id, queue, mbufs, n);
		rte_pktmbuf_free_bulk(mbufs + n_sent, n - n_sent);
	}
	return 0;
}

static int
launch(struct box *box, struct err *err)
{
	unsigned int lcore;
	int rc = 0;

	box->runs = true;
	if (box->config->work == BOX_WEIR) {
		for (unsigned int i = 0; i < box->n_workers && rc == 0; i++)
			rc = worker_launch(box->workers[i]);
	} else {
		RTE_LCORE_FOREACH_WORKER(lcore)
		rc = rte_eal_remote_launch(send_back, box, lcore);
	}
	return rc < 0 ? err_set(err, rc, "a worker does not start: %s", strerror(-rc)) : 0;
}

int
box_start(struct box *box, const struct box_config *config, struct err *err)
{
	int rc;

	*box = (struct box){.config = config, .wake_latency_fd = -1};
	rc = start_eal(box, err);
	if (rc == 0 && config->awake) {
		box->wake_latency_fd = wake_latency_hold(0, err);
		rc = box->wake_latency_fd < 0 ? box->wake_latency_fd : 0;
	}
	if (rc == 0)
		rc = open_port(box, err);
	if (rc == 0)
		rc = start_sources(box, err);
	if (rc == 0 && config->work == BOX_WEIR)
		rc = make_workers(box, err);
	if (rc == 0)
		rc = launch(box, err);
	return rc;
}

void
box_stop(struct box *box)
{
	__atomic_store_n(&box->shared.stopping, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < box->n_workers; i++)
		worker_wake(box->workers[i]);
	if (box->runs)
		rte_eal_mp_wait_lcore();
	snapshot_free((struct snapshot *)(uintptr_t)box->shared.snapshot);
	for (unsigned int i = 0; i < box->n_workers; i++)
		worker_free(box->workers[i]);
	if (box->port_open)
		port_close(&box->port);
	rte_mempool_free(box->pool);
	rte_free(box->rcu);
	if (box->scene_ready)
		scene_fini(&box->scene);
	free(box->sources);
	if (box->wake_latency_fd >= 0)
		close(box->wake_latency_fd);
	eal_free(box->eal);
}

int
box_swap(struct box *box, uint64_t *build_ns, struct err *err)
{
	struct snapshot *old = (struct snapshot *)(uintptr_t)box->shared.snapshot;
	struct snapshot *snapshot;
	uint64_t begin_ns = clock_now_ns();
	int rc = scene_snapshot(&box->scene, &snapshot, old, err);

	if (rc < 0)
		return rc;
	if (build_ns)
		*build_ns = clock_now_ns() - begin_ns;
	for (unsigned int i = 0; i < box->n_workers; i++)
		pipeline_prepare(worker_pipeline(box->workers[i]), snapshot);
	__atomic_store_n(&box->shared.snapshot, snapshot, __ATOMIC_RELEASE);
	rte_rcu_qsbr_synchronize(box->rcu, RTE_QSBR_THRID_INVALID);
	snapshot_free(old);
	return 0;
}

uint64_t
box_verdicts(const struct box *box, enum verdict verdict)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < box->n_workers; i++)
		n += stats_read(
			&pipeline_stats(worker_pipeline(box->workers[i]))->verdicts[verdict]);
	return n;
}

uint64_t
box_events(const struct box *box, enum flow_event event)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < box->n_workers; i++)
		n += stats_read(
			&pipeline_stats(worker_pipeline(box->workers[i]))->flow_events[event]);
	return n;
}

uint64_t
box_flows(const struct box *box)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < box->n_workers; i++)
		n += flow_count(pipeline_flows(worker_pipeline(box->workers[i])));
	return n;
}
