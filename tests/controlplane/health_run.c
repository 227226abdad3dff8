/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the health checks of a weir.yaml until its standard input ends, and prints a line for each
 * result: "BACKEND up|down REASON". What tests/checks sets before real servers. */
#include "common/config.h"
#include "common/log.h"
#include "controlplane/health.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct run {
	struct model *model;
	struct health *health;
	uv_loop_t loop;
	uv_poll_t input;
};

static void
on_result(void *ctx, size_t pool, size_t backend, bool up, const char *why)
{
	const struct run *run = ctx;

	printf("%s %s %s\n", run->model->pools[pool].backends[backend].name, up ? "up" : "down",
		why);
	fflush(stdout);
}

static void
on_input(uv_poll_t *poll, int status, int events)
{
	struct run *run = poll->data;
	char byte;

	(void)status;
	(void)events;
	if (read(STDIN_FILENO, &byte, 1) > 0)
		return;
	health_free(run->health);
	uv_close((uv_handle_t *)poll, NULL);
}

int
main(int argc, char **argv)
{
	struct err err = {""};
	struct run run = {.model = NULL};

	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&run.loop);
	if (argc != 2 || config_load(argv[1], &run.model, &err) < 0 ||
		health_new(&run.health, &run.loop, run.model, on_result, &run, &err) < 0) {
		fprintf(stderr, "health-run: %s\n", argc == 2 ? err.text : "give a file");
		return EXIT_FAILURE;
	}
	uv_poll_init(&run.loop, &run.input, STDIN_FILENO);
	run.input.data = &run;
	uv_poll_start(&run.input, UV_READABLE, on_input);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	uv_loop_close(&run.loop);
	model_free(run.model);
	return EXIT_SUCCESS;
}
