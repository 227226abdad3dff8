/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-sim: runs seeded scenarios or scripts of the simulated cluster (world.h).
 *
 *   weir-sim [--seeds N] [--from SEED]   N scenarios, one for each seed (1 000, from 1)
 *   weir-sim --seed SEED                 that of one seed, with its timeline
 *   weir-sim FILE...                     scripts, each with a seed of 1; -v with their timelines
 *
 * A failure is printed with its script and its timeline; the same seed gives the same again. The
 * last line is "N passed, N failed". The exit status is 0 if nothing failed. */
#include "world.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_SIZE 16384
#define FAILURES_MAX 5 /* Printed. */

struct totals {
	struct stage *stage;
	uint64_t n_passed, n_failed, n_events;
	uint64_t longest_double_ns;
	uint64_t n_asked, n_elsewhere, n_broken;
};

static void
explain(struct stage *stage, const char *what, const char *script, uint64_t seed)
{
	struct watch watch;
	uint64_t n_events = 0;

	printf("--- %s\n%s--- timeline\n", what, script);
	script_run(stage, script, seed, stdout, &watch, &n_events);
	printf("--- %s\n", watch.failure[0] ? watch.failure : "all well");
}

static void
run_one(const char *what, const char *script, uint64_t seed, struct totals *totals)
{
	struct watch watch;

	if (script_run(totals->stage, script, seed, NULL, &watch, &totals->n_events)) {
		totals->n_passed++;
	} else if (totals->n_failed++ < FAILURES_MAX) {
		printf("FAILED %s: %s\n", what, watch.failure);
		explain(totals->stage, what, script, seed);
	}
	if (watch.longest_double_ns > totals->longest_double_ns)
		totals->longest_double_ns = watch.longest_double_ns;
	totals->n_asked += watch.n_asked;
	totals->n_elsewhere += watch.n_elsewhere;
	totals->n_broken += watch.n_broken;
}

static void
run_seeds(uint64_t from, uint64_t n, struct totals *totals)
{
	char script[SCRIPT_SIZE], what[64];

	for (uint64_t seed = from; seed < from + n; seed++) {
		generate(seed, script, sizeof(script));
		snprintf(what, sizeof(what), "seed %llu", (unsigned long long)seed);
		run_one(what, script, seed, totals);
	}
}

static void
run_file(const char *path, bool verbose, struct totals *totals)
{
	char script[SCRIPT_SIZE] = "";
	FILE *file = fopen(path, "r");
	size_t size = file ? fread(script, 1, sizeof(script) - 1, file) : 0;

	if (!file || size == sizeof(script) - 1) {
		printf("FAILED %s: cannot be read, or is too long\n", path);
		totals->n_failed++;
	} else if (verbose) {
		explain(totals->stage, path, script, 1);
	} else {
		run_one(path, script, 1, totals);
	}
	if (file)
		fclose(file);
}

static uint64_t
value_of(int argc, char **argv, int *i)
{
	if (++*i < argc)
		return strtoull(argv[*i], NULL, 10);
	fprintf(stderr, "weir-sim: %s needs a number\n", argv[*i - 1]);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct totals totals = {0};
	uint64_t n_seeds = 1000, from = 1;
	bool files = false, verbose = false, one = false;

	/* Dataplanes come and go, and their tables shall not be given back to the kernel each time;
	 * but for the queues of sessions, of which little is ever used. */
	mallopt(M_MMAP_THRESHOLD, 60 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	totals.stage = stage_new();

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seeds") == 0) {
			n_seeds = value_of(argc, argv, &i);
		} else if (strcmp(argv[i], "--from") == 0) {
			from = value_of(argc, argv, &i);
		} else if (strcmp(argv[i], "--seed") == 0) {
			from = value_of(argc, argv, &i);
			one = true;
		} else if (strcmp(argv[i], "-v") == 0) {
			verbose = true;
		} else {
			files = true;
			run_file(argv[i], verbose, &totals);
		}
	}
	if (one) {
		char script[SCRIPT_SIZE];

		generate(from, script, sizeof(script));
		explain(totals.stage, "seed", script, from);
		n_seeds = 1;
	}
	if (!files)
		run_seeds(from, n_seeds, &totals);
	printf("%llu events, longest time with two holders while the network was whole: %.3f ms\n",
		(unsigned long long)totals.n_events, (double)totals.longest_double_ns / NS_PER_MS);
	printf("%llu packets of connections, %llu by another node than before, which did not have "
	       "to know %llu of them\n",
		(unsigned long long)totals.n_asked, (unsigned long long)totals.n_elsewhere,
		(unsigned long long)totals.n_broken);
	stage_free(totals.stage);
	printf("%llu passed, %llu failed\n", (unsigned long long)totals.n_passed,
		(unsigned long long)totals.n_failed);
	return totals.n_failed > 0;
}
