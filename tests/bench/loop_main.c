/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-loop: what the whole loop of a worker costs, from a port's receive function to its transmit
 * function, as one line of JSON.
 *
 * First all flows are begun. Then so many windows of so many milliseconds are taken: the workers'
 * processor time in each, for each frame that was received. With `--rate` frames come at that rate
 * and the times that they are in the box are told; with `--swaps` the configuration is replaced so
 * many times a second. */
#include "box.h"
#include "windows.h"

#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SAMPLE_TRIES 100
#define SAMPLE_NS (5 * NS_PER_US)      /* That reading the clocks and counters may take. */
#define BEGIN_LIMIT_NS (60 * NS_PER_S) /* For beginning all flows. */

struct job {
	struct box_config box;
	uint32_t n_windows;
	uint32_t window_ms;
	uint32_t rate;
	uint32_t n_swaps;
};

/* What is counted while windows are taken. */
struct counts {
	uint64_t n_frames;
	uint64_t n_missed;
	uint64_t n_forwarded;
	uint64_t n_untracked;
	uint64_t n_evicted;
	uint64_t cpu_ns;
	uint64_t at_ns;
};

struct result {
	struct windows windows; /* Processor time per frame. */
	struct counts begin, end;
	uint64_t n_swaps;
	uint64_t build_ns; /* Of all swaps. */
};

static const char *const works[] = {"weir", "source", "port", "macswap", NULL};
static const char *const answers[] = {"no", "yes", NULL};

#define JOB_AT(field) offsetof(struct job, field)

static const struct parameter parameters[] = {
	{"work", "what the cores do", JOB_AT(box.work), 0, 0, works},
	{"workers", "how many cores do it", JOB_AT(box.n_workers), 1, BOX_WORKERS_MAX, NULL},
	{"main-cpu", "where the main thread is", JOB_AT(box.main_cpu), 0, 1023, NULL},
	{"cpu", "where the first worker is", JOB_AT(box.first_cpu), 0, 1023, NULL},
	{"waits", "whether a worker can wait for frames", JOB_AT(box.waits), 0, 0, answers},
	{"awake", "whether idle processors may not sleep", JOB_AT(box.awake), 0, 0, answers},
	{"huge-pages", "whether memory has them", JOB_AT(box.huge_pages), 0, 0, answers},
	{"windows", "how often is measured", JOB_AT(n_windows), 1, WINDOWS_MAX, NULL},
	{"window-ms", "how long each time", JOB_AT(window_ms), 1, 10000, NULL},
	{"rate", "frames a second for each worker, 0: as many as it takes", JOB_AT(rate), 0,
		1000000000, NULL},
	{"swaps", "new configurations a second", JOB_AT(n_swaps), 0, 10000, NULL},
	LOAD_PARAMETERS(job, box.load),
};

static void
sleep_until(uint64_t ns)
{
	const struct timespec at = {
		.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

/* Frames of all workers so far, and their threads' processor time then. */
static uint64_t
take_sample(const struct box *box, uint64_t *ns)
{
	uint64_t n = 0;

	*ns = 0;
	for (uint32_t i = 0; i < box->config->n_workers; i++) {
		uint64_t worker_ns;

		n += source_sample(&box->sources[i], &worker_ns);
		*ns += worker_ns;
	}
	return n;
}

static struct counts
take_counts(const struct box *box)
{
	struct counts counts = {.at_ns = clock_now_ns()};

	counts.n_frames = take_sample(box, &counts.cpu_ns);
	for (uint32_t i = 0; i < box->config->n_workers; i++)
		counts.n_missed += __atomic_load_n(&box->sources[i].n_missed, __ATOMIC_RELAXED);
	counts.n_forwarded = box_verdicts(box, V_FORWARD);
	counts.n_untracked = box_events(box, FLOW_UNTRACKED);
	counts.n_evicted = box_events(box, FLOW_EVICTED);
	return counts;
}

static int
begin_flows(const struct box *box, struct err *err)
{
	uint64_t limit_ns = clock_now_ns() + BEGIN_LIMIT_NS;

	for (uint32_t i = 0; i < box->config->n_workers; i++) {
		while (!__atomic_load_n(&box->sources[i].steady, __ATOMIC_RELAXED)) {
			if (clock_now_ns() > limit_ns)
				return err_set(err, -ETIMEDOUT,
					"the flows were not begun in time: is CPU %u free?",
					box->config->first_cpu);
			sleep_until(clock_now_ns() + NS_PER_MS);
		}
	}
	return 0;
}

/* Replaces the configuration at even intervals until 'end_ns'. */
static int
swap_until(struct box *box, const struct job *job, uint64_t end_ns, struct result *result,
	struct err *err)
{
	uint64_t interval_ns = NS_PER_S / job->n_swaps;
	uint64_t next_ns = clock_now_ns() + interval_ns;

	while (next_ns < end_ns) {
		uint64_t build_ns;
		int rc;

		sleep_until(next_ns);
		rc = box_swap(box, &build_ns, err);
		if (rc < 0)
			return rc;
		result->n_swaps++;
		result->build_ns += build_ns;
		next_ns += interval_ns;
	}
	return 0;
}

static int
measure(struct box *box, const struct job *job, struct result *result, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < job->box.n_workers; i++) {
		source_set_rate(&box->sources[i], job->rate);
		__atomic_store_n(&box->sources[i].timing, true, __ATOMIC_RELAXED);
	}
	result->begin = take_counts(box);
	for (uint32_t i = 0; i < job->n_windows && rc == 0; i++) {
		uint64_t end_ns = clock_now_ns() + job->window_ms * NS_PER_MS;
		uint64_t begin_ns, ns;
		uint64_t begin = take_sample(box, &begin_ns);
		uint64_t n;

		if (job->n_swaps > 0)
			rc = swap_until(box, job, end_ns, result, err);
		sleep_until(end_ns);
		n = take_sample(box, &ns) - begin;
		if (n > 0)
			windows_add(&result->windows, (double)(ns - begin_ns) / (double)n);
	}
	result->end = take_counts(box);
	windows_sort(&result->windows);
	return rc;
}

static json_t *
describe_times(const struct box *box)
{
	static struct histogram sum;
	double us = (double)source_tick_hz() / 1e6;

	for (uint32_t i = 0; i < box->config->n_workers; i++) {
		const struct histogram *times = &box->sources[i].times;

		sum.n += times->n;
		sum.max = times->max > sum.max ? times->max : sum.max;
		for (unsigned int j = 0; j < HISTOGRAM_BINS; j++)
			sum.bins[j] += times->bins[j];
	}
	return json_pack("{s:I, s:f, s:f, s:f, s:f}", "n", (json_int_t)sum.n, "p50_us",
		(double)histogram_percentile(&sum, 0.5) / us, "p99_us",
		(double)histogram_percentile(&sum, 0.99) / us, "p999_us",
		(double)histogram_percentile(&sum, 0.999) / us, "max_us", (double)sum.max / us);
}

static int
print(const struct box *box, const struct job *job, const struct result *result)
{
	double best = windows_best(&result->windows);
	double median = windows_median(&result->windows);
	double ticks = (double)source_tick_hz() / 1e9;
	const struct counts *begin = &result->begin, *end = &result->end;
	double wall_ns = (double)(end->at_ns - begin->at_ns);
	json_t *json = json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}",
		"best_ns", best, "median_ns", median, "best_cycles", best * ticks, "median_cycles",
		median * ticks, "frames", (json_int_t)(end->n_frames - begin->n_frames), "missed",
		(json_int_t)(end->n_missed - begin->n_missed), "forwarded",
		(json_int_t)(end->n_forwarded - begin->n_forwarded), "untracked",
		(json_int_t)(end->n_untracked - begin->n_untracked), "evicted",
		(json_int_t)(end->n_evicted - begin->n_evicted), "flows",
		(json_int_t)box_flows(box), "cpu_share",
		(double)(end->cpu_ns - begin->cpu_ns) / wall_ns, "table_mb",
		(double)box->table_bytes / (1 << 20));

	if (!json)
		return -ENOMEM;
	if (job->box.times)
		json_object_set_new(json, "times", describe_times(box));
	if (result->n_swaps > 0)
		json_object_set_new(json, "swaps",
			json_pack("{s:I, s:f}", "n", (json_int_t)result->n_swaps, "build_ms",
				(double)result->build_ns / (double)result->n_swaps / 1e6));
	json_dumpf(json, stdout, 0);
	printf("\n");
	json_decref(json);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct box box;
	static struct result result;
	struct job job = {.box = {.load = LOAD_DEFAULT, .n_workers = 1, .first_cpu = 1},
		.n_windows = 25,
		.window_ms = 20};
	struct err err = {""};
	int rc;

	log_set_level(LOG_ERROR);
	parameters_parse(parameters, sizeof(parameters) / sizeof(parameters[0]), &job, argc, argv);
	job.box.times = job.rate > 0;
	rc = box_start(&box, &job.box, &err);
	if (rc == 0)
		rc = begin_flows(&box, &err);
	if (rc == 0)
		rc = measure(&box, &job, &result, &err);
	if (rc == 0)
		rc = print(&box, &job, &result);
	if (rc < 0)
		fprintf(stderr, "bench-loop: %s\n", err.text);
	box_stop(&box);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
