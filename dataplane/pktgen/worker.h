/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads that send and receive. One may do both, or each has a thread of its own.
 *
 * Between trials no thread runs, and the main thread may use everything here; during one the
 * members are those threads' as the comments say. */
#ifndef DATAPLANE_PKTGEN_WORKER_H
#define DATAPLANE_PKTGEN_WORKER_H

#include "dataplane/pktgen/flight.h"
#include "dataplane/pktgen/flows.h"
#include "dataplane/pktgen/pace.h"
#include "dataplane/pktgen/probe.h"
#include "dataplane/pktgen/rate.h"
#include "dataplane/pktgen/settings.h"
#include "dataplane/pktgen/station.h"
#include "dataplane/port.h"

#include <stdbool.h>
#include <stdint.h>

#define WORKER_BURST 32
#define WORKER_PORTS_MAX 2

struct rte_mbuf;

/* The trial that runs. */
struct worker_order {
	struct pacing pacing;
	uint64_t start_ns;
	uint64_t duration_ns;
	uint64_t ramp_ns;
	uint64_t catch_up_ns;
	uint64_t drain_ns;
};

/* Of the sender alone, but for the counters. */
struct worker_sender {
	struct pace pace;
	uint64_t destination; /* That the moulds have; as worker.next_hop. */
	uint16_t turn;        /* In the order of the sizes. */
	/* Written, and not yet taken by the port. */
	struct rte_mbuf *waiting[WORKER_BURST];
	uint32_t sequences[WORKER_BURST];
	uint16_t n_waiting;
	bool done;       /* Sender: writes, all: read. */
	uint64_t end_ns; /* When it had done; before 'done'. */
	uint64_t sent;   /* Counters; sender: writes, all: read. */
	uint64_t sent_bits;
	uint64_t refused;
};

struct worker {
	const struct settings *settings;
	struct port ports[WORKER_PORTS_MAX]; /* The first one sends, all receive. */
	uint16_t n_ports;
	struct rte_mempool *pool;
	struct probe *probes[SIZES_MAX];
	struct flows *flows;
	struct flight *flight;
	struct station station;
	uint16_t key; /* Of the stamps. */
	struct worker_order order;
	bool stop;         /* Main: writes, all: read. */
	uint64_t next_hop; /* Link-layer address, 0: unknown; receiver: writes, all: read. */
	struct worker_sender sender;
	uint64_t strangers; /* Receiver: writes, all: read. */
};

/* Sends what is due. The end of the trial is 'sender.done'. */
void worker_send(struct worker *worker, uint64_t now_ns);

/* Gives back the buffers that the port has not taken. */
void worker_send_drop(struct worker *worker);

/* Takes and counts what has come, and answers who asks. Returns the number of frames. */
unsigned int worker_receive(struct worker *worker, uint64_t now_ns);

/* Asks for the next hop; main thread. Returns 0, or -ENOBUFS if the port did not take the frame. */
int worker_ask(struct worker *worker);

/* Begins the trial of 'order', whose start_ns is set, on threads of its own. Returns 0 or a
 * negative errno. */
int worker_start(struct worker *worker, const struct worker_order *order);

/* Whether the threads of the trial still run. */
bool worker_runs(const struct worker *worker);

/* Waits for the end of the threads. */
void worker_join(struct worker *worker);

#endif /* DATAPLANE_PKTGEN_WORKER_H */
