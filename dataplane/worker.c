/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of a worker; see worker.h. */
#include "dataplane/worker.h"

#include "common/clock.h"
#include "common/log.h"
#include "dataplane/handover.h"
#include "dataplane/stats.h"
#include "dataplane/vlan.h"
#include "dataplane/worker_data.h"

#include <string.h>
#include <sys/prctl.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

LOG_MODULE("worker");

/* No turn takes so long: the process stood still. See pulse.h for what the host sends. */
#define STILL_NS (300 * NS_PER_MS)

#define SWEEP_NS NS_PER_MS
#define SWEEP_ROUNDS_MAX 64 /* Rounds made up for at once after a sleep. */

/* Fills packets from received buffers. Returns how many; frames of other VLANs than the port's are
 * freed, and buffers that cannot be made one piece, which only happens when the pool is empty. */
static unsigned int
fill_packets(struct worker *worker, struct rte_mbuf **mbufs, unsigned int n)
{
	uint16_t port = worker->port, vlan = worker->shared->ports[port].vlan;
	unsigned int n_packets = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *mbuf = mbufs[i];
		struct packet *packet = &worker->packets[n_packets];
		uint64_t checksum = mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

		if (__builtin_expect(mbuf->nb_segs > 1, 0) && rte_pktmbuf_linearize(mbuf) != 0) {
			rte_pktmbuf_free(mbuf);
			continue;
		}
		packet->data = rte_pktmbuf_mtod(mbuf, uint8_t *);
		/* All headers are on their way when the first is parsed. */
		rte_prefetch0(packet->data);
		packet->size = rte_pktmbuf_data_len(mbuf);
		packet->headroom = rte_pktmbuf_headroom(mbuf);
		packet->tailroom = rte_pktmbuf_tailroom(mbuf);
		packet->in_port = port;
		packet->out_port = port;
		packet->flags = checksum == RTE_MBUF_F_RX_IP_CKSUM_GOOD ? PACKET_CHECKSUM_GOOD : 0;
		packet->buffer = mbuf;
		if (vlan && !vlan_take(packet, vlan)) {
			pipeline_refuse(worker->pipeline, packet->size, V_DROP_VLAN);
			rte_pktmbuf_free(mbuf);
			continue;
		}
		n_packets++;
	}
	return n_packets;
}

static void
drop_rest(struct worker *worker, struct batch *batch, unsigned int n_done, enum verdict verdict)
{
	for (unsigned int i = n_done; i < batch->n; i++) {
		pipeline_recount(worker->pipeline, (enum verdict)batch->verdicts[i], verdict);
		rte_pktmbuf_free(batch->mbufs[i]);
	}
	batch->n = 0;
}

static void
flush_handed_over(struct worker *worker)
{
	struct rte_mbuf *refused[PACKET_BURST_MAX];
	unsigned int n = handover_flush(worker->handover, worker->shared->handovers, refused);

	for (unsigned int i = 0; i < n; i++)
		pipeline_recount(worker->pipeline, V_STEER, V_DROP_STEER_FULL);
	rte_pktmbuf_free_bulk(refused, n);
}

static void
flush_batches(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;

	for (uint16_t i = 0; i < shared->n_ports; i++) {
		struct batch *batch = &worker->batches[i];
		uint16_t n_sent;

		if (batch->n == 0)
			continue;
		n_sent = port_transmit(&shared->ports[i], worker->index, batch->mbufs, batch->n);
		/* Some drivers make room for new frames only in the call that finds none. */
		if (n_sent < batch->n)
			n_sent += port_transmit(&shared->ports[i], worker->index,
				batch->mbufs + n_sent, batch->n - n_sent);
		drop_rest(worker, batch, n_sent, V_DROP_TX_FULL);
	}
	if (worker->to_host.n > 0) {
		unsigned int n = rte_ring_sp_enqueue_burst(
			worker->host, (void **)worker->to_host.mbufs, worker->to_host.n, NULL);

		drop_rest(worker, &worker->to_host, n, V_DROP_HOST_FULL);
		shared->host_ready(shared->ctx);
	}
	flush_handed_over(worker);
}

/* Gives the packets of a batch from 'first' on their port's tag. */
static void
tag_packets(struct worker *worker, const struct port *port, struct batch *batch, unsigned int first)
{
	unsigned int n = batch->n;

	batch->n = (uint16_t)first;
	for (unsigned int i = first; i < n; i++) {
		struct rte_mbuf *mbuf = batch->mbufs[i];
		uint8_t verdict = batch->verdicts[i];

		if (!port_tag(port, mbuf)) {
			pipeline_recount(worker->pipeline, (enum verdict)verdict, V_DROP_NO_ROOM);
			rte_pktmbuf_free(mbuf);
			continue;
		}
		batch->mbufs[batch->n] = mbuf;
		batch->verdicts[batch->n++] = verdict;
	}
}

/* Makes packets ready to leave by a port: the first of 'n', and those behind it that leave by the
 * same one. Returns how many. */
static unsigned int
add_to_port(struct worker *worker, const struct packet *packets, unsigned int n)
{
	uint16_t out_port = packets->out_port;
	struct batch *batch = &worker->batches[out_port];
	const struct port *port = &worker->shared->ports[out_port];
	unsigned int first = batch->n, n_added = 0;

	do {
		const struct packet *packet = &packets[n_added];

		batch->mbufs[first + n_added] = batch_take_buffer(packet);
		batch->verdicts[first + n_added] = (uint8_t)packet->verdict;
		n_added++;
	} while (n_added < n && verdict_leaves(packets[n_added].verdict) &&
		 packets[n_added].out_port == out_port);
	batch->n = (uint16_t)(first + n_added);
	if (__builtin_expect(port->vlan, 0))
		tag_packets(worker, port, batch, first);
	return n_added;
}

/* Adds what the packet core sends besides. Without a buffer it is lost, as on the wire. */
static void
add_made(struct worker *worker)
{
	const struct outbox *outbox = pipeline_outbox(worker->pipeline);

	for (unsigned int i = 0; i < outbox->n; i++) {
		const struct outbox_frame *frame = &outbox->frames[i];
		struct port *port = &worker->shared->ports[frame->out_port];
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->shared->ports[worker->port].pool);

		if (!mbuf)
			continue;
		memcpy(rte_pktmbuf_append(mbuf, frame->size), frame->bytes, frame->size);
		port_tag(port, mbuf);
		if (port_transmit(port, worker->index, &mbuf, 1) != 1)
			rte_pktmbuf_free(mbuf);
	}
}

/* Does with packets what their verdicts say. */
static void
act(struct worker *worker, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct packet *packet = &worker->packets[i];

		if (verdict_leaves(packet->verdict))
			i += add_to_port(worker, packet, n - i) - 1;
		else if (packet->verdict == V_HOST)
			batch_add(&worker->to_host, packet);
		else if (packet->verdict == V_STEER)
			handover_add(worker->handover, packet);
		else if (packet->verdict != V_HOLD)
			rte_pktmbuf_free(packet->buffer);
	}
	flush_batches(worker);
	if (pipeline_outbox(worker->pipeline)->n > 0)
		add_made(worker);
}

/* Handles packets that had been held and need be no longer. */
static void
release_held(struct worker *worker, const struct snapshot *snapshot, uint64_t now_ns)
{
	unsigned int n;

	while ((n = pipeline_release(worker->pipeline, snapshot, worker->packets, now_ns)) > 0)
		act(worker, n);
}

/* Receives and handles one burst. Returns how many frames there were. */
static unsigned int
run_burst(struct worker *worker, uint64_t now_ns)
{
	struct worker_shared *shared = worker->shared;
	const struct snapshot *snapshot = __atomic_load_n(&shared->snapshot, __ATOMIC_ACQUIRE);
	struct rte_mbuf *mbufs[PACKET_BURST_MAX];
	unsigned int n_received = 0;

	if (worker->queue != WORKER_NO_QUEUE)
		n_received = rte_eth_rx_burst(
			shared->ports[worker->port].id, worker->queue, mbufs, PACKET_BURST_MAX);
	if (n_received > 0) {
		unsigned int n = fill_packets(worker, mbufs, n_received);

		pipeline_run(worker->pipeline, snapshot, worker->packets, n, now_ns);
		act(worker, n);
	}
	release_held(worker, snapshot, now_ns);
	return n_received;
}

/* Handles what other workers have handed over. Returns how many frames there were. */
static unsigned int
run_handed_over(struct worker *worker, uint64_t now_ns)
{
	const struct snapshot *snapshot =
		__atomic_load_n(&worker->shared->snapshot, __ATOMIC_ACQUIRE);
	unsigned int n = handover_take(worker->handover, worker->packets);

	if (n > 0) {
		pipeline_take(worker->pipeline, snapshot, worker->packets, n, now_ns);
		act(worker, n);
	}
	return n;
}

/* Sends what the main thread injected. Returns how many frames there were. */
static unsigned int
run_injected(struct worker *worker)
{
	struct rte_mbuf *mbufs[PACKET_BURST_MAX];
	unsigned int n =
		rte_ring_sc_dequeue_burst(worker->inject, (void **)mbufs, PACKET_BURST_MAX, NULL);
	struct port *port = &worker->shared->ports[worker->port];
	unsigned int n_sent = 0;

	if (n == 0)
		return 0;
	/* They come from the pool, with room in front. */
	for (unsigned int i = 0; i < n; i++)
		port_tag(port, mbufs[i]);
	n_sent = port_transmit(port, worker->index, mbufs, (uint16_t)n);
	/* As in flush_batches(). */
	if (n_sent < n)
		n_sent +=
			port_transmit(port, worker->index, mbufs + n_sent, (uint16_t)(n - n_sent));
	if (n_sent < n) {
		stats_add(&worker->n_inject_drops, n - n_sent);
		rte_pktmbuf_free_bulk(mbufs + n_sent, n - n_sent);
	}
	return n;
}

/* Frames that waited while the process stood still may say what is no longer true. */
static void
note_turn(struct worker *worker, uint64_t now_ns)
{
	bool stood_still = now_ns - worker->turned_ns > STILL_NS;
	struct rte_mbuf *mbuf;

	worker->turned_ns = now_ns;
	while (stood_still && rte_ring_sc_dequeue(worker->inject, (void **)&mbuf) == 0) {
		stats_add(&worker->n_inject_drops, 1);
		rte_pktmbuf_free(mbuf);
	}
}

static void
sweep(struct worker *worker, uint64_t now_ns)
{
	uint64_t n_rounds = (now_ns - worker->swept_ns) / SWEEP_NS;

	if (n_rounds == 0)
		return;
	worker->swept_ns = now_ns;
	pipeline_sweep(worker->pipeline, now_ns,
		(uint32_t)RTE_MIN(n_rounds, (uint64_t)SWEEP_ROUNDS_MAX) * FLOW_SWEEP_BUCKETS);
	pipeline_share(worker->pipeline,
		__atomic_load_n(&worker->shared->snapshot, __ATOMIC_ACQUIRE), now_ns);
}

/* Waits for a frame or a wake-up, unless there is something after all. */
static void
wait_for_frames(struct worker *worker, uint64_t now_ns)
{
	struct rte_rcu_qsbr *rcu = worker->shared->rcu;

	if (!idle_arm(&worker->idle))
		return;
	handover_sleep(worker->handover);
	if (run_burst(worker, now_ns) == 0 && rte_ring_empty(worker->inject) &&
		handover_is_empty(worker->handover)) {
		rte_rcu_qsbr_thread_offline(rcu, worker->index);
		idle_wait(&worker->idle);
		rte_rcu_qsbr_thread_online(rcu, worker->index);
	}
	handover_awake(worker->handover);
	idle_disarm(&worker->idle);
}

int
worker_run(void *arg)
{
	struct worker *worker = arg;
	struct worker_shared *shared = worker->shared;

	/* The default slack of 50 us would make short sleeps long. */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	idle_begin(&worker->idle,
		worker->queue == WORKER_NO_QUEUE ? NULL : &shared->ports[worker->port],
		worker->queue, worker->wake_fd);
	LOG_DBG("worker %u: port %s on lcore %u, idle by %s", worker->index,
		shared->ports[worker->port].name, worker->lcore, idle_name(&worker->idle));
	worker->swept_ns = clock_now_ns();
	worker->turned_ns = worker->swept_ns;
	rte_rcu_qsbr_thread_register(shared->rcu, worker->index);
	rte_rcu_qsbr_thread_online(shared->rcu, worker->index);
	while (!__atomic_load_n(&shared->stopping, __ATOMIC_RELAXED)) {
		uint64_t now_ns = clock_now_ns();
		unsigned int n;

		note_turn(worker, now_ns);
		n = run_burst(worker, now_ns) + run_handed_over(worker, now_ns) +
		    run_injected(worker);

		rte_rcu_qsbr_quiescent(shared->rcu, worker->index);
		sweep(worker, now_ns);
		if (n > 0)
			idle_reset(&worker->idle);
		else if (idle_pause(&worker->idle))
			wait_for_frames(worker, now_ns);
	}
	rte_rcu_qsbr_thread_offline(shared->rcu, worker->index);
	rte_rcu_qsbr_thread_unregister(shared->rcu, worker->index);
	return 0;
}
