/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-monitor: starts the probes and the page in order, runs the loop, stops them in reverse. */
#include "common/config.h"
#include "common/http_client.h"
#include "common/log.h"
#include "common/options.h"
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

struct monitor {
	uv_loop_t loop;
	uv_signal_t signals[2];
	struct view *view;
	struct http_client *client;
	struct scraper *scraper;
	struct database_probe *databases;
	struct site_probe *site;
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

static int
start(struct monitor *monitor, const struct options *options, struct err *err)
{
	const struct model *model = options->model;
	const struct http_listener listener = {
		.endpoint = options->node->listen,
		.fd = inherited_socket(),
	};
	int code;

	monitor->view = view_new(model, options->node, wall_now());
	if (!monitor->view)
		return err_set(err, -ENOMEM, "out of memory");
	if ((code = http_client_new(&monitor->client, &monitor->loop, err)) < 0)
		return code;
	if ((code = page_new(&monitor->page, &monitor->loop, &listener, monitor->view,
		     options->node, err)) < 0)
		return code;
	if ((code = database_probe_new(
		     &monitor->databases, &monitor->loop, model, monitor->view, err)) < 0)
		return code;
	if ((code = site_probe_new(&monitor->site, &monitor->loop, model, monitor->client,
		     monitor->view, err)) < 0)
		return code;
	return scraper_new(
		&monitor->scraper, &monitor->loop, model, monitor->client, monitor->view, err);
}

/* Also after a start that failed half-way. The view outlives the pool's last questions. */
static void
stop(struct monitor *monitor)
{
	scraper_free(monitor->scraper);
	site_probe_free(monitor->site);
	database_probe_free(monitor->databases);
	page_free(monitor->page);
	http_client_free(monitor->client);
	for (size_t i = 0; i < sizeof(monitor->signals) / sizeof(monitor->signals[0]); i++)
		uv_close((uv_handle_t *)&monitor->signals[i], NULL);
	uv_run(&monitor->loop, UV_RUN_DEFAULT);
	uv_loop_close(&monitor->loop);
	view_free(monitor->view);
}

static void
on_signal(uv_signal_t *signal, int number)
{
	LOG_INFORM("signal %d: stopping", number);
	uv_stop(signal->loop);
}

int
main(int argc, char **argv)
{
	static const int signals[] = {SIGTERM, SIGINT};
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
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		uv_signal_init(&monitor.loop, &monitor.signals[i]);
		uv_signal_start(&monitor.signals[i], on_signal, signals[i]);
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
