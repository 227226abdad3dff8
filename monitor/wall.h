/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads both clocks for the view. */
#ifndef MONITOR_WALL_H
#define MONITOR_WALL_H

#include "common/clock.h"
#include "monitor/view.h"

static inline struct view_time
wall_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct view_time){
		.now_ns = clock_now_ns(),
		.wall_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS,
	};
}

#endif /* MONITOR_WALL_H */
