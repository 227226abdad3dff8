/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-webtier: HTTPS, static files and the way to the app tier. Options, signals, start and end;
 * the work is done by tier.c and its workers.
 *
 *   SIGTERM, SIGINT  leave: drain and end; again: end at once
 *   SIGHUP           take the cluster file again: certificates, OCSP responses and ticket keys, the
 *                    app nodes and their check
 *   SIGUSR1          begin a new access log file
 *   SIGUSR2          start this program anew, hand the sockets over, and leave */
#include "common/config.h"
#include "common/log.h"
#include "common/options.h"
#include "common/plan.h"
#include "webtier/tier.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

LOG_MODULE("webtier");

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

/* What requests need and give back is kept for the next ones: returning it to the system and
 * asking for it again costs a proxied answer of 16 KiB as much as everything else. */
#define KEPT_BYTES (16 << 20)
#define GROWTH_BYTES (256 << 10)

#define N_SIGNALS (sizeof(signal_numbers) / sizeof(signal_numbers[0]))

struct program {
	uv_loop_t loop;
	uv_signal_t signals[N_SIGNALS];
	struct tier *tier;
	const struct options *options;
	char **argv;
	struct model *reloaded; /* The latest; NULL: options'. */
};

static void
on_left(void *ctx)
{
	struct program *program = ctx;

	for (size_t i = 0; i < N_SIGNALS; i++)
		uv_close((uv_handle_t *)&program->signals[i], NULL);
	tier_free(program->tier);
	program->tier = NULL;
}

/* What the workers use of the first model they go on using: the log says what that is. */
static void
reload(struct program *program)
{
	const struct options *options = program->options;
	const struct model *former = program->reloaded ? program->reloaded : options->model;
	const struct node *node;
	struct model *model;
	struct plan *plan;
	struct err err = {""};

	if (options_reload(options, &model, &node, &err) < 0) {
		LOG_ERR("not reloaded, nothing has changed: %s", err.text);
		return;
	}
	if (tier_reload(program->tier, model, &err) < 0) {
		LOG_ERR("not reloaded: %s", err.text);
		model_free(model);
		return;
	}
	if (plan_new(&plan, former, model) == 0) {
		plan_log(plan, options->node);
		plan_free(plan);
	}
	model_free(program->reloaded);
	program->reloaded = model;
	LOG_INFORM("reloaded the cluster file, certificates and ticket keys");
}

static void
hand_over(struct program *program)
{
	struct err err;

	if (tier_hand_over(program->tier, program->argv, on_left, program, &err) < 0)
		LOG_ERR("not handed over: %s", err.text);
	else
		LOG_INFORM("starting %s anew", program->argv[0]);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	struct program *program = handle->data;

	if (number == SIGHUP)
		reload(program);
	else if (number == SIGUSR1)
		tier_reopen_log(program->tier);
	else if (number == SIGUSR2)
		hand_over(program);
	else
		tier_leave(program->tier, on_left, program);
}

static void
watch_signals(struct program *program)
{
	for (size_t i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(&program->loop, &program->signals[i]);
		program->signals[i].data = program;
		uv_signal_start(&program->signals[i], on_signal, signal_numbers[i]);
	}
}

static int
run(struct program *program, const struct options *options)
{
	struct err err;
	int rc;

	program->options = options;
	rc = tier_new(&program->tier, &program->loop, options->model, options->node, &err);

	if (rc == 0) {
		watch_signals(program);
		rc = tier_start(program->tier, &err);
		if (rc < 0)
			on_left(program);
	}
	if (rc < 0)
		fprintf(stderr, "weir-webtier: %s\n", err.text);
	uv_run(&program->loop, UV_RUN_DEFAULT);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct program program = {.argv = argv};
	struct options options;
	int status;

	options_parse(&options, argc, argv, "weir-webtier",
		"web tier: HTTPS, static files and the way to the app tier", ROLE_WEB);
	signal(SIGPIPE, SIG_IGN);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_TOP_PAD, GROWTH_BYTES);
	if (uv_loop_init(&program.loop) < 0) {
		fprintf(stderr, "weir-webtier: cannot make an event loop\n");
		return EXIT_FAILURE;
	}
	status = run(&program, &options);
	uv_loop_close(&program.loop);
	if (status == EXIT_SUCCESS)
		LOG_INFORM("ended");
	model_free(program.reloaded);
	model_free(options.model);
	return status;
}
