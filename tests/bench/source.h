/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for a port that has no wire: a callback on a receive queue of net_null allocates buffers
 * and writes the headers of the next frames into them, as many as are due; the driver's transmit
 * function frees them. So the worker's own loop runs on real ethdev calls, and what the source
 * costs can be measured by running it without a worker.
 *
 * At a given rate frames are due at even intervals, whether or not anybody asks for them: the time
 * that a frame is in the box counts from then, and frames wait for at most SOURCE_QUEUE others. */
#ifndef TESTS_BENCH_SOURCE_H
#define TESTS_BENCH_SOURCE_H

#include "common/err.h"
#include "histogram.h"
#include "traffic.h"

#include <stdbool.h>
#include <time.h>

struct rte_mempool;

#define SOURCE_QUEUE 1024

struct source {
	struct traffic traffic;
	struct rte_mempool *pool;
	bool blank; /* Frames are left as they are: only the driver's part is measured. */
	int stamp;  /* Offset in a buffer of the time at which the frame was due. */
	/* Frames are due every so many ticks, in fractions of 2^-16; 0: always. */
	uint64_t interval;
	uint64_t due; /* Tick at which the next one is, in fractions as well. */
	struct histogram times;
	int timer; /* Readable when the next frame is due, as a driver's descriptor; -1: none. */

	/* main: writes, worker: reads; relaxed atomic. */
	uint64_t wanted_interval;
	bool timing; /* Whether times are kept. */
	/* worker: writes, main: reads; relaxed atomic. */
	uint64_t n_frames;
	uint64_t n_missed;
	bool steady;     /* All flows have been begun. */
	clockid_t clock; /* Processor time of the worker's thread; set before 'n_frames' is. */
};

struct source_config {
	struct traffic_config traffic;
	struct rte_mempool *pool;
	uint16_t port;
	uint16_t queue;
	bool blank;
	bool times; /* Take the times of frames that leave by the queue of the same number. */
	int timer;  /* A timerfd to be set to when a frame is due; -1: none. The caller's. */
};

/* Prepares the source and puts it on its queue. Returns 0, or a negative errno with 'err' set. */
int source_init(struct source *source, const struct source_config *config, struct err *err);

/* How many frames a second are due from now on; 0: as many as are asked for. Main thread. */
void source_set_rate(struct source *source, uint64_t n_per_s);

/* Frames so far, and in '*ns' the processor time of the worker's thread then. Main thread. */
uint64_t source_sample(const struct source *source, uint64_t *ns);

/* Ticks a second, of the times that sources take. */
uint64_t source_tick_hz(void);

#endif /* TESTS_BENCH_SOURCE_H */
