/* SPDX-License-Identifier: BSD-3-Clause */
/* Worker threads; see worker.h. */
#include "webtier/worker.h"

#include "common/clock.h"
#include "common/log.h"
#include "webtier/access_line.h"
#include "webtier/file_cache.h"
#include "webtier/redirect.h"
#include "webtier/static.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("worker");

#define N_OWN_ROUTES 2 /* /health before the prefixes, the files behind. */

struct worker {
	struct worker_config config;
	uv_loop_t loop;
	uv_async_t wake;
	struct http_server *server;
	struct file_cache *files;
	struct proxy *proxy;
	struct http_route *routes;
	pthread_t thread;
	bool is_running; /* main: writes and reads */

	pthread_mutex_t lock; /* All below. main and worker: write and read */
	pthread_cond_t answered;
	bool wants_stats;
	bool wants_drain;
	bool wants_stop;
	bool has_ended;
	uint32_t drain_timeout_ms;
	struct worker_stats stats;
	struct worker_stats shown; /* main's copy. */
};

/* --- Handlers: the worker is their context --- */

static void
handle_health(struct http_request *req, void *ctx)
{
	const struct worker *worker = ctx;
	bool is_draining = atomic_load_explicit(worker->config.is_draining, memory_order_relaxed);
	const struct http_header headers[] = {
		{"Content-Type", "application/json"},
		{"Cache-Control", "no-store"},
	};
	const char *body = is_draining ? "{\"status\":\"draining\"}" : "{\"status\":\"ok\"}";

	http_respond(req, is_draining ? 503 : 200, headers, 2, body, strlen(body));
}

/* Returns true if the request has been sent on to HTTPS. */
static bool
redirected(const struct worker *worker, struct http_request *req)
{
	const struct model *model = worker->config.model;

	return model->web.redirect_https && redirect_to_https(req, model->web.https_port,
						    model->site ? model->site : model->cluster);
}

static void
handle_proxy(struct http_request *req, void *ctx)
{
	struct worker *worker = ctx;

	if (!redirected(worker, req))
		proxy_handle(worker->proxy, req);
}

static void
handle_file(struct http_request *req, void *ctx)
{
	struct worker *worker = ctx;

	if (!redirected(worker, req))
		static_handle(worker->files, req);
}

/* Pages are for people: programs, which do not ask for HTML, get errors in JSON. */
static struct http_shared *
find_error_page(void *ctx, const struct http_request *req, unsigned int status)
{
	struct worker *worker = ctx;
	const struct web_config *web = &worker->config.model->web;
	const char *accept = web->n_error_pages > 0 ? http_request_header(req, "Accept") : NULL;
	const struct cached_file *file;

	if (!accept || !strstr(accept, "text/html"))
		return NULL;
	for (size_t i = 0; i < web->n_error_pages; i++) {
		if (web->error_pages[i].status == status &&
			file_cache_get_page(worker->files, web->error_pages[i].file, status,
				clock_now_ns(), &file) == FILE_FOUND)
			return file->whole;
	}
	return NULL;
}

static void
on_request_end(void *ctx, const struct http_request *req, unsigned int status, uint64_t sent)
{
	const struct worker *worker = ctx;
	char line[ACCESS_LINE_MAX];
	struct access_record record;
	size_t size;

	if (!worker->config.access_log)
		return;
	record = (struct access_record){
		.peer = &http_request_peer(req)->addr,
		.time = time(NULL),
		.method = http_request_method_name(req),
		.target = http_request_target(req),
		.version = http_request_version(req),
		.status = status,
		.sent = sent,
		.duration_us = (clock_now_ns() - http_request_start_ns(req)) / NS_PER_US,
		.is_tls = http_request_is_tls(req),
		.host = http_request_header(req, "Host"),
		.referer = http_request_header(req, "Referer"),
		.user_agent = http_request_header(req, "User-Agent"),
		.upstream = proxy_node_name(http_request_data(req)),
		.request_id = proxy_request_id(http_request_data(req)),
	};
	size = access_line_format(
		worker->config.model->web.access_log_format, &record, line, sizeof(line));
	access_log_add(worker->config.access_log, line, size);
}

/* --- The worker's own thread --- */

static void
end(struct worker *worker)
{
	if (!worker->server)
		return;
	http_server_free(worker->server);
	worker->server = NULL;
	proxy_free(worker->proxy);
	worker->proxy = NULL;
	uv_close((uv_handle_t *)&worker->wake, NULL);
}

static void
on_drained(void *ctx)
{
	end(ctx);
}

/* With the lock held. */
static void
write_stats(struct worker *worker)
{
	const struct balance *balance = proxy_balance(worker->proxy);
	size_t n_nodes = worker->config.upstreams->n_max;

	http_server_stats(worker->server, &worker->stats.http);
	proxy_stats(worker->proxy, &worker->stats.proxy);
	if (n_nodes > 0)
		memcpy(worker->stats.nodes, balance->stats, n_nodes * sizeof(balance->stats[0]));
	worker->wants_stats = false;
	pthread_cond_signal(&worker->answered);
}

static void
on_wake(uv_async_t *async)
{
	struct worker *worker = async->data;
	bool wants_drain;
	bool wants_stop;

	pthread_mutex_lock(&worker->lock);
	if (worker->wants_stats)
		write_stats(worker);
	wants_drain = worker->wants_drain;
	wants_stop = worker->wants_stop;
	worker->wants_drain = false;
	pthread_mutex_unlock(&worker->lock);
	if (wants_stop)
		end(worker);
	else if (wants_drain)
		http_server_drain(worker->server, worker->drain_timeout_ms, on_drained, worker);
}

static void *
run(void *arg)
{
	struct worker *worker = arg;

	uv_run(&worker->loop, UV_RUN_DEFAULT);
	pthread_mutex_lock(&worker->lock);
	worker->has_ended = true;
	pthread_cond_signal(&worker->answered);
	pthread_mutex_unlock(&worker->lock);
	if (worker->config.on_ended)
		worker->config.on_ended(worker->config.ctx);
	return NULL;
}

/* --- Made by the main thread --- */

/* One for each method that may pass, or one for all. */
static int
add_proxy_routes(struct http_route **route, const struct proxy_prefix *proxy)
{
	size_t n = proxy->n_methods > 0 ? proxy->n_methods : 1;

	for (size_t i = 0; i < n; i++) {
		char *path;

		if (asprintf(&path, "%s*", proxy->prefix) < 0)
			return -ENOMEM;
		*(*route)++ = (struct http_route){
			.method = proxy->n_methods > 0 ? proxy->methods[i] : "*",
			.path = path,
			.body = HTTP_BODY_STREAMED,
			.handle = handle_proxy,
			.help = "passed on to the app tier"};
	}
	return 0;
}

static int
make_routes(struct worker *worker)
{
	const struct web_config *web = &worker->config.model->web;
	size_t n = N_OWN_ROUTES + 1;
	struct http_route *route;

	for (size_t i = 0; i < web->n_proxies; i++)
		n += web->proxies[i].n_methods + 1;
	route = calloc(n, sizeof(*route));
	worker->routes = route;
	if (!route)
		return -ENOMEM;
	*route++ = (struct http_route){.method = "GET",
		.path = "/health",
		.handle = handle_health,
		.help = "200 while this node serves, 503 while it drains"};
	for (size_t i = 0; i < web->n_proxies; i++) {
		if (add_proxy_routes(&route, &web->proxies[i]) < 0)
			return -ENOMEM;
	}
	*route = (struct http_route){
		.method = "GET", .path = "/*", .handle = handle_file, .help = "static files"};
	return 0;
}

static void
free_routes(struct worker *worker)
{
	for (struct http_route *route = worker->routes; route && route->path; route++) {
		if (route->handle == handle_proxy) {
			char *path;

			memcpy(&path, &route->path, sizeof(path)); /* Sheds const: it is ours. */
			free(path);
		}
	}
	free(worker->routes);
}

static int
make_server(struct worker *worker, struct err *err)
{
	const struct http_limits *limits = &worker->config.model->web.limits;
	const struct http2_config *http2 = &worker->config.model->web.http2;
	const struct http_server_config config = {
		.listeners = worker->config.listeners,
		.n_listeners = worker->config.n_listeners,
		.routes = worker->routes,
		.ctx = worker,
		.max_connections = limits->max_connections,
		.max_body_bytes = limits->max_body_bytes,
		.max_header_bytes = limits->max_header_bytes,
		.header_timeout_ms = limits->header_timeout_ms,
		.idle_timeout_ms = limits->idle_timeout_ms,
		.http2 = {http2->enabled ? http2->max_streams : 0, http2->resets_per_s,
			http2->reset_burst},
		.clients = worker->config.clients,
		.extra = {worker->config.extra[false], worker->config.extra[true]},
		.error_page = find_error_page,
		.on_request_end = on_request_end,
	};

	return http_server_new(&worker->server, &worker->loop, &config, err);
}

static int
fill(struct worker *worker, struct err *err)
{
	const struct worker_config *config = &worker->config;
	size_t n_nodes = config->upstreams->n_max;
	int rc;

	worker->stats.nodes = calloc(n_nodes + 1, sizeof(worker->stats.nodes[0]));
	worker->shown.nodes = calloc(n_nodes + 1, sizeof(worker->shown.nodes[0]));
	if (!worker->stats.nodes || !worker->shown.nodes || make_routes(worker) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	rc = file_cache_new(
		&worker->files, &config->model->web, config->types, config->cache_bytes, err);
	if (rc < 0)
		return rc;
	rc = proxy_new(&worker->proxy, &worker->loop, config->model, config->upstreams,
		&config->responses);
	if (rc < 0)
		return err_set(err, rc, "cannot prepare the proxy: %s", strerror(-rc));
	return make_server(worker, err);
}

int
worker_new(struct worker **out, const struct worker_config *config, struct err *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t attr;
	int rc;

	if (!worker)
		return err_set(err, -ENOMEM, "out of memory");
	rc = uv_loop_init(&worker->loop);
	if (rc < 0) {
		free(worker);
		return err_set(err, rc, "cannot make an event loop: %s", uv_strerror(rc));
	}
	worker->config = *config;
	uv_async_init(&worker->loop, &worker->wake, on_wake);
	worker->wake.data = worker;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->answered, &attr);
	pthread_condattr_destroy(&attr);
	rc = fill(worker, err);
	if (rc < 0) {
		worker_free(worker);
		return rc;
	}
	*out = worker;
	return 0;
}

int
worker_start(struct worker *worker)
{
	int rc = pthread_create(&worker->thread, NULL, run, worker);

	worker->is_running = rc == 0;
	return -rc;
}

void
worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->is_running) {
		worker_stop(worker);
		pthread_join(worker->thread, NULL);
	} else {
		if (worker->server) {
			end(worker);
		} else {
			proxy_free(worker->proxy);
			uv_close((uv_handle_t *)&worker->wake, NULL);
		}
		uv_run(&worker->loop, UV_RUN_DEFAULT);
	}
	if (uv_loop_close(&worker->loop) < 0)
		LOG_ERR("a worker's loop still had something open");
	file_cache_free(worker->files);
	free_routes(worker);
	pthread_cond_destroy(&worker->answered);
	pthread_mutex_destroy(&worker->lock);
	free(worker->stats.nodes);
	free(worker->shown.nodes);
	free(worker);
}

/* With the lock held, so that the handle cannot be closed meanwhile. */
static void
wake(struct worker *worker)
{
	if (!worker->has_ended)
		uv_async_send(&worker->wake);
}

void
worker_drain(struct worker *worker, uint32_t timeout_ms)
{
	pthread_mutex_lock(&worker->lock);
	worker->wants_drain = true;
	worker->drain_timeout_ms = timeout_ms;
	wake(worker);
	pthread_mutex_unlock(&worker->lock);
}

void
worker_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->wants_stop = true;
	wake(worker);
	pthread_mutex_unlock(&worker->lock);
}

const struct worker_stats *
worker_stats(struct worker *worker)
{
	uint64_t until_ns = clock_now_ns() + WORKER_STATS_WAIT_MS * NS_PER_MS;
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};
	struct balance_stats *nodes = worker->shown.nodes;
	size_t n_nodes = worker->config.upstreams->n_max;

	pthread_mutex_lock(&worker->lock);
	if (worker->is_running && !worker->has_ended) {
		worker->wants_stats = true;
		wake(worker);
	}
	while (worker->wants_stats && !worker->has_ended) {
		if (pthread_cond_timedwait(&worker->answered, &worker->lock, &until) == ETIMEDOUT)
			break;
	}
	worker->wants_stats = false;
	worker->shown = worker->stats;
	worker->shown.nodes = nodes;
	memcpy(nodes, worker->stats.nodes, n_nodes * sizeof(nodes[0]));
	pthread_mutex_unlock(&worker->lock);
	return &worker->shown;
}

void
worker_endpoint(const struct worker *worker, size_t listener, struct endpoint *out)
{
	http_server_endpoint(worker->server, listener, out);
}
