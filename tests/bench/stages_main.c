/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-stages: what one stage of the packet core costs, as one line of JSON.
 *
 * Measured is a burst at a time, between two readings of the processor's clock; frames are written
 * in between. So many windows of so many milliseconds of measured time are taken, since on a shared
 * machine the speed changes from one moment to the next. With `--count` the program only runs that
 * many bursts in bench_counted(), for callgrind to count what happens in it. */
#include "parameters.h"
#include "stages.h"
#include "windows.h"

#include "common/clock.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <x86intrin.h>

struct job {
	struct load load;
	uint32_t stage;
	uint32_t n_windows;
	uint32_t window_ms;
	uint32_t n_counted;
};

#define JOB_AT(field) offsetof(struct job, field)

static const struct parameter parameters[] = {
	{"stage", "what is measured", JOB_AT(stage), 0, 0, stage_names},
	{"windows", "how often", JOB_AT(n_windows), 1, WINDOWS_MAX, NULL},
	{"window-ms", "how long each time", JOB_AT(window_ms), 1, 10000, NULL},
	{"count", "bursts to be counted by callgrind instead", JOB_AT(n_counted), 0, 1000000, NULL},
	LOAD_PARAMETERS(job, load),
};

/* A name of its own, so that callgrind can be told to look at nothing else. */
void bench_counted(const struct stage *stage, struct stand *stand);

void __attribute__((noinline)) bench_counted(const struct stage *stage, struct stand *stand)
{
	stage->run(stand);
}

/* Ticks that one run takes. */
static uint64_t
run_once(const struct stage *stage, struct stand *stand)
{
	uint64_t begin, ticks;
	unsigned int cpu;

	if (stage->prepare)
		stage->prepare(stand);
	_mm_lfence();
	begin = __rdtsc();
	stage->run(stand);
	ticks = __rdtscp(&cpu) - begin;
	if (stage->undo)
		stage->undo(stand);
	return ticks;
}

static double
ticks_per_ns(void)
{
	uint64_t begin_ns = clock_now_ns();
	uint64_t begin = __rdtsc();
	uint64_t ns;

	while ((ns = clock_now_ns() - begin_ns) < 20 * NS_PER_MS)
		continue;
	return (double)(__rdtsc() - begin) / (double)ns;
}

/* Ticks per unit of work in one window. */
static double
run_window(const struct stage *stage, struct stand *stand, uint64_t n_ticks)
{
	uint64_t n_units = 0, ticks = 0;

	while (ticks < n_ticks) {
		ticks += run_once(stage, stand);
		n_units += stage->n_units;
	}
	return (double)ticks / (double)n_units;
}

static void
measure(const struct job *job, struct stand *stand)
{
	const struct stage *stage = &stages[job->stage];
	double per_ns = ticks_per_ns();
	uint64_t n_ticks = (uint64_t)(per_ns * job->window_ms * (double)NS_PER_MS);
	static struct windows windows; /* In ticks. */
	double best, median;
	json_t *result;

	for (uint32_t i = 0; i < job->n_windows; i++)
		windows_add(&windows, run_window(stage, stand, n_ticks));
	windows_sort(&windows);
	best = windows_best(&windows);
	median = windows_median(&windows);
	result = json_pack("{s:s, s:f, s:f, s:f, s:f}", "stage", stage->name, "best_ns",
		best / per_ns, "median_ns", median / per_ns, "best_cycles", best, "median_cycles",
		median);
	if (!result || json_dumpf(result, stdout, 0) < 0)
		exit(EXIT_FAILURE);
	printf("\n");
	json_decref(result);
}

static void
count(const struct job *job, struct stand *stand)
{
	const struct stage *stage = &stages[job->stage];

	for (uint32_t i = 0; i < job->n_counted; i++) {
		if (stage->prepare)
			stage->prepare(stand);
		bench_counted(stage, stand);
		if (stage->undo)
			stage->undo(stand);
	}
}

int
main(int argc, char **argv)
{
	static struct stand stand;
	struct job job = {.load = LOAD_DEFAULT, .n_windows = 15, .window_ms = 20};

	parameters_parse(parameters, sizeof(parameters) / sizeof(parameters[0]), &job, argc, argv);
	if (stand_init(&stand, &job.load, job.n_counted > 0) < 0) {
		fprintf(stderr, "bench-stages: %s\n", stand.err.text);
		return EXIT_FAILURE;
	}
	if (job.n_counted > 0)
		count(&job, &stand);
	else
		measure(&job, &stand);
	stand_fini(&stand);
	return EXIT_SUCCESS;
}
