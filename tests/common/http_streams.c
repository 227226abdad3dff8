/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/common/http_streams.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_NS (60 * NS_PER_S)

/* One request of these handlers. Lives until on_done. */
struct stream {
	struct http_request *req;
	uv_timer_t timer;
	uint64_t moved;
	uint64_t size;
	uint64_t fail_at;
	uint64_t block;
	bool turn; /* A paused source may go on. */
};

struct streams streams;

static void
timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
done(struct http_request *req, void *data)
{
	struct stream *stream = data;

	(void)req;
	if (streams.held == stream)
		streams.held = NULL;
	streams.n_done++;
	uv_close((uv_handle_t *)&stream->timer, timer_closed);
}

static struct stream *
begin(struct http_request *req)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	stream->req = req;
	stream->block = 10000;
	stream->fail_at = UINT64_MAX;
	uv_timer_init(&streams.fixture.loop, &stream->timer);
	stream->timer.data = stream;
	http_request_set_data(req, stream, done);
	streams.n_handled++;
	return stream;
}

static void
go_on(uv_timer_t *timer)
{
	struct stream *stream = timer->data;

	stream->turn = true;
	http_request_resume(stream->req);
}

static void
answer_size(void *ctx, struct http_request *req)
{
	struct stream *stream = ctx;
	char text[32];

	snprintf(text, sizeof(text), "%lu", (unsigned long)stream->moved);
	http_respond_text(req, 200, "text/plain", text);
}

/* Takes a block, then pauses until the loop's next turn. */
static size_t
take_slowly(void *ctx, struct http_request *req, const char *data, size_t size)
{
	struct stream *stream = ctx;
	size_t taken = size < stream->block ? size : stream->block;

	(void)req;
	(void)data;
	stream->moved += taken;
	streams.moved += taken;
	if (taken < size)
		uv_timer_start(&stream->timer, go_on, 0, 0);
	return taken;
}

static const struct http_sink slow_sink = {take_slowly, answer_size};

static void
upload(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_request_set_sink(req, &slow_sink, begin(req));
}

/* Takes nothing until released. */
static size_t
take_when_released(void *ctx, struct http_request *req, const char *data, size_t size)
{
	struct stream *stream = ctx;

	(void)req;
	(void)data;
	if (!stream->turn)
		return 0;
	stream->moved += size;
	streams.moved += size;
	return size;
}

static const struct http_sink stalled_sink = {take_when_released, answer_size};

static void
stall(struct http_request *req, void *ctx)
{
	(void)ctx;
	streams.held = begin(req);
	http_request_set_sink(req, &stalled_sink, streams.held);
}

/* Says that it wants no more and takes no more, from within the write. */
static size_t
refuse(void *ctx, struct http_request *req, const char *data, size_t size)
{
	struct stream *stream = ctx;

	(void)data;
	if (stream->moved == 0)
		http_respond_text(req, 403, "text/plain", "enough");
	stream->moved += size;
	return size;
}

static const struct http_sink refusing_sink = {refuse, answer_size};

static void
refused(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_request_set_sink(req, &refusing_sink, begin(req));
}

static ssize_t
give(void *ctx, char *buf, size_t size)
{
	struct stream *stream = ctx;
	size_t n = size < stream->block ? size : stream->block;

	if (stream->moved >= stream->fail_at)
		return HTTP_SOURCE_ERROR;
	if (stream->moved == stream->size)
		return HTTP_SOURCE_END;
	if (!stream->turn) {
		uv_timer_start(&stream->timer, go_on, 0, 0);
		return 0;
	}
	stream->turn = stream->moved % 3 != 0;
	if (n > stream->size - stream->moved)
		n = (size_t)(stream->size - stream->moved);
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)('a' + (stream->moved + i) % 26);
	stream->moved += n;
	streams.moved += n;
	return (ssize_t)n;
}

static const struct http_source source = {.read = give};

static uint64_t
query_number(struct http_request *req, const char *name, uint64_t otherwise)
{
	const char *text = http_request_query(req, name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void
download(struct http_request *req, void *ctx)
{
	struct stream *stream = begin(req);
	bool known = http_request_query(req, "known") != NULL;

	(void)ctx;
	stream->size = query_number(req, "size", 1000);
	stream->fail_at = query_number(req, "fail", UINT64_MAX);
	stream->turn = true;
	http_respond_source(req, 200, NULL, 0, known ? (int64_t)stream->size : HTTP_SIZE_UNKNOWN,
		&source, stream);
}

/* Never answers by itself. */
static void
hold(struct http_request *req, void *ctx)
{
	(void)ctx;
	streams.held = begin(req);
}

static void
ended(void *ctx, const struct http_request *req, unsigned int status, uint64_t sent)
{
	(void)ctx;
	(void)req;
	streams.last_status = status;
	streams.last_sent = sent;
}

static const struct http_route routes[] = {
	{"POST", "/upload", HTTP_BODY_STREAMED, 0, upload, ""},
	{"*", "/stall", HTTP_BODY_STREAMED, 0, stall, ""},
	{"POST", "/refused", HTTP_BODY_STREAMED, 0, refused, ""},
	{"GET", "/download", HTTP_BODY_NONE, 0, download, ""},
	{"GET", "/hold", HTTP_BODY_NONE, 0, hold, ""},
	{0},
};

static void
configure(struct http_server_config *config)
{
	config->max_body_bytes = 2 * BIG_BYTES;
	config->on_request_end = ended;
}

int
streams_start(void **state)
{
	(void)state;
	fixture_start(&streams.fixture, routes, NULL, configure);
	return 0;
}

int
streams_stop(void **state)
{
	(void)state;
	fixture_stop(&streams.fixture);
	return 0;
}

static void
release_held(struct fixture *fixture, void *arg)
{
	(void)fixture;
	(void)arg;
	assert_non_null(streams.held);
	streams.held->turn = true;
	http_request_resume(streams.held->req);
}

void
streams_release(void)
{
	fixture_call(&streams.fixture, release_held, NULL);
}

static void
answer_held(struct fixture *fixture, void *arg)
{
	(void)fixture;
	http_respond_text(streams.held->req, 200, "text/plain", arg);
}

void
streams_answer(const char *text)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", text);
	fixture_call(&streams.fixture, answer_held, copy);
}

static void
abort_held(struct fixture *fixture, void *arg)
{
	(void)fixture;
	(void)arg;
	http_request_abort(streams.held->req);
}

void
streams_abort(void)
{
	fixture_call(&streams.fixture, abort_held, NULL);
}

/* Waits until all requests but 'n_open' are done. */
static void
await_open(unsigned int n_open)
{
	uint64_t start_ns = clock_now_ns();

	while (streams.n_handled != streams.n_done + n_open) {
		if (clock_now_ns() - start_ns > LIMIT_NS)
			fail_msg("not %u requests open after 10 s", n_open);
		usleep(2000);
	}
}

void
streams_await_done(void)
{
	await_open(0);
}

void
streams_await_held(void)
{
	await_open(1);
}
