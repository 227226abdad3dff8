/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker from the inside: for worker.c, which is its loop, and worker_life.c, which makes it and
 * takes it away. */
#ifndef DATAPLANE_WORKER_DATA_H
#define DATAPLANE_WORKER_DATA_H

#include "dataplane/batch.h"
#include "dataplane/idle.h"
#include "dataplane/worker.h"

struct worker {
	/* Constant once the worker runs. */
	struct worker_shared *shared;
	struct pipeline *pipeline;
	struct rte_ring *host;
	struct rte_ring *inject;
	struct handover *handover;
	unsigned int index;
	unsigned int lcore;
	uint16_t port;
	uint16_t queue;
	int wake_fd;

	/* The worker's own. */
	uint64_t swept_ns;
	uint64_t turned_ns; /* When the last turn began. */
	struct batch batches[MODEL_PORTS_MAX];
	struct batch to_host;
	struct packet packets[PACKET_BURST_MAX];

	/* Shared with the main thread. */
	struct idle idle;        /* See there. */
	uint64_t n_inject_drops; /* worker: writes, main: reads; relaxed atomic. */
};

/* The loop, until the workers are to stop. 'arg' is the worker. Its lcore's thread. */
int worker_run(void *arg);

#endif /* DATAPLANE_WORKER_DATA_H */
