/* SPDX-License-Identifier: BSD-3-Clause */
/* The monitor's page; see page.h.
 *
 * Each browser that listens to /api/events is a subscriber. The view is rendered once for all of
 * them, when it has changed and at least every second, into a shared frame; a subscriber that has
 * not yet taken its last frame skips to the newest when it has, so a slow one holds one frame. */
#include "monitor/page.h"

#include "common/process_metrics.h"
#include "monitor/assets.h"
#include "monitor/wall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 200
#define FRAME_INTERVAL_NS NS_PER_S
#define MAX_CONNECTIONS 1000
#define SUBSCRIBERS_MAX 500
#define HEADER_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 60000
#define HEADER_MAX 16384

/* A rendered event. */
struct frame {
	unsigned int n_refs;
	size_t size;
	char text[];
};

struct subscriber {
	struct subscriber *next, **link; /* In the page's list. */
	struct page *page;
	struct http_request *req;
	struct frame *frame; /* Being sent; NULL: waits for the next. */
	size_t sent;
};

struct page {
	uv_timer_t timer; /* First: the handle is the page. */
	const struct view *view;
	const struct node *self;
	struct http_server *server;
	struct subscriber *subscribers;
	size_t n_subscribers;
	uint64_t frame_version, frame_ns; /* What the last frame showed, and when. */
};

static const struct http_header asset_headers[] = {
	{"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cache-Control", "no-cache"},
};

#define N_ASSET_HEADERS (sizeof(asset_headers) / sizeof(asset_headers[0]))

static void
serve_asset(struct http_request *req, void *ctx)
{
	struct http_header headers[N_ASSET_HEADERS + 1];
	struct asset asset;

	(void)ctx;
	if (!asset_find(http_request_path(req), &asset)) {
		http_respond_error(req, 404, "there is no such page");
		return;
	}
	memcpy(headers, asset_headers, sizeof(asset_headers));
	headers[N_ASSET_HEADERS] = (struct http_header){"Content-Type", asset.content_type};
	http_respond(req, 200, headers, N_ASSET_HEADERS + 1, asset.data, asset.size);
}

static char *
render(const struct page *page)
{
	json_t *json = view_json(page->view, wall_now());
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	return text;
}

static void
serve_state(struct http_request *req, void *ctx)
{
	const struct page *page = ctx;
	char *text = render(page);

	if (text)
		http_respond_text(req, 200, "application/json", text);
	else
		http_respond_error(req, 503, "out of memory");
	free(text);
}

static void
serve_metrics(struct http_request *req, void *ctx)
{
	const struct page *page = ctx;
	struct metrics metrics;

	metrics_init(&metrics);
	process_metrics(&metrics, page->self->name, node_role_name(page->self->role));
	view_metrics(page->view, &metrics);
	http_respond_text(req, 200, METRICS_CONTENT_TYPE, metrics.text ? metrics.text : "");
	metrics_fini(&metrics);
}

static void
serve_health(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_text(req, 200, "application/json", "{\"status\":\"ok\"}");
}

/* --- Server-sent events --- */

static void
unref_frame(struct frame *frame)
{
	if (frame && --frame->n_refs == 0)
		free(frame);
}

static struct frame *
make_frame(const struct page *page)
{
	char *text = render(page);
	struct frame *frame = NULL;
	size_t size;

	if (!text)
		return NULL;
	size = strlen("data: ") + strlen(text) + strlen("\n\n");
	frame = malloc(sizeof(*frame) + size + 1);
	if (frame) {
		frame->n_refs = 1;
		frame->size = size;
		snprintf(frame->text, size + 1, "data: %s\n\n", text);
	}
	free(text);
	return frame;
}

static ssize_t
read_events(void *ctx, char *buf, size_t size)
{
	struct subscriber *subscriber = ctx;
	size_t left;

	if (!subscriber->frame)
		return 0;
	left = subscriber->frame->size - subscriber->sent;
	if (size > left)
		size = left;
	memcpy(buf, subscriber->frame->text + subscriber->sent, size);
	subscriber->sent += size;
	if (subscriber->sent == subscriber->frame->size) {
		unref_frame(subscriber->frame);
		subscriber->frame = NULL;
	}
	return (ssize_t)size;
}

static const struct http_source event_source = {.read = read_events};

static void
publish(struct page *page)
{
	struct frame *frame = make_frame(page);
	struct subscriber *next;

	if (!frame)
		return;
	page->frame_version = view_version(page->view);
	page->frame_ns = clock_now_ns();
	for (struct subscriber *subscriber = page->subscribers; subscriber; subscriber = next) {
		next = subscriber->next;
		if (subscriber->frame)
			continue;
		subscriber->frame = frame;
		subscriber->sent = 0;
		frame->n_refs++;
		http_request_resume(subscriber->req);
	}
	unref_frame(frame);
}

static void
on_tick(uv_timer_t *timer)
{
	struct page *page = (struct page *)timer;

	if (page->subscribers && (view_version(page->view) != page->frame_version ||
					 clock_now_ns() - page->frame_ns >= FRAME_INTERVAL_NS))
		publish(page);
}

static void
on_subscriber_gone(struct http_request *req, void *data)
{
	struct subscriber *subscriber = data;

	(void)req;
	*subscriber->link = subscriber->next;
	if (subscriber->next)
		subscriber->next->link = subscriber->link;
	subscriber->page->n_subscribers--;
	unref_frame(subscriber->frame);
	free(subscriber);
}

static void
serve_events(struct http_request *req, void *ctx)
{
	static const struct http_header headers[] = {
		{"Content-Type", "text/event-stream"},
		{"Cache-Control", "no-store"},
	};
	struct page *page = ctx;
	struct subscriber *subscriber;

	subscriber = page->n_subscribers < SUBSCRIBERS_MAX ? calloc(1, sizeof(*subscriber)) : NULL;
	if (!subscriber) {
		http_respond_error(req, 503, "too many listeners: close a page, or ask /api/state");
		return;
	}
	subscriber->page = page;
	subscriber->req = req;
	subscriber->frame = make_frame(page);
	subscriber->next = page->subscribers;
	subscriber->link = &page->subscribers;
	if (subscriber->next)
		subscriber->next->link = &subscriber->next;
	page->subscribers = subscriber;
	page->n_subscribers++;
	http_request_set_data(req, subscriber, on_subscriber_gone);
	http_respond_source(req, 200, headers, sizeof(headers) / sizeof(headers[0]),
		HTTP_SIZE_UNKNOWN, &event_source, subscriber);
}

static const struct http_route routes[] = {
	{"GET", "/api/state", HTTP_BODY_NONE, 0, serve_state, "the whole view as JSON"},
	{"GET", "/api/events", HTTP_BODY_NONE, 0, serve_events, "the view, pushed as it changes"},
	{"GET", "/metrics", HTTP_BODY_NONE, 0, serve_metrics, "the view for Prometheus"},
	{"GET", "/health", HTTP_BODY_NONE, 0, serve_health, "whether the monitor runs"},
	{"GET", "/*", HTTP_BODY_NONE, 0, serve_asset, "the page"},
	{NULL, NULL, HTTP_BODY_NONE, 0, NULL, NULL},
};

static void
free_page(uv_handle_t *handle)
{
	free(handle);
}

int
page_new(struct page **out, uv_loop_t *loop, const struct http_listener *listener,
	const struct view *view, const struct node *self, struct err *err)
{
	struct page *page = calloc(1, sizeof(*page));
	const struct http_server_config config = {
		.listeners = listener,
		.n_listeners = 1,
		.routes = routes,
		.ctx = page,
		.max_connections = MAX_CONNECTIONS,
		.max_header_bytes = HEADER_MAX,
		.header_timeout_ms = HEADER_TIMEOUT_MS,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
	};
	int code;

	if (!page)
		return err_set(err, -ENOMEM, "out of memory");
	page->view = view;
	page->self = self;
	code = http_server_new(&page->server, loop, &config, err);
	if (code < 0) {
		free(page);
		return code;
	}
	uv_timer_init(loop, &page->timer);
	uv_timer_start(&page->timer, on_tick, TICK_MS, TICK_MS);
	*out = page;
	return 0;
}

void
page_free(struct page *page)
{
	if (!page)
		return;
	http_server_free(page->server);
	uv_close((uv_handle_t *)&page->timer, free_page);
}
