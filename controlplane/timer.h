/* SPDX-License-Identifier: BSD-3-Clause */
/* A libuv timer with its callback fixed once, so that a callback's own callees can set it again
 * without knowing the callback. */
#ifndef CONTROLPLANE_TIMER_H
#define CONTROLPLANE_TIMER_H

#include <stdint.h>
#include <uv.h>

/* Makes a timer that is not running. Close it with uv_close(). */
static inline void
timer_init(uv_loop_t *loop, uv_timer_t *timer, uv_timer_cb callback, void *data)
{
	uv_timer_init(loop, timer);
	timer->data = data;
	uv_timer_start(timer, callback, 1, 1);
	uv_timer_stop(timer);
}

/* Runs the callback in 'delay_ms' (at least 1), and from then on every 'delay_ms' until it is set
 * again or stopped. Counts from now, not from when the loop last looked at the clock. */
static inline void
timer_set(uv_timer_t *timer, uint64_t delay_ms)
{
	uv_update_time(timer->loop);
	uv_timer_set_repeat(timer, delay_ms > 0 ? delay_ms : 1);
	uv_timer_again(timer);
}

#endif /* CONTROLPLANE_TIMER_H */
