/* SPDX-License-Identifier: BSD-3-Clause */
/* How long processors may take to wake up: what a packet waits for that comes after a pause. The
 * kernel (power management QoS) then keeps out of the idle states that take longer. */
#ifndef DATAPLANE_WAKE_LATENCY_H
#define DATAPLANE_WAKE_LATENCY_H

#include "common/err.h"

#include <stdint.h>

/* Holds all processors of the machine to 'limit_us' microseconds until the descriptor that is
 * returned is closed, at the latest when the process ends, however it does. Returns a negative
 * errno with 'err' set if the kernel does not take it. */
int wake_latency_hold(uint32_t limit_us, struct err *err);

#endif /* DATAPLANE_WAKE_LATENCY_H */
