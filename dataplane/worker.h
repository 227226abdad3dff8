/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers: one lcore each, running frames to completion.
 *
 * A worker receives a burst, lets the packet core decide (pipeline.h) and does what the verdicts
 * say. Two single-producer rings join the first worker of a port to the main thread: 'inject'
 * brings frames that the main thread wants sent, and every worker's 'host' ring takes away what is
 * the kernel's. Packets of another worker's flows are handed over to it (handover.h). Nothing else
 * is shared on the packet path. Each RX queue has a worker; a port may have more, which get all
 * their packets from those. A worker with nothing to do waits for the port (its RX interrupt,
 * or its driver's sockets), or sleeps for a moment. */
#ifndef DATAPLANE_WORKER_H
#define DATAPLANE_WORKER_H

#include "common/err.h"
#include "dataplane/pipeline.h"
#include "dataplane/port.h"
#include "dataplane/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

struct handover;
struct rte_mbuf;
struct rte_rcu_qsbr;
struct rte_ring;

#define WORKER_HOST_SLOTS 512    /* Frames on their way to the kernel, of each worker. */
#define WORKER_INJECT_SLOTS 1024 /* Frames on their way out, of each port. */
#define WORKER_CACHE 256         /* Buffers that a thread keeps for itself. */

#define WORKER_NO_QUEUE UINT16_MAX

/* What all workers share with the main thread. */
struct worker_shared {
	struct port *ports; /* Constant once workers run. */
	uint16_t n_ports;
	const struct snapshot *snapshot; /* main: writes (release), workers: read (acquire). */
	struct rte_rcu_qsbr *rcu;        /* Who may still use the previous snapshot. */
	bool stopping;                   /* main: writes, workers: read; relaxed atomic. */
	struct handover *handovers[RSS_WORKERS_MAX]; /* By worker; constant once workers run. */
	void (*host_ready)(void *ctx); /* Called by workers: host rings have frames. */
	void *ctx;
};

struct worker_config {
	struct worker_shared *shared; /* Outlives the worker. */
	unsigned int index;           /* 0, 1, ... over all ports. */
	unsigned int lcore;
	uint16_t port;                   /* Index of the port it receives on. */
	uint16_t queue;                  /* WORKER_NO_QUEUE: other workers of the port receive. */
	struct pipeline_config pipeline; /* Its memory is the worker's to choose. */
};

struct worker;

/* Makes the worker with its pipeline and rings. Returns 0, or a negative errno with 'err' set. */
int worker_new(struct worker **out, const struct worker_config *config, struct err *err);

/* Starts it on its lcore. Returns 0 or a negative errno. */
int worker_launch(struct worker *worker);

/* Waits for it to end, which it does after 'stopping' was set and worker_wake(). */
void worker_join(struct worker *worker);

/* Frees a worker that does not run, with the frames in its rings. NULL is allowed. */
void worker_free(struct worker *worker);

/* Ends its sleep. Any thread. */
void worker_wake(struct worker *worker);

struct pipeline *worker_pipeline(struct worker *worker);
uint16_t worker_port(const struct worker *worker);
uint16_t worker_queue(const struct worker *worker);

unsigned int worker_lcore(const struct worker *worker);

/* NUMA node of its lcore; the worker's memory is there. */
int worker_socket(const struct worker *worker);

/* Frames for the kernel; mbuf->port is the index of the port they came in by. Main thread. */
struct rte_ring *worker_host_ring(struct worker *worker);

/* Hands a frame to be sent by the worker's port to it; on failure (-ENOBUFS) the frame stays the
 * caller's. Main thread. */
int worker_inject(struct worker *worker, struct rte_mbuf *mbuf);

/* How many more frames could be injected now. Main thread. */
unsigned int worker_inject_room(const struct worker *worker);

/* Frames injected that the port did not take. Any thread. */
uint64_t worker_n_inject_drops(const struct worker *worker);

#endif /* DATAPLANE_WORKER_H */
