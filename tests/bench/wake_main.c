/* SPDX-License-Identifier: BSD-3-Clause */
/* How late a thread that waits for a timer runs, with nothing to do but that: what no idle node can
 * be quicker than on this machine. Prints percentiles in microseconds. */
#include "common/clock.h"
#include "histogram.h"
#include "parameters.h"

#include <errno.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct job {
	uint32_t times;
	uint32_t interval_ms;
	uint32_t cpu;
};

#define JOB_AT(member) offsetof(struct job, member)

static const struct parameter parameters[] = {
	{"times", "so often", JOB_AT(times), 1, 100000, NULL},
	{"interval-ms", "from one time to the next", JOB_AT(interval_ms), 1, 10000, NULL},
	{"cpu", "where the thread runs", JOB_AT(cpu), 0, 1023, NULL},
};

/* Waits until 'due_ns' as a worker waits for its port. Returns by how much it is late. */
static uint64_t
sleep_until(int poll, int timer, uint64_t due_ns)
{
	const struct itimerspec at = {
		.it_value = {(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)}};
	struct epoll_event event;

	timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
	while (epoll_wait(poll, &event, 1, -1) < 0 && errno == EINTR)
		;
	return clock_now_ns() - due_ns;
}

static json_t *
measure(const struct job *job, int poll, int timer)
{
	static struct histogram late;
	uint64_t due_ns = clock_now_ns();

	for (uint32_t i = 0; i < job->times; i++) {
		due_ns += job->interval_ms * NS_PER_MS;
		histogram_add(&late, sleep_until(poll, timer, due_ns));
	}
	return json_pack("{s:I, s:f, s:f}", "n", (json_int_t)late.n, "p50_us",
		(double)histogram_percentile(&late, 0.5) / 1e3, "p99_us",
		(double)histogram_percentile(&late, 0.99) / 1e3);
}

int
main(int argc, char **argv)
{
	struct job job = {.times = 40, .interval_ms = 50};
	struct epoll_event event = {.events = EPOLLIN};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	int poll = epoll_create1(EPOLL_CLOEXEC);
	cpu_set_t cpus;
	json_t *result;

	parameters_parse(parameters, sizeof(parameters) / sizeof(*parameters), &job, argc, argv);
	CPU_ZERO(&cpus);
	CPU_SET(job.cpu, &cpus);
	if (timer < 0 || poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event) < 0 ||
		sched_setaffinity(0, sizeof(cpus), &cpus) < 0) {
		fprintf(stderr, "bench-wake: cannot wait for a timer on processor %u: %s\n",
			job.cpu, strerror(errno));
		return EXIT_FAILURE;
	}
	result = measure(&job, poll, timer);
	json_dumpf(result, stdout, 0);
	puts("");
	json_decref(result);
	close(poll);
	close(timer);
	return EXIT_SUCCESS;
}
