/* SPDX-License-Identifier: BSD-3-Clause */
/* Processor time of a thread. On a shared machine others may take the processor from it, and that
 * is not what a packet costs. (The clock of a whole process would not do: the kernel brings only
 * the calling thread's part of it up to date.) */
#ifndef TESTS_BENCH_THREAD_CLOCK_H
#define TESTS_BENCH_THREAD_CLOCK_H

#include <stdint.h>
#include <time.h>

/* 'clock' is pthread_getcpuclockid()'s, or CLOCK_THREAD_CPUTIME_ID. */
static inline uint64_t
thread_clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

#endif /* TESTS_BENCH_THREAD_CLOCK_H */
