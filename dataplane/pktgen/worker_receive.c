/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving side; see worker.h. */
#include "dataplane/pktgen/worker.h"

#include "dataplane/stats.h"
#include "dataplane/vlan.h"

#include <errno.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

/* Which of a port's users the receiver is, and between trials the main thread. */
#define RECEIVER_USER 1

/* Takes a frame over: sends it, or gives it back. */
static int
send_one(struct port *port, struct rte_mbuf *mbuf)
{
	if (port_tag(port, mbuf) && port_transmit(port, RECEIVER_USER, &mbuf, 1) == 1)
		return 0;
	rte_pktmbuf_free(mbuf);
	return -ENOBUFS;
}

/* A frame that is none of the run's: a question, news about the next hop, or none of our business.
 * Returns whether the frame was taken over. */
static bool
take_stranger(struct worker *worker, uint16_t port_index, struct rte_mbuf *mbuf)
{
	struct port *port = &worker->ports[port_index];
	struct packet packet = {
		.data = rte_pktmbuf_mtod(mbuf, uint8_t *),
		.size = mbuf->data_len,
		.headroom = rte_pktmbuf_headroom(mbuf),
		.tailroom = rte_pktmbuf_tailroom(mbuf),
	};
	uint64_t mac = 0;

	stats_add(&worker->strangers, 1);
	if (port->vlan && !vlan_take(&packet, port->vlan))
		return false;
	if (!worker->settings->has_to_mac && port_index == 0 &&
		station_learn(&packet, settings_next_hop(worker->settings), (uint8_t *)&mac))
		__atomic_store_n(&worker->next_hop, mac, __ATOMIC_RELAXED);
	if (!station_answer(&worker->station, &packet, port->mac))
		return false;
	mbuf->data_off = (uint16_t)(packet.data - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)packet.size;
	mbuf->pkt_len = packet.size;
	mbuf->ol_flags = 0;
	send_one(port, mbuf);
	return true;
}

static unsigned int
receive_port(struct worker *worker, uint16_t port_index, uint64_t now_ns)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	uint16_t n = rte_eth_rx_burst(worker->ports[port_index].id, 0, mbufs, WORKER_BURST);
	uint16_t n_kept = 0;
	uint32_t sequence;

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);

		if (stamp_read(frame, mbufs[i]->data_len, worker->key, &sequence))
			flight_arrive(worker->flight, sequence, now_ns);
		else if (take_stranger(worker, port_index, mbufs[i]))
			continue;
		mbufs[n_kept++] = mbufs[i];
	}
	rte_pktmbuf_free_bulk(mbufs, n_kept);
	return n;
}

unsigned int
worker_receive(struct worker *worker, uint64_t now_ns)
{
	unsigned int n = 0;

	for (uint16_t i = 0; i < worker->n_ports; i++)
		n += receive_port(worker, i, now_ns);
	return n;
}

int
worker_ask(struct worker *worker)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->pool);
	size_t size;

	if (!mbuf)
		return -ENOBUFS;
	size = station_ask(&worker->station, settings_next_hop(worker->settings),
		worker->ports[0].mac, rte_pktmbuf_mtod(mbuf, uint8_t *));
	mbuf->data_len = (uint16_t)size;
	mbuf->pkt_len = (uint32_t)size;
	return send_one(&worker->ports[0], mbuf);
}
