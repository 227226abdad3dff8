/* SPDX-License-Identifier: BSD-3-Clause */
/* The dataplane process as a whole: what was started, and who owns it.
 *
 * dataplane_start() makes everything in order and dataplane_stop() takes it down in reverse, also
 * when the start failed half way. The members are for the parts that answer questions about the
 * whole (control.c). All of it belongs to the main thread. */
#ifndef DATAPLANE_DATAPLANE_H
#define DATAPLANE_DATAPLANE_H

#include "common/err.h"
#include "common/model.h"
#include "common/options.h"
#include "common/rpc.h"
#include "dataplane/eal.h"
#include "dataplane/exception.h"
#include "dataplane/holder.h"
#include "dataplane/lease.h"
#include "dataplane/netlink.h"
#include "dataplane/nexthop.h"
#include "dataplane/pool_set.h"
#include "dataplane/port.h"
#include "dataplane/port_table.h"
#include "dataplane/sync.h"
#include "dataplane/worker.h"

#include <stdbool.h>
#include <uv.h>

#define DATAPLANE_WORKERS_MAX RSS_WORKERS_MAX /* DPDK's lcores. */

struct dataplane {
	const struct options *options;
	const struct node *node;
	uv_loop_t loop;
	bool loop_ready;
	struct rpc_server *server;
	struct intake *intake;
	struct eal *eal;
	struct port ports[MODEL_PORTS_MAX];
	uint16_t n_ports;
	struct port_table port_table;
	struct steer steer;
	struct pool_set pools;
	struct nexthop_table *nexthops;
	struct lease_table *leases;
	struct persistence *persistence;
	struct rte_rcu_qsbr *rcu;
	struct worker_shared shared;
	struct worker *workers[DATAPLANE_WORKERS_MAX];
	unsigned int n_workers;
	bool workers_run;
	struct worker *first_workers[MODEL_PORTS_MAX]; /* Of each port: it sends for the host. */
	struct exception *exceptions[MODEL_PORTS_MAX];
	struct netlink *netlink;
	struct holder *holder;
	struct sync *sync;           /* NULL: no flow sync. */
	struct control_state *state; /* In force; NULL before the first. */
	struct pulse *pulse;
	struct capture *capture; /* NULL: nobody captures. */
	struct exception_probes *probes;
	uint64_t *signs_told;  /* By backend id; NULL until somebody asks: show_signs.c. */
	uint64_t n_signs_told; /* When all were told. */
	int wake_latency_fd;   /* -1: processors may sleep as they like. */
	uv_async_t host_frames;
	uv_signal_t on_term;
	uv_signal_t on_int;
	uv_signal_t on_hup;
	bool handles_ready;
};

/* Starts the node of 'options', which must outlive it. Returns 0, or a negative errno with 'err'
 * set; then dataplane_stop() is to be called as well. */
int dataplane_start(struct dataplane *dataplane, const struct options *options, struct err *err);

/* Runs until SIGTERM or SIGINT. */
void dataplane_run(struct dataplane *dataplane);

void dataplane_stop(struct dataplane *dataplane);

#endif /* DATAPLANE_DATAPLANE_H */
