/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of a trial; see worker.h. */
#include "dataplane/pktgen/worker.h"

#include "common/clock.h"
#include "dataplane/stats.h"

#include <sched.h>

#include <rte_lcore.h>
#include <rte_pause.h>

/* When the last packets have come, or nobody waits any longer. */
static bool
receiver_done(const struct worker *worker, uint64_t now_ns)
{
	const struct worker_sender *sender = &worker->sender;

	if (!__atomic_load_n(&sender->done, __ATOMIC_ACQUIRE))
		return false;
	return stats_read(&worker->flight->counts.received) >= stats_read(&sender->sent) ||
	       now_ns >= sender->end_ns + worker->order.drain_ns ||
	       __atomic_load_n(&worker->stop, __ATOMIC_RELAXED);
}

/* Threads without cores of their own may keep the one from running that they wait for. */
static void
give_way(const struct worker *worker)
{
	if (worker->settings->cores)
		rte_pause();
	else
		sched_yield();
}

static int
run_both(void *arg)
{
	struct worker *worker = arg;
	uint64_t now_ns = clock_now_ns();

	while (!receiver_done(worker, now_ns)) {
		worker_send(worker, now_ns);
		now_ns = clock_now_ns();
		if (worker_receive(worker, now_ns) == 0)
			give_way(worker);
	}
	return 0;
}

static int
run_sender(void *arg)
{
	struct worker *worker = arg;

	while (!worker->sender.done)
		worker_send(worker, clock_now_ns());
	return 0;
}

static int
run_receiver(void *arg)
{
	struct worker *worker = arg;
	uint64_t now_ns = clock_now_ns();

	while (!receiver_done(worker, now_ns)) {
		if (worker_receive(worker, now_ns) == 0)
			give_way(worker);
		now_ns = clock_now_ns();
	}
	return 0;
}

int
worker_start(struct worker *worker, const struct worker_order *order)
{
	unsigned int lcore = rte_get_next_lcore(-1U, 1, 0);
	uint64_t step = order->pacing.in_bits
				? 8u * (sizes_most(&worker->settings->sizes) + PACE_WIRE_EXTRA)
				: 1;
	int rc;

	worker->order = *order;
	worker->sender = (struct worker_sender){
		.destination = worker->sender.destination, .turn = worker->sender.turn};
	worker->strangers = 0;
	pace_init(&worker->sender.pace, order->ramp_ns ? 1 : order->pacing.rate, step,
		order->catch_up_ns, order->start_ns);
	flight_begin(worker->flight);
	if (worker->settings->n_threads == 1)
		return rte_eal_remote_launch(run_both, worker, lcore);
	rc = rte_eal_remote_launch(run_receiver, worker, lcore);
	if (rc == 0)
		rc = rte_eal_remote_launch(run_sender, worker, rte_get_next_lcore(lcore, 1, 0));
	return rc;
}

bool
worker_runs(const struct worker *worker)
{
	unsigned int lcore;

	(void)worker;
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (rte_eal_get_lcore_state(lcore) == RUNNING)
			return true;
	}
	return false;
}

void
worker_join(struct worker *worker)
{
	rte_eal_mp_wait_lcore();
	worker_send_drop(worker);
}
