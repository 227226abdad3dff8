/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting and stopping the whole; see dataplane.h. */
#include "dataplane/dataplane.h"

#include "common/config.h"
#include "common/log.h"
#include "dataplane/control.h"
#include "dataplane/control_capture.h"
#include "dataplane/exception_probes.h"
#include "dataplane/fragment.h"
#include "dataplane/handover.h"
#include "dataplane/intake.h"
#include "dataplane/placement.h"
#include "dataplane/port_rss.h"
#include "dataplane/pulse.h"
#include "dataplane/wake_latency.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

LOG_MODULE("dataplane");

/* Buffers beside those in queues and rings: bursts in hand, and room for a few surprises. */
#define BUFFERS_SPARE 512

/* Frames of one worker handed to the kernel before the next worker's turn. */
#define HOST_BURST 64

static void
on_signal(uv_signal_t *handle, int number)
{
	LOG_INFORM("stopping: %s", strsignal(number));
	uv_stop(handle->loop);
}

/* What can change while it runs comes from the control plane, but for who may use the socket. */
static void
on_hangup(uv_signal_t *handle, int number)
{
	struct dataplane *dataplane = handle->data;
	const struct node *node;
	struct model *model;
	struct err err = {""};

	(void)number;
	options_explain_reload(dataplane->options);
	if (options_reload(dataplane->options, &model, &node, &err) < 0)
		return;
	if (rpc_server_set_access(dataplane->server, &node->lb.control_access, &err) < 0)
		LOG_ERR("control_access: %s", err.text);
	model_free(model);
}

/* Hands what workers left for the kernel to it. */
static void
on_host_frames(uv_async_t *async)
{
	struct dataplane *dataplane = async->data;
	struct rte_mbuf *mbufs[HOST_BURST];
	bool more = false;

	for (unsigned int w = 0; w < dataplane->n_workers; w++) {
		unsigned int n = rte_ring_sc_dequeue_burst(
			worker_host_ring(dataplane->workers[w]), (void **)mbufs, HOST_BURST, NULL);

		for (unsigned int i = 0; i < n; i++)
			exception_write(dataplane->exceptions[mbufs[i]->port], mbufs[i]);
		more = more || n == HOST_BURST;
	}
	/* Timers and the control socket get their turn in between. */
	if (more)
		uv_async_send(async);
}

static void
wake_main(void *ctx)
{
	struct dataplane *dataplane = ctx;

	uv_async_send(&dataplane->host_frames);
}

/* Sends an announcement by a port. Most of the room is left to what the host sends. */
static int
send_frame(void *ctx, uint16_t port, const uint8_t *frame, size_t size)
{
	struct dataplane *dataplane = ctx;
	struct worker *worker = dataplane->first_workers[port];
	struct rte_mbuf *mbuf;
	char *room;

	if (worker_inject_room(worker) < WORKER_INJECT_SLOTS / 2)
		return -ENOBUFS;
	mbuf = rte_pktmbuf_alloc(dataplane->ports[port].pool);
	room = mbuf ? rte_pktmbuf_append(mbuf, (uint16_t)size) : NULL;
	if (room)
		memcpy(room, frame, size);
	if (room && worker_inject(worker, mbuf) == 0)
		return 0;
	LOG_LIMITED(LOG_WARN, "port %s: no room to send an announcement now",
		dataplane->ports[port].name);
	rte_pktmbuf_free(mbuf);
	return -ENOBUFS;
}

static int
open_ports(struct dataplane *dataplane, struct err *err)
{
	const struct lb_node *lb = &dataplane->node->lb;
	unsigned int n_workers = eal_n_workers(lb);

	for (size_t i = 0; i < lb->n_ports; i++) {
		int rc = port_open(
			&dataplane->ports[i], &lb->ports[i], n_workers, dataplane->eal, err);

		if (rc < 0)
			return rc;
		port_describe(&dataplane->ports[i], &dataplane->port_table.ports[i]);
		dataplane->n_ports++;
	}
	dataplane->port_table.n_ports = dataplane->n_ports;
	return 0;
}

static int
make_pools(struct dataplane *dataplane, struct err *err)
{
	uint32_t n_common = BUFFERS_SPARE + dataplane->n_ports * WORKER_INJECT_SLOTS +
			    rte_lcore_count() * (WORKER_HOST_SLOTS + HANDOVER_SLOTS +
							2 * WORKER_CACHE + FRAGMENT_HELD_MAX);

	return pool_set_init(&dataplane->pools, dataplane->ports, dataplane->n_ports, n_common,
		dataplane->node->lb.memory_mb, err);
}

static int
make_persistence(struct dataplane *dataplane)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		return -errno;
	return persistence_new(&dataplane->persistence, PERSISTENCE_ENTRIES, seed);
}

static int
make_tables(struct dataplane *dataplane, struct err *err)
{
	size_t size = rte_rcu_qsbr_get_memsize(DATAPLANE_WORKERS_MAX);
	int rc = nexthop_table_new(&dataplane->nexthops);

	if (rc == 0)
		rc = lease_table_new(&dataplane->leases);
	if (rc == 0)
		rc = make_persistence(dataplane);
	if (rc == 0)
		dataplane->rcu = rte_zmalloc("rcu", size, RTE_CACHE_LINE_SIZE);
	if (rc == 0 && dataplane->rcu)
		rc = rte_rcu_qsbr_init(dataplane->rcu, DATAPLANE_WORKERS_MAX);
	if (rc < 0 || !dataplane->rcu)
		return err_set(err, -ENOMEM, "memory_mb: %u MB are not enough: raise it",
			dataplane->node->lb.memory_mb);
	return 0;
}

static int
start_ports(struct dataplane *dataplane, struct err *err)
{
	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		int rc = port_start(&dataplane->ports[i], dataplane->eal, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Finds out how the ports, which have started, spread packets over the workers. */
static int
describe_ports(struct dataplane *dataplane, struct err *err)
{
	struct steer *steer = &dataplane->steer;
	uint16_t first_worker = 0;

	if (getrandom(&steer->seed, sizeof(steer->seed), 0) < 0)
		return err_set(err, -errno, "no random numbers from the kernel");
	steer->n_workers = (uint16_t)dataplane->n_workers;
	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		port_rss_describe(
			&dataplane->ports[i], first_worker, steer->n_workers, &steer->ports[i]);
		first_worker = (uint16_t)(first_worker + dataplane->ports[i].n_own_workers);
	}
	return 0;
}

static int
make_workers(struct dataplane *dataplane, struct err *err)
{
	uint32_t n_workers = 0;
	struct siphash_key secret;

	if (getrandom(&secret, sizeof(secret), 0) < 0)
		return err_set(err, -errno, "no random numbers from the kernel");
	for (uint16_t port = 0; port < dataplane->n_ports; port++)
		n_workers += dataplane->ports[port].n_own_workers;
	dataplane->shared = (struct worker_shared){
		.ports = dataplane->ports,
		.n_ports = dataplane->n_ports,
		.rcu = dataplane->rcu,
		.host_ready = wake_main,
		.ctx = dataplane,
	};
	for (uint16_t port = 0; port < dataplane->n_ports; port++) {
		const struct port *own = &dataplane->ports[port];

		for (uint16_t i = 0; i < own->n_own_workers; i++) {
			struct worker_config config = {
				.shared = &dataplane->shared,
				.index = dataplane->n_workers,
				.lcore = placement_lcore(dataplane, own),
				.port = port,
				.queue = i < own->n_rx_queues ? i : WORKER_NO_QUEUE,
				.pipeline =
					{
						.n_flows = dataplane->node->lb.n_flows,
						.ports = &dataplane->port_table,
						.nexthops = dataplane->nexthops,
						.leases = dataplane->leases,
						.persistence = dataplane->persistence,
						.cookie_secret = secret,
						.n_workers = n_workers,
						.steer = &dataplane->steer,
						.worker = (uint16_t)dataplane->n_workers,
					},
			};
			struct worker **worker = &dataplane->workers[dataplane->n_workers];
			int rc;

			if (getrandom(&config.pipeline.seed, sizeof(config.pipeline.seed), 0) < 0)
				return err_set(err, -errno, "no random numbers from the kernel");
			rc = worker_new(worker, &config, err);
			if (rc < 0)
				return rc;
			if (i == 0)
				dataplane->first_workers[port] = *worker;
			dataplane->n_workers++;
		}
	}
	return 0;
}

static void
on_views(void *ctx)
{
	struct dataplane *dataplane = ctx;

	intake_renew(dataplane->intake);
}

/* Only where the cluster file has flow sync: the other nodes' flows need memory. */
static int
make_sync(struct dataplane *dataplane, const struct model *model, struct err *err)
{
	struct sync_config config = {
		.node = dataplane->node->name,
		.n_flows = dataplane->node->lb.n_flows * dataplane->n_workers,
		.leases = dataplane->leases,
		.on_views = on_views,
		.ctx = dataplane,
	};
	int rc;

	if (model->flow_sync.n_keys == 0)
		return 0;
	rc = sync_new(&dataplane->sync, &dataplane->loop, &config, err);
	for (unsigned int w = 0; rc == 0 && w < dataplane->n_workers; w++) {
		rc = sync_flows_join(
			sync_flows_of(dataplane->sync), worker_pipeline(dataplane->workers[w]));
		if (rc < 0)
			err_set(err, rc, "worker %u cannot join flow sync: %s", w, strerror(-rc));
	}
	return rc;
}

static int
open_host_interfaces(struct dataplane *dataplane, struct err *err)
{
	struct netlink_config config = {
		.nexthops = dataplane->nexthops, .n_ports = dataplane->n_ports};

	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		int rc = exception_new(&dataplane->exceptions[i],
			dataplane->node->lb.ports[i].host_interface, &dataplane->ports[i],
			dataplane->ports[i].pool, err);

		if (rc < 0)
			return rc;
		config.ifindexes[i] = exception_ifindex(dataplane->exceptions[i]);
	}
	return netlink_new(&dataplane->netlink, &dataplane->loop, &config, err);
}

static int
make_handles(struct dataplane *dataplane, struct err *err)
{
	struct holder_config config = {
		.leases = dataplane->leases,
		.ports = &dataplane->port_table,
		.send = send_frame,
		.ctx = dataplane,
	};
	int rc = holder_new(&dataplane->holder, &dataplane->loop, &config);

	if (rc == 0)
		rc = intake_new(&dataplane->intake, dataplane);
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	uv_async_init(&dataplane->loop, &dataplane->host_frames, on_host_frames);
	dataplane->host_frames.data = dataplane;
	uv_signal_init(&dataplane->loop, &dataplane->on_term);
	uv_signal_init(&dataplane->loop, &dataplane->on_int);
	uv_signal_init(&dataplane->loop, &dataplane->on_hup);
	dataplane->on_hup.data = dataplane;
	dataplane->handles_ready = true;
	uv_signal_start(&dataplane->on_term, on_signal, SIGTERM);
	uv_signal_start(&dataplane->on_int, on_signal, SIGINT);
	uv_signal_start(&dataplane->on_hup, on_hangup, SIGHUP);
	return 0;
}

/* From here on frames flow. */
static int
start_traffic(struct dataplane *dataplane, struct err *err)
{
	dataplane->workers_run = true;
	for (unsigned int w = 0; w < dataplane->n_workers; w++) {
		int rc = worker_launch(dataplane->workers[w]);

		if (rc < 0)
			return err_set(err, rc, "worker %u does not start: %s", w, strerror(-rc));
	}
	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		int rc = exception_start(
			dataplane->exceptions[i], &dataplane->loop, dataplane->first_workers[i]);

		if (rc < 0)
			return err_set(err, rc, "host interface %s: %s",
				dataplane->node->lb.ports[i].host_interface, strerror(-rc));
	}
	if (exception_probes_new(&dataplane->probes, dataplane) < 0 ||
		pulse_new(&dataplane->pulse, dataplane) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int
limit_wake_latency(struct dataplane *dataplane, struct err *err)
{
	int32_t limit_us = dataplane->node->lb.wake_latency_us;

	if (limit_us == MODEL_NO_LIMIT)
		return 0;
	dataplane->wake_latency_fd = wake_latency_hold((uint32_t)limit_us, err);
	return dataplane->wake_latency_fd < 0 ? dataplane->wake_latency_fd : 0;
}

int
dataplane_start(struct dataplane *dataplane, const struct options *options, struct err *err)
{
	const struct model *model = options->model;
	const struct node *node = options->node;
	int rc;

	*dataplane = (struct dataplane){.options = options, .node = node, .wake_latency_fd = -1};
	rc = uv_loop_init(&dataplane->loop);
	if (rc < 0)
		return err_set(err, rc, "cannot make an event loop: %s", uv_strerror(rc));
	dataplane->loop_ready = true;
	/* First of all the socket: a second dataplane of this node must not touch the ports of the
	 * one that runs. Requests wait until the loop runs. */
	rc = rpc_server_new(&dataplane->server, &dataplane->loop, node->lb.control_socket,
		control_methods(), dataplane, err);
	if (rc == 0)
		rc = rpc_server_set_access(dataplane->server, &node->lb.control_access, err);
	if (rc == 0)
		rc = eal_new(&dataplane->eal, model->cluster, node, err);
	if (rc == 0)
		rc = open_ports(dataplane, err);
	if (rc == 0)
		rc = make_pools(dataplane, err);
	if (rc == 0)
		rc = make_tables(dataplane, err);
	if (rc == 0)
		rc = make_workers(dataplane, err);
	if (rc == 0)
		rc = open_host_interfaces(dataplane, err);
	if (rc == 0)
		rc = make_handles(dataplane, err);
	if (rc == 0)
		rc = make_sync(dataplane, model, err);
	if (rc == 0)
		rc = start_ports(dataplane, err);
	if (rc == 0)
		rc = describe_ports(dataplane, err);
	if (rc == 0)
		rc = limit_wake_latency(dataplane, err);
	if (rc == 0)
		rc = start_traffic(dataplane, err);
	return rc;
}

void
dataplane_run(struct dataplane *dataplane)
{
	uv_run(&dataplane->loop, UV_RUN_DEFAULT);
}

static void
stop_workers(struct dataplane *dataplane)
{
	__atomic_store_n(&dataplane->shared.stopping, true, __ATOMIC_RELAXED);
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		worker_wake(dataplane->workers[w]);
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		worker_join(dataplane->workers[w]);
}

/* Closes everything that belongs to the loop, and the loop. */
static void
close_loop(struct dataplane *dataplane)
{
	rpc_server_free(dataplane->server);
	intake_free(dataplane->intake);
	pulse_free(dataplane->pulse);
	capture_end(dataplane);
	sync_close(dataplane->sync);
	holder_free(dataplane->holder);
	netlink_free(dataplane->netlink);
	for (uint16_t i = 0; i < dataplane->n_ports; i++)
		exception_free(dataplane->exceptions[i]);
	if (dataplane->handles_ready) {
		uv_close((uv_handle_t *)&dataplane->host_frames, NULL);
		uv_close((uv_handle_t *)&dataplane->on_term, NULL);
		uv_close((uv_handle_t *)&dataplane->on_int, NULL);
		uv_close((uv_handle_t *)&dataplane->on_hup, NULL);
	}
	uv_run(&dataplane->loop, UV_RUN_DEFAULT);
	uv_loop_close(&dataplane->loop);
}

void
dataplane_stop(struct dataplane *dataplane)
{
	if (dataplane->workers_run)
		stop_workers(dataplane);
	if (dataplane->wake_latency_fd >= 0)
		close(dataplane->wake_latency_fd);
	if (dataplane->loop_ready)
		close_loop(dataplane);
	exception_probes_free(dataplane->probes);
	free(dataplane->signs_told);
	snapshot_free((struct snapshot *)(uintptr_t)dataplane->shared.snapshot);
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		worker_free(dataplane->workers[w]);
	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		port_close(&dataplane->ports[i]);
		rss_free(dataplane->steer.ports[i].rss);
	}
	sync_free(dataplane->sync);
	control_state_free(dataplane->state);
	pool_set_fini(&dataplane->pools);
	nexthop_table_free(dataplane->nexthops);
	lease_table_free(dataplane->leases);
	persistence_free(dataplane->persistence);
	if (dataplane->rcu)
		rte_free(dataplane->rcu);
	eal_free(dataplane->eal);
}
