/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread of the app tier; see worker.h.
 *
 * It ends in this order: the server answers what is under way, the modules save what is in memory,
 * the database layer finishes, and then all is closed and the loop runs empty. */
#include "apptier/worker.h"

#include "apptier/app.h"
#include "apptier/reply.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

LOG_MODULE("worker");

#define MEASURE_TIMEOUT_NS (200 * NS_PER_MS)
#define IDLE_CHECK_MS 5

struct worker {
	struct app app; /* First member: handlers get it as their 'ctx'. */
	const struct worker_config *config;
	uv_thread_t thread;
	bool started;
	bool loop_open;
	uv_async_t wake;   /* Something was asked for. */
	uv_timer_t ending; /* Waits for the database layer. */
	bool handles_open;
	atomic_bool ready_asked; /* any thread: writes, worker: reads */
	atomic_bool stop_asked;  /* any thread: writes, worker: reads */
	bool draining;
	size_t n_draining; /* Modules that are still saving. */
	uint64_t drain_deadline_ns;
	uv_mutex_t mutex; /* For all below. */
	uv_cond_t measured;
	uint64_t n_asked;
	uint64_t n_answered;
	struct worker_stats stats;
};

uv_loop_t *
app_loop(const struct app *app)
{
	/* A loop is changed by everyone who uses it; only the struct around it is constant. */
	return &((struct app *)(uintptr_t)app)->loop;
}

struct db *
app_db(const struct app *app)
{
	return app->db;
}

const char *
app_public_url(const struct app *app)
{
	return app->model->app.public_url;
}

const char *
app_node_name(const struct app *app)
{
	return app->node->name;
}

const struct model *
app_model(const struct app *app)
{
	return app->model;
}

const struct node *
app_node(const struct app *app)
{
	return app->node;
}

void *
app_module_state(const struct app *app, const struct app_module *module)
{
	for (size_t i = 0; i < app->n_started; i++) {
		if (app->modules->list[i] == module)
			return app->states[i];
	}
	return NULL;
}

/* GET /health: 200 while this node is of use, that is while it can answer reads. */
static void
handle_health(struct http_request *req, void *ctx)
{
	struct worker *worker = ctx;
	struct app *app = ctx;
	struct db_health health;
	const char *status;
	bool usable;

	db_health(app->db, &health);
	usable = health.ready && health.readable && !worker->draining;
	if (worker->draining)
		status = "draining";
	else if (!health.readable)
		status = "no database";
	else if (!health.ready)
		status = "schema not ready";
	else
		status = health.primary && health.replica ? "ok" : "degraded";
	reply_json(app, req, usable ? 200 : 503,
		json_pack("{s:s, s:s, s:s}", "status", status, "primary",
			health.primary ? "up" : "down", "replica", health.replica ? "up" : "down"),
		NULL);
}

const struct http_route worker_routes[] = {
	{"GET", "/health", HTTP_BODY_NONE, 0, handle_health, "says whether this node is of use"},
	{NULL, NULL, HTTP_BODY_NONE, 0, NULL, NULL},
};

static size_t
count_routes(const struct http_route *routes)
{
	size_t n = 0;

	while (routes[n].path)
		n++;
	return n;
}

static int
make_routes(struct app *app, struct err *err)
{
	size_t n_own = count_routes(worker_routes), n = n_own;

	for (size_t i = 0; i < app->modules->n; i++)
		n += count_routes(app->modules->list[i]->routes);
	app->routes = calloc(n + 1, sizeof(*app->routes));
	if (!app->routes)
		return err_set(err, -ENOMEM, "no memory for the routes");
	memcpy(app->routes, worker_routes, n_own * sizeof(*app->routes));
	n = n_own;
	for (size_t i = 0; i < app->modules->n; i++) {
		const struct http_route *routes = app->modules->list[i]->routes;
		size_t n_more = count_routes(routes);

		memcpy(&app->routes[n], routes, n_more * sizeof(*app->routes));
		n += n_more;
	}
	return 0;
}

static int
start_server(struct app *app, struct err *err)
{
	const struct http_limits *limits = &app->model->app.limits;
	const struct http_listener listener = {.endpoint = app->node->listen, .fd = -1};
	const struct http_server_config config = {
		.listeners = &listener,
		.n_listeners = 1,
		.routes = app->routes,
		.ctx = app,
		.max_connections = limits->max_connections,
		.max_body_bytes = limits->max_body_bytes,
		.max_header_bytes = limits->max_header_bytes,
		.header_timeout_ms = limits->header_timeout_ms,
		.idle_timeout_ms = limits->idle_timeout_ms,
	};

	return http_server_new(&app->server, &app->loop, &config, err);
}

static int
start_modules(struct app *app, struct err *err)
{
	for (size_t i = 0; i < app->modules->n; i++) {
		const struct app_module *module = app->modules->list[i];
		int rc = module->start ? module->start(&app->states[i], app, err) : 0;

		if (rc < 0) {
			err_prefix(err, "module %s", module->name);
			return rc;
		}
		app->n_started++;
	}
	return 0;
}

/* Closes all that is in the loop; the loop then runs empty. */
static void
close_all(struct worker *worker)
{
	struct app *app = &worker->app;

	http_server_free(app->server);
	app->server = NULL;
	while (app->n_started > 0) {
		const struct app_module *module = app->modules->list[--app->n_started];

		if (module->stop)
			module->stop(app->states[app->n_started]);
	}
	db_free(app->db);
	app->db = NULL;
	if (worker->handles_open) {
		uv_close((uv_handle_t *)&worker->wake, NULL);
		uv_close((uv_handle_t *)&worker->ending, NULL);
		worker->handles_open = false;
	}
}

static void
on_ending(uv_timer_t *timer)
{
	struct worker *worker = timer->data;

	/* Every statement has a deadline, so this comes to an end. */
	if (db_is_idle(worker->app.db))
		close_all(worker);
}

static void
on_module_drained(void *ctx)
{
	struct worker *worker = ctx;

	if (--worker->n_draining > 0)
		return;
	db_shut(worker->app.db);
	uv_timer_start(&worker->ending, on_ending, 0, IDLE_CHECK_MS);
}

static void
on_server_drained(void *ctx)
{
	struct worker *worker = ctx;
	struct app *app = &worker->app;

	/* One more than there are, so that the last step comes after this loop. */
	worker->n_draining = app->n_started + 1;
	for (size_t i = 0; i < app->n_started; i++) {
		const struct app_module *module = app->modules->list[i];

		if (module->drain)
			module->drain(app->states[i], worker->drain_deadline_ns, on_module_drained,
				worker);
		else
			worker->n_draining--;
	}
	on_module_drained(worker);
}

static void
begin_drain(struct worker *worker)
{
	uint32_t timeout_ms = worker->app.model->app.limits.drain_timeout_ms;

	if (worker->draining)
		return;
	worker->draining = true;
	worker->drain_deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
	http_server_drain(worker->app.server, timeout_ms, on_server_drained, worker);
}

static void
answer_measure(struct worker *worker)
{
	struct app *app = &worker->app;
	struct worker_stats *stats = &worker->stats;

	if (!app->server || !app->db)
		return; /* Closed: the figures stay as they were. */
	uv_mutex_lock(&worker->mutex);
	http_server_stats(app->server, &stats->http);
	db_health(app->db, &stats->health);
	stats->n_servers = db_n_servers(app->db);
	for (size_t i = 0; i < stats->n_servers; i++)
		db_server_stats(app->db, i, &stats->servers[i]);
	for (size_t i = 0; i < app->n_started; i++) {
		if (app->modules->list[i]->measure)
			app->modules->list[i]->measure(app->states[i], stats->modules[i]);
	}
	stats->n_works = app->n_works;
	stats->n_works_refused = app->n_works_refused;
	worker->n_answered = worker->n_asked;
	uv_cond_signal(&worker->measured);
	uv_mutex_unlock(&worker->mutex);
}

static void
on_wake(uv_async_t *wake)
{
	struct worker *worker = wake->data;

	if (atomic_exchange(&worker->ready_asked, false))
		db_set_ready(worker->app.db);
	answer_measure(worker);
	if (atomic_load(&worker->stop_asked))
		begin_drain(worker);
}

static void
run(void *arg)
{
	struct worker *worker = arg;

	uv_run(&worker->app.loop, UV_RUN_DEFAULT);
}

static int
open_all(struct worker *worker, struct err *err)
{
	struct app *app = &worker->app;
	const struct worker_config *config = worker->config;
	const char *url = config->model->app.public_url;
	int rc = uv_loop_init(&app->loop);

	if (rc < 0)
		return err_set(err, rc, "cannot make an event loop: %s", uv_strerror(rc));
	worker->loop_open = true;
	uv_async_init(&app->loop, &worker->wake, on_wake);
	uv_timer_init(&app->loop, &worker->ending);
	worker->wake.data = worker->ending.data = worker;
	worker->handles_open = true;
	rc = session_signer_new(&app->signer, config->session_keys,
		strncmp(url, "https://", strlen("https://")) == 0, err);
	if (rc < 0)
		return rc;
	rc = db_new(&app->db, &app->loop, config->model, &config->passwords, err);
	if (rc == 0)
		rc = start_modules(app, err);
	if (rc == 0)
		rc = make_routes(app, err);
	if (rc == 0)
		rc = start_server(app, err);
	return rc;
}

int
worker_new(struct worker **out, const struct worker_config *config, struct err *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int rc;

	if (!worker)
		return err_set(err, -ENOMEM, "no memory for a worker");
	worker->config = config;
	worker->app.model = config->model;
	worker->app.node = config->node;
	worker->app.modules = config->modules;
	uv_mutex_init(&worker->mutex);
	uv_cond_init(&worker->measured);
	rc = open_all(worker, err);
	if (rc < 0) {
		worker_free(worker);
		return rc;
	}
	*out = worker;
	return 0;
}

int
worker_start(struct worker *worker, struct err *err)
{
	int rc = uv_thread_create(&worker->thread, run, worker);

	if (rc < 0)
		return err_set(err, rc, "cannot start a thread: %s", uv_strerror(rc));
	worker->started = true;
	return 0;
}

void
worker_set_ready(struct worker *worker)
{
	atomic_store(&worker->ready_asked, true);
	uv_async_send(&worker->wake);
}

void
worker_measure(struct worker *worker, struct worker_stats *out)
{
	uv_mutex_lock(&worker->mutex);
	uint64_t asked = ++worker->n_asked;

	uv_async_send(&worker->wake);
	while (worker->n_answered < asked &&
		uv_cond_timedwait(&worker->measured, &worker->mutex, MEASURE_TIMEOUT_NS) == 0)
		continue;
	if (worker->n_answered < asked)
		LOG_LIMITED(LOG_WARN, "a worker does not answer; its metrics are old");
	*out = worker->stats;
	uv_mutex_unlock(&worker->mutex);
}

void
worker_stop(struct worker *worker)
{
	atomic_store(&worker->stop_asked, true);
	uv_async_send(&worker->wake);
}

void
worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->started) {
		uv_thread_join(&worker->thread);
	} else if (worker->loop_open) {
		close_all(worker);
		uv_run(&worker->app.loop, UV_RUN_DEFAULT);
	}
	if (worker->loop_open)
		uv_loop_close(&worker->app.loop);
	session_signer_free(worker->app.signer);
	free(worker->app.routes);
	uv_mutex_destroy(&worker->mutex);
	uv_cond_destroy(&worker->measured);
	free(worker);
}
