/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-apptier: business logic behind HTTP, for the web tier.
 *
 * The main thread handles signals and /metrics; workers (worker.h) serve; a thread of its own
 * brings the schema up to date (migrator.h), and until then requests are answered 503. */
#include "apptier/metrics_page.h"
#include "apptier/migrator.h"
#include "apptier/secret.h"
#include "apptier/worker.h"
#include "common/config.h"
#include "common/http/metrics_http.h"
#include "common/log.h"
#include "common/options.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <mysql.h>

LOG_MODULE("apptier");

#define PROGRAM "weir-apptier"
#define WORKERS_MAX 64

struct daemon {
	struct options options;
	struct worker_config config;
	struct app_modules modules;
	char *password;
	char *read_password; /* NULL: nobody but the writer reads. */
	char *migrate_password;
	char *session_keys;
	struct worker *workers[WORKERS_MAX];
	size_t n_workers;
	struct worker_stats stats[WORKERS_MAX];
	struct migrator *migrator;
	struct metrics_server *metrics;
	uv_loop_t loop;
	uv_signal_t terminate;
	uv_signal_t interrupt;
	uv_signal_t hangup;
};

static void
fill_metrics(void *ctx, struct metrics *metrics)
{
	struct daemon *daemon = ctx;

	for (size_t i = 0; i < daemon->n_workers; i++)
		worker_measure(daemon->workers[i], &daemon->stats[i]);
	metrics_page_write(metrics, &daemon->config, daemon->stats, daemon->n_workers);
}

static void
on_schema_ready(void *ctx)
{
	struct daemon *daemon = ctx;

	for (size_t i = 0; i < daemon->n_workers; i++)
		worker_set_ready(daemon->workers[i]);
}

static void
on_signal(uv_signal_t *signal, int number)
{
	struct daemon *daemon = signal->data;

	if (number == SIGHUP) {
		options_explain_reload(&daemon->options);
		return;
	}
	LOG_INFORM("%s: finishing what is under way", number == SIGTERM ? "SIGTERM" : "SIGINT");
	for (size_t i = 0; i < daemon->n_workers; i++)
		worker_stop(daemon->workers[i]);
	metrics_server_free(daemon->metrics);
	daemon->metrics = NULL;
	uv_close((uv_handle_t *)&daemon->terminate, NULL);
	uv_close((uv_handle_t *)&daemon->interrupt, NULL);
	uv_close((uv_handle_t *)&daemon->hangup, NULL);
}

static int
read_secrets(struct daemon *daemon, struct err *err)
{
	const struct model *model = daemon->options.model;
	int rc;

	if (!model->database.name)
		return err_set(err, -EINVAL, "%s has no 'database' section; the app tier needs one",
			model->path);
	rc = secret_read_line(
		model->database.password_file, "database.password_file", &daemon->password, err);
	if (rc == 0 && model->database.read_user)
		rc = secret_read_line(model->database.read_password_file,
			"database.read_password_file", &daemon->read_password, err);
	if (rc == 0)
		rc = secret_read_line(model->database.migrate_password_file,
			"database.migrate_password_file", &daemon->migrate_password, err);
	if (rc == 0)
		rc = secret_read(model->app.session_key_file, "app.session_key_file",
			&daemon->session_keys, err);
	return rc;
}

static int
make_workers(struct daemon *daemon, struct err *err)
{
	size_t n = daemon->options.model->app.limits.n_threads;

	if (n == 0)
		n = uv_available_parallelism();
	if (n > WORKERS_MAX)
		n = WORKERS_MAX;
	daemon->config = (struct worker_config){
		.model = daemon->options.model,
		.node = daemon->options.node,
		.passwords = {.writer = daemon->password, .reader = daemon->read_password},
		.session_keys = daemon->session_keys,
		.modules = &daemon->modules,
	};
	while (daemon->n_workers < n) {
		int rc = worker_new(&daemon->workers[daemon->n_workers], &daemon->config, err);

		if (rc < 0)
			return rc;
		daemon->n_workers++;
	}
	return 0;
}

/* libuv makes its pool when it is used first, with as many threads as this variable says. */
static void
set_work_threads(uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, n);
	setenv("UV_THREADPOOL_SIZE", text, 1);
}

static int
start(struct daemon *daemon, struct err *err)
{
	const struct app_config *app = &daemon->options.model->app;
	int rc = read_secrets(daemon, err);

	set_work_threads(app->n_work_threads);
	if (rc == 0)
		rc = app_modules_load(&daemon->modules, app->modules, worker_routes, err);
	if (rc == 0)
		rc = make_workers(daemon, err);
	if (rc == 0)
		rc = metrics_server_new(&daemon->metrics, &daemon->loop,
			&daemon->options.node->metrics, fill_metrics, daemon, err);
	for (size_t i = 0; i < daemon->n_workers && rc == 0; i++)
		rc = worker_start(daemon->workers[i], err);
	if (rc == 0)
		rc = migrator_new(&daemon->migrator, daemon->options.model,
			daemon->migrate_password, on_schema_ready, daemon, err);
	return rc;
}

static void
serve(struct daemon *daemon)
{
	char text[ENDPOINT_TEXT_SIZE];

	uv_signal_init(&daemon->loop, &daemon->terminate);
	uv_signal_init(&daemon->loop, &daemon->interrupt);
	uv_signal_init(&daemon->loop, &daemon->hangup);
	daemon->terminate.data = daemon->interrupt.data = daemon->hangup.data = daemon;
	uv_signal_start(&daemon->terminate, on_signal, SIGTERM);
	uv_signal_start(&daemon->interrupt, on_signal, SIGINT);
	uv_signal_start(&daemon->hangup, on_signal, SIGHUP);
	LOG_INFORM("ready: %s serves HTTP at %s with %zu worker%s", daemon->options.node->name,
		endpoint_format(&daemon->options.node->listen, text, sizeof(text)),
		daemon->n_workers, daemon->n_workers == 1 ? "" : "s");
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

/* Ends everything, from whatever point the start has reached. */
static void
stop(struct daemon *daemon)
{
	metrics_server_free(daemon->metrics);
	for (size_t i = 0; i < daemon->n_workers; i++)
		worker_stop(daemon->workers[i]);
	/* It uses the workers to say that it is ready. */
	migrator_free(daemon->migrator);
	for (size_t i = 0; i < daemon->n_workers; i++)
		worker_free(daemon->workers[i]);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	uv_loop_close(&daemon->loop);
	app_modules_unload(&daemon->modules);
	secret_free(daemon->password);
	secret_free(daemon->read_password);
	secret_free(daemon->migrate_password);
	secret_free(daemon->session_keys);
	model_free(daemon->options.model);
}

int
main(int argc, char **argv)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct err err;
	int rc;

	if (!daemon) {
		fprintf(stderr, PROGRAM ": out of memory\n");
		return EXIT_FAILURE;
	}
	options_parse(&daemon->options, argc, argv, PROGRAM,
		"business logic behind HTTP, with MariaDB", ROLE_APP);
	signal(SIGPIPE, SIG_IGN);
	mysql_library_init(0, NULL, NULL);
	uv_loop_init(&daemon->loop);
	rc = start(daemon, &err);
	if (rc == 0)
		serve(daemon);
	else
		fprintf(stderr, PROGRAM ": %s\n", err.text);
	stop(daemon);
	free(daemon);
	mysql_library_end();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
