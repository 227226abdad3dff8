/* SPDX-License-Identifier: BSD-3-Clause */
/* The dataplane as the daemon makes it, port, pool, tables and workers, but on net_null ports that
 * a source feeds, and with a scene's snapshots instead of a control socket. Main thread. */
#ifndef TESTS_BENCH_BOX_H
#define TESTS_BENCH_BOX_H

#include "dataplane/eal.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"
#include "load.h"
#include "source.h"

#define BOX_WORKERS_MAX 16

/* What the cores do with the frames. */
enum box_work {
	BOX_WEIR,   /* A worker. */
	BOX_SOURCE, /* Send them back as they are: what source and port cost. */
	BOX_PORT,   /* The same with frames that nobody writes: what the port costs alone. */
	BOX_SWAP,   /* Exchange the Ethernet addresses, as testpmd's macswap. */
};

struct box_config {
	struct load load;
	uint32_t work; /* enum box_work */
	uint32_t n_workers;
	uint32_t main_cpu;
	uint32_t first_cpu; /* Of the workers; the next ones follow, round the machine. */
	uint32_t huge_pages;
	uint32_t times; /* Whether times in the box are to be taken. */
	uint32_t waits; /* Whether the worker (one) can wait for frames that are due. */
	uint32_t awake; /* Whether idle processors are kept from sleeping. */
};

struct box {
	const struct box_config *config;
	struct node node;
	struct lb_port port_config;
	char cores[256];
	struct eal *eal;
	struct port port;
	bool port_open;
	struct rte_mempool *pool;
	struct rte_rcu_qsbr *rcu;
	struct scene scene;
	bool scene_ready;
	struct worker_shared shared;
	struct worker *workers[BOX_WORKERS_MAX];
	unsigned int n_workers;
	struct source *sources; /* One of each worker. */
	uint64_t table_bytes;   /* Of memory for each worker's tables. */
	int wake_latency_fd;
	bool runs;
};

/* Starts everything; frames flow. Returns 0, or a negative errno with 'err' set. */
int box_start(struct box *box, const struct box_config *config, struct err *err);

/* Stops and frees what was started. */
void box_stop(struct box *box);

/* Puts the next snapshot in force, as the daemon does with a new configuration. '*build_ns' is how
 * long making it took. Returns as box_start(). */
int box_swap(struct box *box, uint64_t *build_ns, struct err *err);

/* The sum over all workers of a counter of their statistics. */
uint64_t box_verdicts(const struct box *box, enum verdict verdict);
uint64_t box_events(const struct box *box, enum flow_event event);
uint64_t box_flows(const struct box *box);

#endif /* TESTS_BENCH_BOX_H */
