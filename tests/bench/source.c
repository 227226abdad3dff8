/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for a port without a wire; see source.h. */
#include "source.h"

#include "common/clock.h"
#include "thread_clock.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/timerfd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>

#define FRACTION_BITS 16
#define SAMPLE_TRIES 100
#define SAMPLE_MAX_NS 5000u /* Between two readings of the clock around a counter. */

static uint64_t *
stamp_of(const struct source *source, struct rte_mbuf *mbuf)
{
	return RTE_MBUF_DYNFIELD(mbuf, source->stamp, uint64_t *);
}

/* How many frames are due, at most 'n_max'. */
static uint16_t
n_due(struct source *source, uint64_t now, uint16_t n_max)
{
	uint64_t interval = __atomic_load_n(&source->wanted_interval, __ATOMIC_RELAXED);
	uint64_t n;

	if (interval != source->interval) {
		source->interval = interval;
		source->due = now << FRACTION_BITS;
	}
	if (interval == 0)
		return n_max;
	if (now << FRACTION_BITS < source->due)
		return 0;
	n = ((now << FRACTION_BITS) - source->due) / interval + 1;
	if (n > SOURCE_QUEUE) {
		uint64_t n_missed = n - SOURCE_QUEUE;

		source->due += n_missed * interval;
		__atomic_store_n(&source->n_missed, source->n_missed + n_missed, __ATOMIC_RELAXED);
		n = SOURCE_QUEUE;
	}
	return (uint16_t)RTE_MIN(n, (uint64_t)n_max);
}

static void
stamp(struct source *source, struct rte_mbuf **mbufs, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		*stamp_of(source, mbufs[i]) = source->due >> FRACTION_BITS;
		source->due += source->interval;
	}
}

/* Stands for the interrupt of a frame that arrives: workers can wait for it. */
static void
set_timer(const struct source *source)
{
	uint64_t now = rte_rdtsc(), due = source->due >> FRACTION_BITS;
	uint64_t hz = rte_get_tsc_hz(), ticks = due > now ? due - now : 0;
	struct itimerspec at = {.it_value = {.tv_sec = (time_t)(ticks / hz),
					.tv_nsec = (long)(ticks % hz * NS_PER_S / hz)}};

	/* Zero would stop it. */
	if (at.it_value.tv_sec == 0 && at.it_value.tv_nsec == 0)
		at.it_value.tv_nsec = 1;
	timerfd_settime(source->timer, 0, &at, NULL);
}

static uint16_t
receive(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n_received, uint16_t n_max,
	void *ctx)
{
	struct source *source = ctx;
	uint16_t n = n_due(source, rte_rdtsc(), n_max);

	(void)queue;
	(void)n_received;
	if (n == 0 || rte_pktmbuf_alloc_bulk(source->pool, mbufs, n) != 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		uint32_t size = source->traffic.frame_size;

		if (!source->blank)
			size = traffic_write(
				&source->traffic, rte_pktmbuf_mtod(mbufs[i], uint8_t *));
		mbufs[i]->data_len = (uint16_t)size;
		mbufs[i]->pkt_len = size;
		mbufs[i]->port = port;
	}
	if (source->interval)
		stamp(source, mbufs, n);
	if (source->interval && source->timer >= 0)
		set_timer(source);
	if (source->n_frames == 0)
		pthread_getcpuclockid(pthread_self(), &source->clock);
	__atomic_store_n(&source->n_frames, source->n_frames + n, __ATOMIC_RELEASE);
	if (!source->steady)
		__atomic_store_n(
			&source->steady, traffic_is_steady(&source->traffic), __ATOMIC_RELAXED);
	return n;
}

static uint16_t
transmit(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n, void *ctx)
{
	struct source *source = ctx;
	uint64_t now = rte_rdtsc();

	(void)port;
	(void)queue;
	if (!__atomic_load_n(&source->timing, __ATOMIC_RELAXED) || source->interval == 0)
		return n;
	for (uint16_t i = 0; i < n; i++)
		histogram_add(&source->times, now - *stamp_of(source, mbufs[i]));
	return n;
}

int
source_init(struct source *source, const struct source_config *config, struct err *err)
{
	static const struct rte_mbuf_dynfield field = {
		.name = "weir_bench_due", .size = sizeof(uint64_t), .align = sizeof(uint64_t)};
	uint16_t port = config->port;
	uint16_t queue = config->queue;

	memset(source, 0, sizeof(*source));
	source->pool = config->pool;
	source->blank = config->blank;
	source->timer = config->timer;
	if (traffic_init(&source->traffic, &config->traffic) < 0)
		return err_set(err, -EINVAL,
			"there is no such traffic: the frames are too small "
			"or the shares too large");
	if (config->blank)
		traffic_skip_beginning(&source->traffic);
	source->stamp = rte_mbuf_dynfield_register(&field);
	if (source->stamp < 0 || !rte_eth_add_rx_callback(port, queue, receive, source) ||
		(config->times && !rte_eth_add_tx_callback(port, queue, transmit, source)))
		return err_set(err, -ENOTSUP, "this DPDK has no callbacks on queues");
	return 0;
}

void
source_set_rate(struct source *source, uint64_t n_per_s)
{
	uint64_t interval = n_per_s ? (rte_get_tsc_hz() << FRACTION_BITS) / n_per_s : 0;

	__atomic_store_n(&source->wanted_interval, interval, __ATOMIC_RELAXED);
}

/* Taken anew if the calling thread has lost its processor in between. */
uint64_t
source_sample(const struct source *source, uint64_t *ns)
{
	uint64_t n = __atomic_load_n(&source->n_frames, __ATOMIC_ACQUIRE);

	*ns = 0;
	for (unsigned int i = 0; n > 0 && i < SAMPLE_TRIES; i++) {
		uint64_t begin_ns = thread_clock_ns(source->clock);

		n = __atomic_load_n(&source->n_frames, __ATOMIC_ACQUIRE);
		*ns = thread_clock_ns(source->clock);
		if (*ns - begin_ns < SAMPLE_MAX_NS)
			break;
	}
	return n;
}

uint64_t
source_tick_hz(void)
{
	return rte_get_tsc_hz();
}
