/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-checks: runs the health checks of a weir.yaml for a while, as the control plane does, and
 * prints what they cost and how late they began, as JSON. The first seconds do not count. */
#include "common/clock.h"
#include "common/config.h"
#include "controlplane/health.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct run {
	struct model *model;
	struct health *health;
	uv_loop_t loop;
	uv_timer_t timer;
	struct check_stats stats;
	uint64_t seconds;
	bool counts; /* The warm-up is over. */
	uint64_t begin_ns;
	struct rusage begin;
};

static double
seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void
on_result(void *ctx, size_t pool, size_t backend, bool up, const char *why)
{
	(void)ctx;
	(void)pool;
	(void)backend;
	(void)up;
	(void)why;
}

static void
print_result(const struct run *run)
{
	json_t *late = json_array();
	struct rusage end;
	json_t *json;

	getrusage(RUSAGE_SELF, &end);
	for (unsigned int i = 0; i <= CHECK_STATS_BUCKETS; i++)
		json_array_append_new(
			late, json_pack("[f, I]",
				      i < CHECK_STATS_BUCKETS
					      ? (double)check_stats_bound_ns(i) / (double)NS_PER_MS
					      : -1.0,
				      (json_int_t)run->stats.late[i]));
	json = json_pack("{s:f, s:f, s:f, s:I, s:I, s:I, s:f, s:o}", "seconds",
		(double)(clock_now_ns() - run->begin_ns) / (double)NS_PER_S, "user_s",
		seconds_of(&end.ru_utime) - seconds_of(&run->begin.ru_utime), "system_s",
		seconds_of(&end.ru_stime) - seconds_of(&run->begin.ru_stime), "good",
		(json_int_t)run->stats.n_good, "bad", (json_int_t)run->stats.n_bad, "timeouts",
		(json_int_t)run->stats.n_timeouts, "late_ms_sum",
		(double)run->stats.late_ns / (double)NS_PER_MS, "late_ms", late);
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(json);
}

/* The end of the warm-up, and then of the run. */
static void
on_timer(uv_timer_t *timer)
{
	struct run *run = timer->data;

	if (!run->counts) {
		run->counts = true;
		memset(&run->stats, 0, sizeof(run->stats));
		run->begin_ns = clock_now_ns();
		getrusage(RUSAGE_SELF, &run->begin);
		uv_timer_start(timer, on_timer, run->seconds * 1000, 0);
		return;
	}
	print_result(run);
	health_free(run->health);
	uv_close((uv_handle_t *)timer, NULL);
}

int
main(int argc, char **argv)
{
	struct err err = {"give a file, seconds of warm-up, seconds to count"};
	struct run run = {.model = NULL};
	uint64_t warm_up_s = 0;

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&run.loop);
	if (argc == 4) {
		warm_up_s = strtoull(argv[2], NULL, 10);
		run.seconds = strtoull(argv[3], NULL, 10);
	}
	if (argc != 4 || config_load(argv[1], &run.model, &err) < 0 ||
		health_new(&run.health, &run.loop, run.model, on_result, &run, &err) < 0) {
		fprintf(stderr, "bench-checks: %s\n", err.text);
		return EXIT_FAILURE;
	}
	health_count(run.health, &run.stats);
	uv_timer_init(&run.loop, &run.timer);
	run.timer.data = &run;
	uv_timer_start(&run.timer, on_timer, warm_up_s * 1000, 0);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	uv_loop_close(&run.loop);
	model_free(run.model);
	return EXIT_SUCCESS;
}
