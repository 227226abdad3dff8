/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-controlplane: elects the owner of the virtual addresses, checks the backends, and tells the
 * dataplane what to do. This file starts the parts in order, passes word between them, and stops
 * them in reverse; it decides nothing. One thread, one libuv loop. */
#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/options.h"
#include "common/source_lists.h"
#include "controlplane/admin.h"
#include "controlplane/cluster.h"
#include "controlplane/dataplane_client.h"
#include "controlplane/election.h"
#include "controlplane/health.h"
#include "controlplane/metrics_page.h"
#include "controlplane/notifier.h"
#include "controlplane/passive.h"
#include "controlplane/port_watch.h"
#include "controlplane/scripts.h"
#include "controlplane/timer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

LOG_MODULE("main");

struct app {
	uv_loop_t loop;
	struct cluster *cluster;
	struct dataplane_client *client;
	struct election *election;
	struct health *health;
	struct check_stats checks;
	struct scripts *scripts;
	struct port_watch *ports;
	struct notifier *notifiers[MODEL_ROUTERS_MAX]; /* NULL: the router has no command. */
	struct admin *admin;
	struct metrics_page *page;
	uv_signal_t signals[2];
	uv_timer_t slow_start;
	bool stopping; /* A signal has come. */
	bool closed;   /* All parts are freed. */
};

/* --- What the parts tell each other --- */

static void
on_health_result(void *ctx, size_t pool, size_t backend, bool up, const char *why)
{
	struct app *app = ctx;
	enum health_state health = up ? HEALTH_UP : HEALTH_DOWN;

	cluster_backend_set_health(app->cluster, pool, backend, health, why, clock_now_ns());
}

static void
on_script_result(void *ctx, size_t script, bool good, const char *why)
{
	struct app *app = ctx;

	cluster_script_set(app->cluster, script, good, why);
}

static void
on_track(void *ctx)
{
	struct app *app = ctx;

	if (app->election)
		election_update(app->election);
}

static void
on_quorum(void *ctx, size_t pool)
{
	const struct app *app = ctx;
	const struct cluster_pool *entry = cluster_pool(app->cluster, pool);

	if (entry->quorum_lost)
		LOG_WARNING("pool %s has lost its quorum of %u: its sorry backends serve",
			entry->config->name, entry->config->quorum);
	else
		LOG_INFORM("pool %s has its quorum again", entry->config->name);
}

static void
on_transition(void *ctx, const struct transition *transition)
{
	struct app *app = ctx;

	if (app->notifiers[transition->router])
		notifier_tell(app->notifiers[transition->router], transition);
}

static void
set_slow_start(struct app *app)
{
	uint64_t deadline_ns = cluster_deadline_ns(app->cluster);
	uint64_t now_ns = clock_now_ns();

	if (app->closed || deadline_ns == SLOW_START_NEVER)
		uv_timer_stop(&app->slow_start);
	else
		timer_set(&app->slow_start,
			deadline_ns > now_ns ? (deadline_ns - now_ns) / NS_PER_MS + 1 : 1);
}

static void
on_cluster_state(void *ctx)
{
	struct app *app = ctx;

	dataplane_client_push(app->client);
	set_slow_start(app);
}

static void
on_slow_start(uv_timer_t *timer)
{
	struct app *app = timer->data;

	cluster_advance(app->cluster, clock_now_ns());
	set_slow_start(app);
}

static void
on_failover(void *ctx, size_t router)
{
	struct app *app = ctx;

	election_resign(app->election, router);
}

static void
start_checks(struct app *app)
{
	struct err err = {""};

	if (health_new(&app->health, &app->loop, cluster_model(app->cluster), on_health_result, app,
		    &err) < 0)
		LOG_ERR("cannot start the health checks: %s", err.text);
	else
		health_count(app->health, &app->checks);
}

/* What the checks found without the link says nothing. */
static void
on_link_return(void *ctx)
{
	struct app *app = ctx;

	if (!app->health)
		return;
	health_free(app->health);
	app->health = NULL;
	cluster_renew_health(app->cluster);
	start_checks(app);
}

/* Checks go through the dataplane: without it they would only say that all backends are down. They
 * begin anew with each connection, so that their first results decide. */
static void
follow_dataplane(struct app *app)
{
	bool connected = cluster_dataplane(app->cluster)->connected;

	if (connected && !app->health) {
		start_checks(app);
	} else if (!connected && app->health) {
		health_free(app->health);
		app->health = NULL;
		cluster_forget_health(app->cluster, "not checked: no dataplane", clock_now_ns());
	}
}

/* The client comes first and may have something to say before there is an election, and its end
 * is not the first of the ends. */
static void
on_dataplane_change(void *ctx)
{
	struct app *app = ctx;

	if (app->closed || !app->election)
		return;
	follow_dataplane(app);
	election_update(app->election);
}

static void
on_signs(void *ctx, json_t *backends)
{
	const struct app *app = ctx;

	passive_take(app->cluster, app->health, backends);
}

static void
on_lease_done(void *ctx)
{
	struct app *app = ctx;

	if (app->election)
		election_lease_done(app->election);
}

/* --- Start and stop --- */

static void
close_parts(void *ctx)
{
	struct app *app = ctx;

	if (app->closed)
		return;
	app->closed = true;
	metrics_page_free(app->page);
	admin_free(app->admin);
	health_free(app->health);
	scripts_free(app->scripts);
	port_watch_free(app->ports);
	election_free(app->election);
	app->election = NULL;
	dataplane_client_free(app->client);
	for (size_t i = 0; i < MODEL_ROUTERS_MAX; i++)
		notifier_free(app->notifiers[i]);
	uv_close((uv_handle_t *)&app->slow_start, NULL);
	for (size_t i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&app->signals[i], NULL);
}

/* The first signal gives the addresses to another node before the end; a second one does not
 * wait for that. */
static void
on_signal(uv_signal_t *signal, int number)
{
	struct app *app = signal->data;

	LOG_INFORM("signal %s: stopping", strsignal(number));
	if (app->stopping || !app->election)
		close_parts(app);
	else
		election_stop(app->election, close_parts, app);
	app->stopping = true;
}

static int
start_notifiers(struct app *app)
{
	for (size_t i = 0; i < cluster_n_routers(app->cluster); i++) {
		const struct virtual_router *router = cluster_router(app->cluster, i)->config;
		const char *node = cluster_node(app->cluster)->name;

		if (router->notify &&
			notifier_new(&app->notifiers[i], &app->loop, router, node) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What the election goes by. */
static int
start_watching(struct app *app, struct err *err)
{
	int rc = start_notifiers(app);

	if (rc == 0)
		rc = scripts_new(&app->scripts, &app->loop, cluster_model(app->cluster),
			cluster_node(app->cluster), on_script_result, app);
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	return port_watch_new(&app->ports, &app->loop, app->cluster, err);
}

static int
start_parts(struct app *app, const struct options *options, struct err *err)
{
	const struct node *node = options->node;
	struct dataplane_client_config config = {
		.path = node->lb.control_socket,
		.on_change = on_dataplane_change,
		.on_lease_done = on_lease_done,
		.on_signs = on_signs,
		.ctx = app,
	};
	struct cluster_listener listener = {
		.on_state = on_cluster_state,
		.on_failover = on_failover,
		.on_track = on_track,
		.on_quorum = on_quorum,
		.on_transition = on_transition,
		.ctx = app,
	};
	struct election_config election = {.on_link_return = on_link_return, .ctx = app};
	struct flow_sync sync = {.n_peers = 0};
	int rc = source_lists_read(options->model, err);

	if (rc == 0)
		rc = flow_sync_read(&sync, options->model, node, err);
	if (rc < 0)
		return rc;
	rc = cluster_new(&app->cluster, options->model, node, clock_now_ns());
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	cluster_set_sync(app->cluster, &sync);
	flow_sync_fini(&sync);
	config.cluster = app->cluster;
	rc = start_watching(app, err);
	if (rc == 0)
		rc = dataplane_client_new(&app->client, &app->loop, &config, err);
	election.cluster = app->cluster;
	election.client = app->client;
	if (rc == 0)
		rc = election_new(&app->election, &app->loop, &election, err);
	if (rc == 0)
		rc = admin_new(&app->admin, &app->loop, app->cluster, app->client, err);
	if (rc == 0)
		rc = metrics_page_new(&app->page, &app->loop, app->cluster, app->client, err);
	if (rc == 0)
		metrics_page_show_checks(app->page, &app->checks);
	cluster_listen(app->cluster, &listener);
	return rc;
}

int
main(int argc, char **argv)
{
	static const int numbers[2] = {SIGTERM, SIGINT};
	struct options options;
	struct app app = {.stopping = false};
	struct err err = {""};
	int rc;

	options_parse(&options, argc, argv, "weir-controlplane",
		"elects the owner of virtual addresses, checks backends, steers the dataplane",
		ROLE_LB);
	uv_loop_init(&app.loop);
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&app.loop, &app.signals[i]);
		app.signals[i].data = &app;
		uv_signal_start(&app.signals[i], on_signal, numbers[i]);
	}
	timer_init(&app.loop, &app.slow_start, on_slow_start, &app);
	rc = start_parts(&app, &options, &err);
	if (rc < 0) {
		fprintf(stderr, "weir-controlplane: %s\n", err.text);
		close_parts(&app);
	} else {
		LOG_INFORM("ready: node %s, %zu virtual routers, %zu services", options.node_name,
			cluster_n_routers(app.cluster), options.model->n_services);
	}
	uv_run(&app.loop, UV_RUN_DEFAULT);
	uv_loop_close(&app.loop);
	cluster_free(app.cluster);
	model_free(options.model);
	if (rc == 0)
		LOG_INFORM("stopped");
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
