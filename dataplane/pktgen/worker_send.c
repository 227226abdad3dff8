/* SPDX-License-Identifier: BSD-3-Clause */
/* The sending side; see worker.h. */
#include "dataplane/pktgen/worker.h"

#include "common/clock.h"
#include "dataplane/stats.h"

#include <rte_mbuf.h>

#define TCP_FLAG_PSH 0x08

/* Which of the port's users the sender is. */
#define SENDER_USER 0

/* The flags of a packet that opens, goes on with or closes its flow. */
static uint8_t
tcp_flags(enum tcp_life life, enum flow_act act)
{
	static const uint8_t flags[][3] = {
		[TCP_LIFE] = {[ACT_OPEN] = TCP_FLAG_SYN,
			[ACT_DATA] = TCP_FLAG_ACK | TCP_FLAG_PSH,
			[ACT_CLOSE] = TCP_FLAG_ACK | TCP_FLAG_FIN},
		[TCP_SYN] = {TCP_FLAG_SYN, TCP_FLAG_SYN, TCP_FLAG_SYN},
		[TCP_DATA] = {TCP_FLAG_ACK, TCP_FLAG_ACK, TCP_FLAG_ACK},
	};

	return flags[life][act];
}

/* Neighbouring flows differ in service port first, then in the client's address. */
static void
fill_fields(struct worker *worker, struct probe_fields *fields)
{
	const struct settings *settings = worker->settings;
	struct flow_packet packet = flows_next(worker->flows);
	uint32_t rest = packet.flow / settings->n_target_ports;

	fields->target_port =
		(uint16_t)(settings->target_port + packet.flow % settings->n_target_ports);
	fields->client = range_base(&settings->clients) + rest % settings->clients.n;
	fields->client_port = (uint16_t)(settings->client_port +
					 rest / settings->clients.n % settings->n_client_ports);
	fields->tcp_flags = tcp_flags(settings->life, packet.act);
}

/* The next hop may have moved: an address was taken over. */
static void
follow_next_hop(struct worker *worker)
{
	uint64_t next_hop = __atomic_load_n(&worker->next_hop, __ATOMIC_RELAXED);

	if (next_hop == worker->sender.destination)
		return;
	for (uint16_t i = 0; i < worker->settings->sizes.n; i++)
		probe_set_destination(worker->probes[i], (const uint8_t *)&next_hop);
	worker->sender.destination = next_hop;
}

static bool
write_one(struct worker *worker, const struct probe *probe)
{
	struct worker_sender *sender = &worker->sender;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->pool);
	uint32_t sequence = worker->flight->next;
	struct probe_fields fields;

	if (!mbuf)
		return false;
	fill_fields(worker, &fields);
	fields.stamp = stamp_make(sequence, worker->key);
	probe_write(probe, &fields, rte_pktmbuf_mtod(mbuf, uint8_t *));
	mbuf->data_len = probe_size(probe);
	mbuf->pkt_len = probe_size(probe);
	sender->waiting[sender->n_waiting] = mbuf;
	sender->sequences[sender->n_waiting] = sequence;
	sender->n_waiting++;
	worker->flight->next++;
	return true;
}

static uint32_t
wire_bits(uint32_t frame_bytes)
{
	return 8 * (frame_bytes + SIZES_FCS + PACE_WIRE_EXTRA);
}

/* Writes as many packets as the pace allows and a burst holds. */
static void
write_due(struct worker *worker)
{
	const struct sizes *sizes = &worker->settings->sizes;
	struct worker_sender *sender = &worker->sender;

	follow_next_hop(worker);
	while (sender->n_waiting < WORKER_BURST) {
		const struct probe *probe = worker->probes[sizes->order[sender->turn]];
		uint64_t cost = worker->order.pacing.in_bits ? wire_bits(probe_size(probe)) : 1;

		if (!pace_take(&sender->pace, cost) || !write_one(worker, probe))
			break;
		if (++sender->turn == sizes->n_order)
			sender->turn = 0;
	}
}

/* Offers the port what waits. A packet's time is that of the offer that was taken. */
static void
hand_over(struct worker *worker, uint64_t now_ns)
{
	struct worker_sender *sender = &worker->sender;
	uint32_t bits = 0;
	uint16_t n, n_left;

	/* The bits are counted before the packets are the port's. */
	for (uint16_t i = 0; i < sender->n_waiting; i++) {
		flight_depart(worker->flight, sender->sequences[i], now_ns);
		bits += wire_bits(sender->waiting[i]->pkt_len);
	}
	n = port_transmit(&worker->ports[0], SENDER_USER, sender->waiting, sender->n_waiting);
	n_left = (uint16_t)(sender->n_waiting - n);
	for (uint16_t i = 0; i < n_left; i++) {
		sender->waiting[i] = sender->waiting[n + i];
		sender->sequences[i] = sender->sequences[n + i];
		bits -= wire_bits(sender->waiting[i]->pkt_len);
	}
	sender->n_waiting = n_left;
	stats_add(&sender->sent, n);
	stats_add(&sender->sent_bits, bits);
	stats_add(&sender->refused, n_left > 0);
}

void
worker_send(struct worker *worker, uint64_t now_ns)
{
	const struct worker_order *order = &worker->order;
	struct worker_sender *sender = &worker->sender;
	uint64_t elapsed_ns = now_ns - order->start_ns;
	bool over = elapsed_ns >= order->duration_ns ||
		    __atomic_load_n(&worker->stop, __ATOMIC_RELAXED);

	if (sender->done)
		return;
	if (!over) {
		pace_advance(&sender->pace,
			pace_ramp(1, order->pacing.rate, order->ramp_ns, elapsed_ns), now_ns);
		write_due(worker);
	}
	if (sender->n_waiting > 0)
		hand_over(worker, now_ns);
	if (!over || (sender->n_waiting > 0 && elapsed_ns < order->duration_ns + order->drain_ns &&
			     !__atomic_load_n(&worker->stop, __ATOMIC_RELAXED)))
		return;
	sender->end_ns = now_ns;
	__atomic_store_n(&sender->done, true, __ATOMIC_RELEASE);
}

void
worker_send_drop(struct worker *worker)
{
	rte_pktmbuf_free_bulk(worker->sender.waiting, worker->sender.n_waiting);
	worker->sender.n_waiting = 0;
}
