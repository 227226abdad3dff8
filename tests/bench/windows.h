/* SPDX-License-Identifier: BSD-3-Clause */
/* What a packet cost in each of many short windows: on a shared machine the speed changes from one
 * moment to the next, so the best window and the middle one are told. */
#ifndef TESTS_BENCH_WINDOWS_H
#define TESTS_BENCH_WINDOWS_H

#include <stdint.h>

#define WINDOWS_MAX 1000

struct windows {
	double ns[WINDOWS_MAX]; /* A packet. */
	uint32_t n;
};

/* One more; what is too much is left out. */
void windows_add(struct windows *windows, double ns);

/* Call it before the others. */
void windows_sort(struct windows *windows);

/* 0 if there is none. */
double windows_best(const struct windows *windows);
double windows_median(const struct windows *windows);

#endif /* TESTS_BENCH_WINDOWS_H */
