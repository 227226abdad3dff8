/* SPDX-License-Identifier: BSD-3-Clause */
/* The web tier of one node; see tier.h. */
#include "webtier/tier.h"

#include "common/http/metrics_http.h"
#include "common/log.h"
#include "webtier/front.h"
#include "webtier/metrics_page.h"
#include "webtier/upstream_check.h"
#include "webtier/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("webtier");

#define LISTENERS_MAX 4 /* Two ports, two families. */
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
	struct http_listener listeners[LISTENERS_MAX];
	size_t n_listeners;
	struct worker **workers;
	size_t n_workers;
	atomic_bool is_draining;
	atomic_size_t n_ended; /* workers: write, main: reads */
	uv_async_t ended;
	uv_timer_t notice;
	unsigned int n_handles; /* The two above, while they are open. */
	void (*on_left)(void *ctx);
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
on_noticed(uv_timer_t *timer)
{
	struct tier *tier = timer->data;
	uint32_t whole_ms = tier->model->web.limits.drain_timeout_ms;

	LOG_INFORM("draining: nothing new is accepted");
	for (size_t i = 0; i < tier->n_workers; i++)
		worker_drain(tier->workers[i], whole_ms - tier_notice_ms(tier->model));
}

void
tier_leave(struct tier *tier, void (*on_left)(void *ctx), void *ctx)
{
	uint32_t notice_ms = tier_notice_ms(tier->model);

	tier->on_left = on_left;
	tier->left_ctx = ctx;
	if (atomic_exchange(&tier->is_draining, true)) {
		LOG_INFORM("ending at once");
		for (size_t i = 0; i < tier->n_workers; i++)
			worker_stop(tier->workers[i]);
		return;
	}
	LOG_INFORM("draining: /health answers 503 for %u ms before connections close", notice_ms);
	uv_timer_start(&tier->notice, on_noticed, notice_ms, 0);
}

/* --- Start --- */

static bool
has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
add_listener(struct tier *tier, enum addr_family family, uint16_t port, struct tls_context *tls)
{
	struct http_listener *listener = &tier->listeners[tier->n_listeners++];

	*listener = (struct http_listener){.tls = tls, .fd = -1};
	listener->endpoint.addr.family = (uint8_t)family;
	listener->endpoint.port = port;
}

static void
list_listeners(struct tier *tier)
{
	const struct web_config *web = &tier->model->web;
	struct tls_context *tls = front_tls(tier->front);

	add_listener(tier, ADDR_V4, web->http_port, NULL);
	add_listener(tier, ADDR_V4, web->https_port, tls);
	if (!has_ipv6()) {
		LOG_WARNING("this machine has no IPv6: listening on IPv4 alone");
		return;
	}
	add_listener(tier, ADDR_V6, web->http_port, NULL);
	add_listener(tier, ADDR_V6, web->https_port, tls);
}

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
	const struct worker_config config = {
		.model = tier->model,
		.listeners = tier->listeners,
		.n_listeners = tier->n_listeners,
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
		int rc = worker_new(&tier->workers[i], &config, err);

		if (rc < 0)
			return rc;
		tier->n_workers++;
	}
	return 0;
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
	list_listeners(tier);
	rc = open_log(tier, err);
	if (rc == 0)
		rc = make_workers(tier, err);
	if (rc < 0)
		return rc;
	tier->source = (struct metrics_source){
		.node = tier->node->name,
		.workers = tier->workers,
		.n_workers = tier->n_workers,
		.upstreams = &tier->upstreams,
		.access_log = tier->log,
		.front = tier->front,
		.is_draining = &tier->is_draining,
	};
	return metrics_server_new(&tier->metrics, tier->loop, &tier->node->metrics,
		metrics_page_fill, &tier->source, err);
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
	access_log_free(tier->log);
	front_free(tier->front);
	mime_types_free(tier->types);
	/* Closed last: workers that were still running have told their end by it. */
	uv_close((uv_handle_t *)&tier->ended, on_handle_closed);
	uv_close((uv_handle_t *)&tier->notice, on_handle_closed);
	upstream_set_fini(&tier->upstreams);
}
