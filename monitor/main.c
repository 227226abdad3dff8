/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-monitor: starts the probes and the page in order, runs the loop, stops them in reverse;
 * takes the cluster file again on SIGHUP. */
#include "common/config.h"
#include "common/http_client.h"
#include "common/log.h"
#include "common/options.h"
#include "common/plan.h"
#include "monitor/database_probe.h"
#include "monitor/page.h"
#include "monitor/scraper.h"
#include "monitor/site_probe.h"
#include "monitor/wall.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <mysql.h>

#define LISTEN_FD_FIRST 3 /* sd_listen_fds(3) */

LOG_MODULE("monitor");

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP};

#define N_SIGNALS (sizeof(signal_numbers) / sizeof(signal_numbers[0]))

/* Those who ask. Each reload makes new ones. */
struct probes {
	struct scraper *scraper;
	struct database_probe *databases;
	struct site_probe *site;
};

struct monitor {
	uv_loop_t loop;
	uv_signal_t signals[N_SIGNALS];
	const struct options *options;
	struct model *reloaded; /* The latest; NULL: options'. */
	struct view *view;
	struct http_client *client;
	struct probes probes;
	struct page *page;
};

/* A socket that the starter of this process has opened for it (LISTEN_FDS, LISTEN_PID), or -1. */
static int
inherited_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	if (!pid || !n || strtol(pid, NULL, 10) != getpid() || strtol(n, NULL, 10) < 1)
		return -1;
	return LISTEN_FD_FIRST;
}

static void
stop_probes(struct probes *probes)
{
	scraper_free(probes->scraper);
	site_probe_free(probes->site);
	database_probe_free(probes->databases);
	*probes = (struct probes){.scraper = NULL};
}

static int
start_probes(struct monitor *monitor, struct model *model, struct probes *out, struct err *err)
{
	uv_loop_t *loop = &monitor->loop;
	struct probes probes = {.scraper = NULL};
	int code = database_probe_new(&probes.databases, loop, model, monitor->view, err);

	if (code == 0)
		code = site_probe_new(
			&probes.site, loop, model, monitor->client, monitor->view, err);
	if (code == 0)
		code = scraper_new(
			&probes.scraper, loop, model, monitor->client, monitor->view, err);
	if (code < 0)
		stop_probes(&probes);
	else
		*out = probes;
	return code;
}

static int
start(struct monitor *monitor, const struct options *options, struct err *err)
{
	const struct http_listener listener = {
		.endpoint = options->node->listen,
		.fd = inherited_socket(),
	};
	int code;

	monitor->options = options;
	monitor->view = view_new(options->model, options->node, wall_now());
	if (!monitor->view)
		return err_set(err, -ENOMEM, "out of memory");
	if ((code = http_client_new(&monitor->client, &monitor->loop, err)) < 0)
		return code;
	if ((code = page_new(&monitor->page, &monitor->loop, &listener, monitor->view,
		     options->node, err)) < 0)
		return code;
	return start_probes(monitor, options->model, &monitor->probes, err);
}

/* Also after a start that failed half-way. The view outlives the pool's last questions. */
static void
stop(struct monitor *monitor)
{
	stop_probes(&monitor->probes);
	page_free(monitor->page);
	http_client_free(monitor->client);
	for (size_t i = 0; i < N_SIGNALS; i++)
		uv_close((uv_handle_t *)&monitor->signals[i], NULL);
	uv_run(&monitor->loop, UV_RUN_DEFAULT);
	uv_loop_close(&monitor->loop);
	view_free(monitor->view);
	model_free(monitor->reloaded);
}

/* --- Reload --- */

static void
log_plan(const struct monitor *monitor, const struct model *former, const struct model *model)
{
	struct plan *plan;

	if (plan_new(&plan, former, model) < 0)
		return;
	plan_log(plan, monitor->options->node);
	plan_free(plan);
}

/* Who looks at the page stays connected, and sees the new picture. */
static int
adopt(struct monitor *monitor, struct model *model, const struct node *self, struct err *err)
{
	struct probes probes;
	int code = start_probes(monitor, model, &probes, err);

	if (code < 0)
		return code;
	code = view_reload(monitor->view, model, self, wall_now());
	if (code < 0) {
		stop_probes(&probes);
		return err_set(err, code, "out of memory");
	}
	stop_probes(&monitor->probes);
	monitor->probes = probes;
	return 0;
}

static void
reload(struct monitor *monitor)
{
	const struct options *options = monitor->options;
	const struct node *self;
	struct model *model;
	struct err err = {""};

	if (options_reload(options, &model, &self, &err) < 0) {
		LOG_ERR("not reloaded, nothing has changed: %s", err.text);
		return;
	}
	if (adopt(monitor, model, self, &err) < 0) {
		LOG_ERR("not reloaded, nothing has changed: %s", err.text);
		model_free(model);
		return;
	}
	log_plan(monitor, monitor->reloaded ? monitor->reloaded : options->model, model);
	model_free(monitor->reloaded);
	monitor->reloaded = model;
	LOG_INFORM("reloaded the cluster file");
}

static void
on_signal(uv_signal_t *signal, int number)
{
	if (number == SIGHUP) {
		reload(signal->data);
		return;
	}
	LOG_INFORM("signal %d: stopping", number);
	uv_stop(signal->loop);
}

int
main(int argc, char **argv)
{
	struct monitor monitor = {.view = NULL};
	char text[ENDPOINT_TEXT_SIZE];
	struct options options;
	struct err err = {""};
	int code;

	options_parse(&options, argc, argv, "weir-monitor", "watches every node of the cluster",
		ROLE_MONITOR);
	signal(SIGPIPE, SIG_IGN);
	mysql_library_init(0, NULL, NULL);
	uv_loop_init(&monitor.loop);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(&monitor.loop, &monitor.signals[i]);
		monitor.signals[i].data = &monitor;
		uv_signal_start(&monitor.signals[i], on_signal, signal_numbers[i]);
	}
	code = start(&monitor, &options, &err);
	if (code < 0) {
		LOG_ERR("%s", err.text);
	} else {
		LOG_INFORM("ready: page on http://%s/",
			endpoint_format(&options.node->listen, text, sizeof(text)));
		uv_run(&monitor.loop, UV_RUN_DEFAULT);
	}
	stop(&monitor);
	mysql_library_end();
	model_free(options.model);
	return code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
