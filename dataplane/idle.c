/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for frames; see idle.h. */
#include "dataplane/idle.h"

#include "common/log.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_pause.h>

LOG_MODULE("worker");

/* Empty polls before a worker begins to sleep: a few microseconds of traffic's own pauses. */
#define IDLE_POLLS 64
#define SLEEP_MIN_NS UINT64_C(10000)
#define SLEEP_MAX_NS UINT64_C(250000)

/* The longest wait for a frame: expired flows are swept in between. */
#define WAIT_MS 100

static const char *const kind_names[] = {
	[IDLE_SLEEP] = "short sleeps",
	[IDLE_INTERRUPT] = "interrupt",
	[IDLE_DESCRIPTOR] = "descriptor",
	[IDLE_WAKE] = "wake-up",
};

static int
watch(int fd, struct rte_epoll_event *event)
{
	*event = (struct rte_epoll_event){.epdata = {.event = EPOLLIN}};
	return rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_ADD, fd, event);
}

/* Joins the port's interrupt or descriptor and the wake-up to this thread's epoll. */
static enum idle_kind
choose(struct idle *idle)
{
	const struct port *port = idle->port;
	int fd = port ? port->rx_fd : -1;

	if (!port)
		return watch(idle->wake_fd, &idle->wake_event) == 0 ? IDLE_WAKE : IDLE_SLEEP;
	if ((port->rx_fd < 0 && !port->rx_interrupts) ||
		watch(idle->wake_fd, &idle->wake_event) < 0)
		return IDLE_SLEEP;
	if (port->rx_readable)
		fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port->id, idle->queue);
	if (fd >= 0)
		return watch(fd, &idle->rx_event) == 0 ? IDLE_DESCRIPTOR : IDLE_SLEEP;
	if (rte_eth_dev_rx_intr_ctl_q(
		    port->id, idle->queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL) < 0)
		return IDLE_SLEEP;
	return IDLE_INTERRUPT;
}

static void
set_kind(struct idle *idle, enum idle_kind kind)
{
	__atomic_store_n(&idle->kind, kind, __ATOMIC_RELAXED);
}

void
idle_begin(struct idle *idle, const struct port *port, uint16_t queue, int wake_fd)
{
	idle->port = port;
	idle->queue = queue;
	idle->wake_fd = wake_fd;
	set_kind(idle, choose(idle));
}

const char *
idle_name(const struct idle *idle)
{
	return kind_names[idle->kind];
}

bool
idle_pause(struct idle *idle)
{
	struct timespec pause = {0};

	idle->n_polls++;
	if (idle->n_polls < IDLE_POLLS) {
		rte_pause();
		return false;
	}
	if (idle->kind != IDLE_SLEEP)
		return true;
	pause.tv_nsec =
		(long)RTE_MIN(SLEEP_MIN_NS * (idle->n_polls - IDLE_POLLS + 1), SLEEP_MAX_NS);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return false;
}

/* An interrupt is switched on before the last look at the queue, so that a frame in between is not
 * slept over. */
bool
idle_arm(struct idle *idle)
{
	if (idle->kind != IDLE_INTERRUPT ||
		rte_eth_dev_rx_intr_enable(idle->port->id, idle->queue) >= 0)
		return true;
	LOG_INFORM(
		"port %s: RX interrupts do not work here: idle by short sleeps", idle->port->name);
	set_kind(idle, IDLE_SLEEP);
	return false;
}

void
idle_wait(struct idle *idle)
{
	struct rte_epoll_event events[2];

	(void)idle;
	rte_epoll_wait(RTE_EPOLL_PER_THREAD, events, 2, WAIT_MS);
}

void
idle_disarm(struct idle *idle)
{
	uint64_t count;

	if (idle->kind == IDLE_INTERRUPT)
		rte_eth_dev_rx_intr_disable(idle->port->id, idle->queue);
	while (read(idle->wake_fd, &count, sizeof(count)) > 0)
		continue;
}

bool
idle_is_woken_by_hand(const struct idle *idle)
{
	return __atomic_load_n(&idle->kind, __ATOMIC_RELAXED) != IDLE_SLEEP;
}
