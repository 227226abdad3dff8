/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker does when there is nothing to do: it polls on for a moment, then waits for the
 * queue's interrupt or the port's descriptor, or sleeps shortly between polls where the driver has
 * neither. All of it is the worker's own but idle_is_woken_by_hand(). */
#ifndef DATAPLANE_IDLE_H
#define DATAPLANE_IDLE_H

#include "dataplane/port.h"

#include <stdbool.h>
#include <stdint.h>

#include <rte_interrupts.h>

enum idle_kind {
	IDLE_SLEEP,      /* Short sleeps between polls: works with every driver. */
	IDLE_INTERRUPT,  /* The queue's interrupt. */
	IDLE_DESCRIPTOR, /* The port's descriptor becomes readable. */
	IDLE_WAKE,       /* There is no queue: others that hand packets over wake the worker. */
};

struct idle {
	const struct port *port; /* NULL with IDLE_WAKE. */
	uint16_t queue;
	int wake_fd;
	uint32_t n_polls; /* In a row that found nothing. */
	struct rte_epoll_event wake_event;
	struct rte_epoll_event rx_event;
	enum idle_kind kind; /* worker: writes, others: read; relaxed atomic. */
};

/* Finds out how to wait for frames of the queue, or for 'wake_fd'. 'port' is NULL if there is no
 * queue. On the worker's thread. */
void idle_begin(struct idle *idle, const struct port *port, uint16_t queue, int wake_fd);

/* "interrupt", ... */
const char *idle_name(const struct idle *idle);

/* Tells that a poll found something. */
static inline void
idle_reset(struct idle *idle)
{
	idle->n_polls = 0;
}

/* Tells that a poll found nothing, and pauses a little. True: there has been nothing for so long
 * that the worker should wait: idle_arm(), a last poll, and if that finds nothing idle_wait(); in
 * any case idle_disarm(). */
bool idle_pause(struct idle *idle);

/* Frames that come from now on end the wait. Returns whether there can be one. */
bool idle_arm(struct idle *idle);
void idle_wait(struct idle *idle);
void idle_disarm(struct idle *idle);

/* Whether the worker may be waiting until its 'wake_fd' is written to. Any thread. */
bool idle_is_woken_by_hand(const struct idle *idle);

#endif /* DATAPLANE_IDLE_H */
