/* SPDX-License-Identifier: BSD-3-Clause */
/* Making workers, starting them, and what the main thread asks of them; see worker.h. */
#include "dataplane/handover.h"
#include "dataplane/stats.h"
#include "dataplane/worker_data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

static void *
alloc_pages(void *ctx, size_t size, size_t alignment)
{
	const struct worker *worker = ctx;

	return rte_zmalloc_socket("pipeline", size, (unsigned int)alignment,
		(int)rte_lcore_to_socket_id(worker->lcore));
}

static void
free_pages(void *ctx, void *pointer)
{
	(void)ctx;
	rte_free(pointer);
}

static struct rte_ring *
make_ring(const struct worker *worker, const char *what, unsigned int n_slots)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u", what, worker->index);
	return rte_ring_create(name, n_slots, (int)rte_lcore_to_socket_id(worker->lcore),
		RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int
worker_new(struct worker **out, const struct worker_config *config, struct err *err)
{
	struct pipeline_config pipeline = config->pipeline;
	int socket = (int)rte_lcore_to_socket_id(config->lcore);
	struct worker *worker =
		rte_zmalloc_socket("worker", sizeof(*worker), RTE_CACHE_LINE_SIZE, socket);
	int rc;

	if (!worker)
		return err_set(err, -ENOMEM, "out of memory");
	worker->shared = config->shared;
	worker->index = config->index;
	worker->lcore = config->lcore;
	worker->port = config->port;
	worker->queue = config->queue;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->host = make_ring(worker, "host", WORKER_HOST_SLOTS);
	worker->inject = make_ring(worker, "inject", WORKER_INJECT_SLOTS);
	rc = handover_new(&worker->handover, config->index, socket, worker->wake_fd);
	config->shared->handovers[config->index] = worker->handover;
	pipeline.memory = (struct memory){.alloc = alloc_pages, .free = free_pages, .ctx = worker};
	if (rc == 0)
		rc = pipeline_new(&worker->pipeline, &pipeline);
	if (rc == 0 && (worker->wake_fd < 0 || !worker->host || !worker->inject))
		rc = -ENOMEM;
	if (rc < 0) {
		worker_free(worker);
		return err_set(err, rc,
			"the tables of worker %u (flows: %u) do not fit: %s: raise memory_mb or "
			"lower flows",
			config->index, pipeline.n_flows, strerror(-rc));
	}
	*out = worker;
	return 0;
}

int
worker_launch(struct worker *worker)
{
	return rte_eal_remote_launch(worker_run, worker, worker->lcore);
}

void
worker_join(struct worker *worker)
{
	rte_eal_wait_lcore(worker->lcore);
}

static void
empty_ring(struct rte_ring *ring)
{
	void *mbuf;

	while (ring && rte_ring_sc_dequeue(ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(ring);
}

void
worker_free(struct worker *worker)
{
	struct rte_mbuf *mbuf;

	if (!worker)
		return;
	empty_ring(worker->host);
	empty_ring(worker->inject);
	handover_free(worker->handover);
	while (worker->pipeline && (mbuf = pipeline_abandon(worker->pipeline)) != NULL)
		rte_pktmbuf_free(mbuf);
	pipeline_free(worker->pipeline);
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	rte_free(worker);
}

void
worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	/* A full counter means that a wake-up is on its way already. */
	if (write(worker->wake_fd, &one, sizeof(one)) < 0)
		return;
}

struct pipeline *
worker_pipeline(struct worker *worker)
{
	return worker->pipeline;
}

uint16_t
worker_port(const struct worker *worker)
{
	return worker->port;
}

uint16_t
worker_queue(const struct worker *worker)
{
	return worker->queue;
}

unsigned int
worker_lcore(const struct worker *worker)
{
	return worker->lcore;
}

int
worker_socket(const struct worker *worker)
{
	return (int)rte_lcore_to_socket_id(worker->lcore);
}

struct rte_ring *
worker_host_ring(struct worker *worker)
{
	return worker->host;
}

int
worker_inject(struct worker *worker, struct rte_mbuf *mbuf)
{
	if (rte_ring_sp_enqueue(worker->inject, mbuf) < 0)
		return -ENOBUFS;
	if (idle_is_woken_by_hand(&worker->idle))
		worker_wake(worker);
	return 0;
}

unsigned int
worker_inject_room(const struct worker *worker)
{
	return rte_ring_free_count(worker->inject);
}

uint64_t
worker_n_inject_drops(const struct worker *worker)
{
	return stats_read(&worker->n_inject_drops);
}
