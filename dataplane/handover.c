/* SPDX-License-Identifier: BSD-3-Clause */
/* Handing packets over; see handover.h. */
#include "dataplane/handover.h"

#include "dataplane/batch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

struct handover {
	struct rte_ring *ring;
	int wake_fd;

	/* The worker's own: what it has put aside, in order. */
	unsigned int n;
	struct rte_mbuf *mbufs[PACKET_BURST_MAX];
	uint16_t owners[PACKET_BURST_MAX];

	/* worker: writes, others: read; atomic. */
	bool sleeping __rte_cache_aligned;
};

int
handover_new(struct handover **out, unsigned int index, int socket, int wake_fd)
{
	char name[RTE_RING_NAMESIZE];
	struct handover *handover =
		rte_zmalloc_socket("handover", sizeof(*handover), RTE_CACHE_LINE_SIZE, socket);

	if (!handover)
		return -ENOMEM;
	handover->wake_fd = wake_fd;
	snprintf(name, sizeof(name), "handover%u", index);
	handover->ring = rte_ring_create(name, HANDOVER_SLOTS, socket, RING_F_SC_DEQ);
	if (!handover->ring) {
		rte_free(handover);
		return -ENOMEM;
	}
	*out = handover;
	return 0;
}

void
handover_free(struct handover *handover)
{
	void *mbuf;

	if (!handover)
		return;
	while (rte_ring_sc_dequeue(handover->ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(handover->ring);
	rte_free(handover);
}

void
handover_add(struct handover *handover, const struct packet *packet)
{
	handover->mbufs[handover->n] = batch_take_buffer(packet);
	handover->owners[handover->n] = packet->owner;
	handover->n++;
}

/* The ring must be seen to have the packets before 'sleeping' is looked at, as the sleeper looks
 * at the ring after it has set it. */
static void
wake(struct handover *handover)
{
	uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&handover->sleeping, __ATOMIC_RELAXED) ||
		!__atomic_exchange_n(&handover->sleeping, false, __ATOMIC_RELAXED))
		return;
	/* A full counter means that a wake-up is on its way already. */
	if (write(handover->wake_fd, &one, sizeof(one)) < 0)
		return;
}

unsigned int
handover_flush(struct handover *handover, struct handover *const *all, struct rte_mbuf **refused)
{
	unsigned int n_refused = 0;

	/* Those for one owner at once, in their order. */
	while (handover->n > 0) {
		uint16_t owner = handover->owners[0];
		void *taken[PACKET_BURST_MAX];
		unsigned int n_taken = 0, n_left = 0, n_sent;

		for (unsigned int i = 0; i < handover->n; i++) {
			if (handover->owners[i] == owner) {
				taken[n_taken++] = handover->mbufs[i];
				continue;
			}
			handover->mbufs[n_left] = handover->mbufs[i];
			handover->owners[n_left++] = handover->owners[i];
		}
		handover->n = n_left;
		n_sent = rte_ring_mp_enqueue_burst(all[owner]->ring, taken, n_taken, NULL);
		if (n_sent > 0)
			wake(all[owner]);
		while (n_sent < n_taken)
			refused[n_refused++] = taken[n_sent++];
	}
	return n_refused;
}

unsigned int
handover_take(struct handover *handover, struct packet *packets)
{
	struct rte_mbuf *mbufs[PACKET_BURST_MAX];
	unsigned int n =
		rte_ring_sc_dequeue_burst(handover->ring, (void **)mbufs, PACKET_BURST_MAX, NULL);

	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *mbuf = mbufs[i];

		rte_prefetch0(rte_pktmbuf_mtod(mbuf, void *));
		packets[i] = (struct packet){
			.data = rte_pktmbuf_mtod(mbuf, uint8_t *),
			.size = rte_pktmbuf_data_len(mbuf),
			.headroom = rte_pktmbuf_headroom(mbuf),
			.tailroom = rte_pktmbuf_tailroom(mbuf),
			.in_port = mbuf->port,
			.out_port = mbuf->port,
			/* Who sent it has verified the header. */
			.flags = PACKET_STEERED | PACKET_CHECKSUM_GOOD,
			.buffer = mbuf,
		};
	}
	return n;
}

void
handover_sleep(struct handover *handover)
{
	__atomic_store_n(&handover->sleeping, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
handover_awake(struct handover *handover)
{
	__atomic_store_n(&handover->sleeping, false, __ATOMIC_RELAXED);
}

bool
handover_is_empty(const struct handover *handover)
{
	return rte_ring_empty(handover->ring);
}
