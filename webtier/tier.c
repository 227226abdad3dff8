/* SPDX-License-Identifier: BSD-3-Clause */
/* The web tier of one node; see tier.h. */
#include "webtier/tier.h"

#include "common/http/metrics_http.h"
#include "common/log.h"
#include "webtier/front.h"
#include "webtier/metrics_page.h"
#include "webtier/sockets.h"
#include "webtier/successor.h"
#include "webtier/upstream_check.h"
#include "webtier/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("webtier");

#define HANDED_MAX 1024 /* Sockets: more workers than that need share some. */
#define CACHE_BYTES (UINT64_C(64) << 20)

struct tier {
	uv_loop_t *loop;
	const struct model *model;
	const struct node *node;
	struct front *front;
	struct mime_types *types;
	struct access_log *log;
	struct upstream_set upstreams;
	struct cache_changes changes; /* Workers: write and read. */
	struct upstream_checks *checks;
	struct metrics_server *metrics;
	struct metrics_source source;
	struct sockets *sockets;
	struct worker **workers;
	size_t n_workers;
	atomic_bool is_draining; /* So /health says. */
	bool is_leaving;
	struct successor *successor; /* From its start to the end of this tier. */
	atomic_size_t n_ended;       /* workers: write, main: reads */
	uv_async_t ended;
	uv_timer_t notice;
	unsigned int n_handles; /* The two above, while they are open. */
	void (*on_left)(void *ctx);
	void (*on_replaced)(void *ctx);
	void *left_ctx;
};

uint32_t
tier_notice_ms(const struct model *model)
{
	uint32_t most = model->web.limits.drain_timeout_ms / 2;
	uint64_t notice = 0;

	for (size_t i = 0; i < model->n_pools; i++) {
		const struct check *check = model->pools[i].check;
		uint64_t needed;

		if (!check || check->type == CHECK_NONE)
			continue;
		/* One interval may just have begun. */
		needed = (uint64_t)check->interval_ms * (check->fall + 1) + check->timeout_ms;
		if (needed > notice)
			notice = needed;
	}
	return notice < most ? (uint32_t)notice : most;
}

char *
tier_log_path(const char *pattern, const char *node)
{
	const char *mark = strstr(pattern, "%n");
	char *path;

	if (!mark)
		return strdup(pattern);
	if (asprintf(&path, "%.*s%s%s", (int)(mark - pattern), pattern, node, mark + 2) < 0)
		return NULL;
	return path;
}

/* --- Leaving --- */

static void
on_worker_ended(void *ctx)
{
	struct tier *tier = ctx;

	atomic_fetch_add(&tier->n_ended, 1);
	uv_async_send(&tier->ended);
}

static void
on_ended(uv_async_t *async)
{
	struct tier *tier = async->data;
	void (*on_left)(void *ctx) = tier->on_left;

	if (!on_left || atomic_load(&tier->n_ended) < tier->n_workers)
		return;
	tier->on_left = NULL;
	on_left(tier->left_ctx);
}

static void
drain_workers(struct tier *tier, uint32_t timeout_ms)
{
	for (size_t i = 0; i < tier->n_workers; i++)
		worker_drain(tier->workers[i], timeout_ms);
}

static void
on_noticed(uv_timer_t *timer)
{
	struct tier *tier = timer->data;
	const struct model *model = tier->model;

	LOG_INFORM("draining: nothing new is accepted");
	drain_workers(tier, model->web.limits.drain_timeout_ms - tier_notice_ms(model));
}

void
tier_leave(struct tier *tier, void (*on_left)(void *ctx), void *ctx)
{
	uint32_t notice_ms = tier_notice_ms(tier->model);

	tier->on_left = on_left;
	tier->left_ctx = ctx;
	if (tier->is_leaving) {
		LOG_INFORM("ending at once");
		for (size_t i = 0; i < tier->n_workers; i++)
			worker_stop(tier->workers[i]);
		return;
	}
	tier->is_leaving = true;
	atomic_store(&tier->is_draining, true);
	successor_free(tier->successor); /* One that was to take over is not wanted any more. */
	tier->successor = NULL;
	LOG_INFORM("draining: /health answers 503 for %u ms before connections close", notice_ms);
	uv_timer_start(&tier->notice, on_noticed, notice_ms, 0);
}

/* --- The process after this one --- */

/* The node serves on, so /health does not say otherwise, and nobody is to go elsewhere. */
static void
on_successor_ready(void *ctx)
{
	struct tier *tier = ctx;

	if (tier->is_leaving)
		return;
	tier->is_leaving = true;
	tier->on_left = tier->on_replaced;
	LOG_INFORM("process %d serves; draining: nothing new is accepted",
		successor_pid(tier->successor));
	metrics_server_drain(tier->metrics, tier->model->web.limits.drain_timeout_ms);
	drain_workers(tier, tier->model->web.limits.drain_timeout_ms);
}

static void
on_successor_failed(void *ctx, const char *why)
{
	struct tier *tier = ctx;

	LOG_ERR("the new process does not serve: %s; this one goes on", why);
	successor_free(tier->successor);
	tier->successor = NULL;
}

/* Those of one listener of all workers stand together, as they are dealt out again (sockets.h). */
static size_t
list_sockets(const struct tier *tier, struct successor_socket *out, size_t max)
{
	const struct web_config *web = &tier->model->web;
	size_t n = 0;
	size_t before;
	size_t listener = 0;

	do {
		before = n;
		for (size_t i = 0; i < tier->n_workers && n < max; i++) {
			bool is_tls;
			int fd = worker_socket(tier->workers[i], listener, &is_tls);

			if (fd >= 0)
				out[n++] = (struct successor_socket){
					is_tls ? SOCKET_HTTPS : SOCKET_HTTP,
					is_tls ? web->https_port : web->http_port, fd};
		}
		listener++;
	} while (n > before);
	if (n < max)
		out[n++] = (struct successor_socket){SOCKET_METRICS, tier->node->metrics.port,
			metrics_server_socket(tier->metrics)};
	return n;
}

int
tier_hand_over(
	struct tier *tier, char **argv, void (*on_left)(void *ctx), void *ctx, struct err *err)
{
	struct successor_socket sockets[HANDED_MAX];
	struct successor_config config = {
		.argv = argv,
		.sockets = sockets,
		.on_ready = on_successor_ready,
		.on_failed = on_successor_failed,
		.ctx = tier,
	};

	if (tier->is_leaving)
		return err_set(err, -ESHUTDOWN, "this process is leaving already");
	if (tier->successor)
		return err_set(err, -EALREADY, "a new process is being started already");
	tier->on_replaced = on_left;
	tier->left_ctx = ctx;
	config.n_sockets = list_sockets(tier, sockets, HANDED_MAX);
	return successor_start(&tier->successor, tier->loop, &config, err);
}

/* --- Start --- */

static int
open_log(struct tier *tier, struct err *err)
{
	const char *pattern = tier->model->web.access_log;
	char *path;
	int rc;

	if (!pattern)
		return 0;
	path = tier_log_path(pattern, tier->node->name);
	if (!path)
		return err_set(err, -ENOMEM, "out of memory");
	rc = access_log_new(&tier->log, path, err);
	free(path);
	return rc;
}

static int
make_workers(struct tier *tier, struct err *err)
{
	uint32_t wanted = tier->model->web.limits.n_threads;
	size_t n = wanted ? wanted : uv_available_parallelism();
	struct worker_config config = {
		.model = tier->model,
		.upstreams = &tier->upstreams,
		.types = tier->types,
		.access_log = tier->log,
		.clients = front_clients(tier->front),
		.extra = {*front_headers(tier->front, false), *front_headers(tier->front, true)},
		.is_draining = &tier->is_draining,
		.cache_bytes = CACHE_BYTES / n,
		.responses = {tier->model->web.cache.max_bytes / n, &tier->changes},
		.on_ended = on_worker_ended,
		.ctx = tier,
	};

	tier->workers = calloc(n, sizeof(struct worker *));
	if (!tier->workers)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		int rc = sockets_of_worker(tier->sockets, i, n, &config.listeners);

		if (rc < 0)
			return err_set(err, rc, "cannot share the sockets out: %s", strerror(-rc));
		config.n_listeners = (size_t)rc;
		rc = worker_new(&tier->workers[i], &config, err);
		if (rc < 0)
			return rc;
		tier->n_workers++;
	}
	return 0;
}

static int
make_metrics(struct tier *tier, struct err *err)
{
	struct http_listener listener = sockets_of_metrics(tier->sockets);

	sockets_dealt(tier->sockets);
	tier->source = (struct metrics_source){
		.node = tier->node->name,
		.workers = tier->workers,
		.n_workers = tier->n_workers,
		.upstreams = &tier->upstreams,
		.access_log = tier->log,
		.front = tier->front,
		.is_draining = &tier->is_draining,
	};
	return metrics_server_new_on(
		&tier->metrics, tier->loop, &listener, metrics_page_fill, &tier->source, err);
}

static int
fill(struct tier *tier, struct err *err)
{
	int rc = front_new(&tier->front, &tier->model->web, err);

	if (rc < 0)
		return rc;
	if (mime_types_new(&tier->types, MIME_SYSTEM_FILE) < 0 ||
		upstream_set_init(&tier->upstreams, tier->model) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	rc = sockets_new(&tier->sockets, tier->model, tier->node, front_tls(tier->front), err);
	if (rc == 0)
		rc = open_log(tier, err);
	if (rc == 0)
		rc = make_workers(tier, err);
	if (rc == 0)
		rc = make_metrics(tier, err);
	return rc;
}

int
tier_new(struct tier **out, uv_loop_t *loop, const struct model *model, const struct node *node,
	struct err *err)
{
	struct tier *tier = calloc(1, sizeof(*tier));
	int rc;

	if (!tier)
		return err_set(err, -ENOMEM, "out of memory");
	tier->loop = loop;
	tier->model = model;
	tier->node = node;
	uv_async_init(loop, &tier->ended, on_ended);
	uv_timer_init(loop, &tier->notice);
	tier->ended.data = tier;
	tier->notice.data = tier;
	tier->n_handles = 2;
	rc = fill(tier, err);
	if (rc < 0) {
		tier_free(tier);
		return rc;
	}
	*out = tier;
	return 0;
}

static void
say_who_encrypts(const struct tier *tier)
{
	if (tls_context_is_by_kernel(front_tls(tier->front)))
		LOG_INFORM("TLS: the kernel encrypts what is sent");
	else if (tier->model->web.kernel_tls)
		LOG_INFORM("TLS: this process encrypts, as the kernel cannot (no module 'tls')");
	else
		LOG_INFORM("TLS: this process encrypts, as kernel_tls is no");
}

int
tier_start(struct tier *tier, struct err *err)
{
	int rc = upstream_checks_new(
		&tier->checks, tier->loop, &tier->upstreams, &tier->model->web.upstream_check);

	for (size_t i = 0; rc == 0 && i < tier->n_workers; i++)
		rc = worker_start(tier->workers[i]);
	if (rc < 0)
		return err_set(err, rc, "cannot start: %s", strerror(-rc));
	LOG_INFORM("ready: %s serves ports %u and %u with %zu worker(s), %zu app node(s) behind",
		tier->node->name, tier->model->web.http_port, tier->model->web.https_port,
		tier->n_workers, (size_t)tier->upstreams.n_nodes);
	say_who_encrypts(tier);
	sockets_say_ready(tier->sockets);
	return 0;
}

int
tier_reload(struct tier *tier, const struct model *model, struct err *err)
{
	int rc = tls_context_reload(front_tls(tier->front), err);

	if (rc < 0)
		err_prefix(err, "the old certificates stay in force");
	else
		rc = upstream_set_update(&tier->upstreams, model, err);
	if (rc < 0)
		return rc;
	upstream_checks_update(tier->checks, &model->web.upstream_check);
	return 0;
}

void
tier_reopen_log(struct tier *tier)
{
	if (tier->log)
		access_log_reopen(tier->log);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct tier *tier = handle->data;

	if (--tier->n_handles == 0)
		free(tier);
}

void
tier_free(struct tier *tier)
{
	if (!tier)
		return;
	metrics_server_free(tier->metrics);
	upstream_checks_free(tier->checks);
	for (size_t i = 0; i < tier->n_workers; i++)
		worker_free(tier->workers[i]);
	free(tier->workers);
	successor_free(tier->successor);
	sockets_free(tier->sockets);
	access_log_free(tier->log);
	front_free(tier->front);
	mime_types_free(tier->types);
	/* Closed last: workers that were still running have told their end by it. */
	uv_close((uv_handle_t *)&tier->ended, on_handle_closed);
	uv_close((uv_handle_t *)&tier->notice, on_handle_closed);
	upstream_set_fini(&tier->upstreams);
}
