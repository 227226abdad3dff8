/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies that do not fit into memory, in both directions, and clients that leave in between. */
#include "tests/common/http_fixture.h"

#include "common/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG_BYTES (UINT64_C(48) << 20)
#define SOCKET_BYTES (UINT64_C(16) << 20) /* More than the kernel holds of one connection. */
#define LIMIT_NS (10 * NS_PER_S)

/* One request of this test's handlers. Lives until on_done. */
struct stream {
	struct http_request *req;
	uv_timer_t timer;
	uint64_t moved;
	uint64_t size;
	uint64_t fail_at;
	uint64_t block;
	bool turn; /* A paused source may go on. */
};

static struct fixture fixture;
static struct stream *held; /* Server thread: the request of /hold or /stall. */
static atomic_ullong moved; /* Bytes taken or given by all streams. */
static atomic_uint n_handled;
static atomic_uint n_done;
static atomic_uint last_status;
static atomic_ullong last_sent;

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
	if (held == stream)
		held = NULL;
	n_done++;
	uv_close((uv_handle_t *)&stream->timer, timer_closed);
}

static struct stream *
begin(struct http_request *req)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	stream->req = req;
	stream->block = 10000;
	stream->fail_at = UINT64_MAX;
	uv_timer_init(&fixture.loop, &stream->timer);
	stream->timer.data = stream;
	http_request_set_data(req, stream, done);
	n_handled++;
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
	moved += taken;
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
	moved += size;
	return size;
}

static const struct http_sink stalled_sink = {take_when_released, answer_size};

static void
stall(struct http_request *req, void *ctx)
{
	(void)ctx;
	held = begin(req);
	http_request_set_sink(req, &stalled_sink, held);
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
	moved += n;
	return (ssize_t)n;
}

static const struct http_source source = {give};

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
	held = begin(req);
}

static void
ended(void *ctx, const struct http_request *req, unsigned int status, uint64_t sent)
{
	(void)ctx;
	(void)req;
	last_status = status;
	last_sent = sent;
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

static int
setup(void **state)
{
	(void)state;
	fixture_start(&fixture, routes, NULL, configure);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	return 0;
}

static uint64_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size;
	unsigned long resident;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
await(bool (*reached)(void))
{
	uint64_t start_ns = clock_now_ns();

	while (!reached()) {
		if (clock_now_ns() - start_ns > LIMIT_NS)
			fail_msg("condition not reached in 10 s");
		usleep(2000);
	}
}

static bool
all_are_done(void)
{
	return n_done == n_handled;
}

/* Sends 'size' bytes, or as many as the server takes before it stops reading. */
static uint64_t
send_body(int fd, uint64_t size, bool until_full)
{
	static const char block[65536];
	const struct timeval brief = {.tv_usec = 300000};
	uint64_t total = 0;

	if (until_full)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief));
	while (total < size) {
		uint64_t left = size - total;
		ssize_t n = send(fd, block, left < sizeof(block) ? (size_t)left : sizeof(block),
			MSG_NOSIGNAL);

		if (n < 0)
			break;
		total += (uint64_t)n;
	}
	return total;
}

static void
a_large_upload_passes_through_little_memory(void **state)
{
	uint64_t before = resident_bytes();
	int fd = client_connect(&fixture);
	char header[200];
	char expected[64];
	char *response;

	(void)state;
	snprintf(header, sizeof(header),
		"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
		"%lu\r\n\r\n",
		(unsigned long)BIG_BYTES);
	client_send(fd, header);
	assert_int_equal(send_body(fd, BIG_BYTES, false), BIG_BYTES);
	response = client_read_all(fd, NULL);
	snprintf(expected, sizeof(expected), "\r\n\r\n%lu", (unsigned long)BIG_BYTES);
	assert_non_null(strstr(response, expected));
	assert_true(resident_bytes() < before + SOCKET_BYTES / 2);
	free(response);
	close(fd);
}

static void
release(struct fixture *f, void *arg)
{
	(void)f;
	(void)arg;
	assert_non_null(held);
	held->turn = true;
	http_request_resume(held->req);
}

static void
a_stalled_sink_stops_the_client(void **state)
{
	int fd = client_connect(&fixture);
	uint64_t sent;
	char *response;
	char header[200];
	const struct timeval limit = {.tv_sec = 10};

	(void)state;
	moved = 0;
	snprintf(header, sizeof(header),
		"POST /stall HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
		"%lu\r\n\r\n",
		(unsigned long)BIG_BYTES);
	client_send(fd, header);
	sent = send_body(fd, BIG_BYTES, true);
	assert_true(sent < SOCKET_BYTES);
	assert_int_equal(moved, 0);
	fixture_call(&fixture, release, NULL);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(send_body(fd, BIG_BYTES - sent, false), BIG_BYTES - sent);
	response = client_read_all(fd, NULL);
	assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
	assert_int_equal(moved, BIG_BYTES);
	free(response);
	close(fd);
}

static void
a_chunked_upload_is_streamed(void **state)
{
	int fd = client_connect(&fixture);
	char *response;

	(void)state;
	client_send(fd, "POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 50; i++) {
		client_send(fd, "10000\r\n");
		assert_int_equal(send_body(fd, 65536, false), 65536);
		client_send(fd, "\r\n");
	}
	client_send(fd, "0\r\n\r\n");
	response = client_read_all(fd, NULL);
	assert_non_null(strstr(response, "\r\n\r\n3276800"));
	free(response);
	close(fd);
}

static void
a_streamed_route_takes_requests_without_body(void **state)
{
	char *response = client_exchange(&fixture,
		"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n"
		"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	(void)state;
	assert_non_null(strstr(response, "\r\n\r\n0HTTP/1.1 200"));
	free(response);
}

static void
an_answer_during_the_body_is_heard_after_it(void **state)
{
	int fd = client_connect(&fixture);
	char *response;

	(void)state;
	client_send(fd, "POST /refused HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"Content-Length: 500000\r\n\r\n");
	assert_int_equal(send_body(fd, 500000, false), 500000);
	response = client_read_all(fd, NULL);
	assert_int_equal(strncmp(response, "HTTP/1.1 403", 12), 0);
	free(response);
	close(fd);
}

/* Removes the chunk framing in place; returns the size, or -1 if the last chunk is missing. */
static int64_t
dechunk(char *body)
{
	char *out = body;
	char *at = body;

	for (;;) {
		char *end;
		unsigned long size = strtoul(at, &end, 16);

		if (end == at)
			return -1;
		at = end + 2;
		if (size == 0)
			break;
		memmove(out, at, size);
		out += size;
		at += size + 2;
	}
	return out - body;
}

static void
assert_pattern(const char *body, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++) {
		if (body[i] != (char)('a' + i % 26))
			fail_msg("byte %lu is %d", (unsigned long)i, body[i]);
	}
}

static void
a_source_of_unknown_size_is_chunked(void **state)
{
	static const uint64_t sizes[] = {0, 1, 9999, 100000, 3000000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char request[200];
		char *response;
		char *body;

		snprintf(request, sizeof(request),
			"GET /download?size=%lu HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			(unsigned long)sizes[i]);
		response = client_exchange(&fixture, request);
		assert_non_null(strstr(response, "\r\nTransfer-Encoding: chunked\r\n"));
		body = strstr(response, "\r\n\r\n") + 4;
		assert_int_equal(dechunk(body), sizes[i]);
		assert_pattern(body, sizes[i]);
		assert_int_equal(last_sent, sizes[i]);
		free(response);
	}
}

static void
a_source_of_known_size_has_a_length(void **state)
{
	char *response = client_exchange(&fixture,
		"GET /download?size=200000&known HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	char *body = strstr(response, "\r\n\r\n") + 4;

	(void)state;
	assert_non_null(strstr(response, "\r\nContent-Length: 200000\r\n"));
	assert_int_equal(strlen(body), 200000);
	assert_pattern(body, 200000);
	free(response);
}

static void
head_of_a_source_reads_nothing(void **state)
{
	char *response;

	(void)state;
	moved = 0;
	response =
		client_exchange(&fixture, "HEAD /download?size=2000&known HTTP/1.1\r\nHost: a\r\n"
					  "Connection: close\r\n\r\n");
	assert_non_null(strstr(response, "\r\nContent-Length: 2000\r\n\r\n"));
	assert_string_equal(strstr(response, "\r\n\r\n"), "\r\n\r\n");
	assert_int_equal(moved, 0);
	free(response);
}

static void
an_old_client_gets_the_body_until_the_end_of_the_connection(void **state)
{
	char *response;
	char *body;

	(void)state;
	fixture_await_idle(&fixture);
	response = client_exchange(&fixture, "GET /download?size=100000 HTTP/1.0\r\n\r\n");
	body = strstr(response, "\r\n\r\n") + 4;
	assert_null(strstr(response, "chunked"));
	assert_int_equal(strlen(body), 100000);
	assert_pattern(body, 100000);
	free(response);
	fixture_await_idle(&fixture);
}

static void
a_slow_reader_stops_the_source(void **state)
{
	uint64_t before = resident_bytes();
	int fd = client_connect_small(&fixture);
	unsigned long long seen = 0;
	char block[65536];
	uint64_t total = 0;
	char request[200];
	ssize_t n;

	(void)state;
	moved = 0;
	snprintf(request, sizeof(request),
		"GET /download?size=%lu&known HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		(unsigned long)BIG_BYTES);
	client_send(fd, request);
	do {
		seen = moved;
		usleep(100000);
	} while (seen == 0 || moved != seen);
	assert_true(seen < SOCKET_BYTES);
	assert_true(resident_bytes() < before + SOCKET_BYTES / 2);
	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		total += (uint64_t)n;
	assert_true(total > BIG_BYTES);
	assert_int_equal(moved, BIG_BYTES);
	close(fd);
	await(all_are_done);
}

/* Old connections that stay open make libmicrohttpd 0.9.75 forget those that a source ends. */
static void
a_source_that_fails_cuts_the_connection(void **state)
{
	int old = client_connect(&fixture);
	unsigned int n_fds;
	char *response;

	(void)state;
	client_send(old, "GET /download HTTP/1.1\r\nHost: a\r\n\r\n");
	response = client_read_response(old, false);
	free(response);
	n_fds = count_fds();
	for (int i = 0; i < 20; i++) {
		response = client_exchange(&fixture,
			"GET /download?size=100000&fail=20000 HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
		assert_int_equal(dechunk(strstr(response, "\r\n\r\n") + 4), -1);
		free(response);
		response = client_exchange(&fixture,
			"GET /download?size=100000&fail=20000&known HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_true(strlen(response) < 100000);
		free(response);
	}
	await(all_are_done);
	for (uint64_t start_ns = clock_now_ns(); count_fds() > n_fds;) {
		assert_true(clock_now_ns() - start_ns < LIMIT_NS);
		usleep(2000);
	}
	close(old);
}

static void
an_old_client_sees_a_failure_as_a_reset(void **state)
{
	int fd = client_connect(&fixture);
	char block[65536];
	ssize_t n;

	(void)state;
	client_send(fd, "GET /download?size=100000&fail=20000 HTTP/1.0\r\n\r\n");
	do {
		errno = 0;
		n = recv(fd, block, sizeof(block), 0);
	} while (n > 0);
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
}

static bool
is_held(void)
{
	return n_handled == n_done + 1;
}

static void
a_handler_learns_that_its_client_has_left(void **state)
{
	(void)state;
	fixture_await_idle(&fixture);
	for (int i = 0; i < 3; i++) {
		int fd = client_connect(&fixture);

		last_status = 1;
		client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
		await(is_held);
		close(fd);
		await(all_are_done);
		assert_int_equal(last_status, 0);
	}
	fixture_await_idle(&fixture);
}

static void
abort_held(struct fixture *f, void *arg)
{
	(void)f;
	(void)arg;
	http_request_abort(held->req);
}

static void
answer_held(struct fixture *f, void *arg)
{
	(void)f;
	http_respond_text(held->req, 200, "text/plain", arg);
}

static void
a_request_may_be_answered_later(void **state)
{
	int fd = client_connect(&fixture);
	char *response;

	(void)state;
	for (int i = 0; i < 3; i++) {
		char text[] = "later";

		client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
		await(is_held);
		fixture_call(&fixture, answer_held, text);
		response = client_read_response(fd, false);
		assert_non_null(strstr(response, "\r\n\r\nlater"));
		free(response);
	}
	close(fd);
}

static void
a_handler_can_abort(void **state)
{
	int fd = client_connect(&fixture);
	size_t size;

	(void)state;
	client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	await(is_held);
	fixture_call(&fixture, abort_held, NULL);
	free(client_read_all(fd, &size));
	assert_int_equal(size, 0);
	close(fd);
	await(all_are_done);
}

static void
clients_that_leave_at_any_moment_leave_nothing_behind(void **state)
{
	static const char *const starts[] = {
		"",
		"GET /downl",
		"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /download?size=9999999 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /download?size=9999999&known HTTP/1.0\r\n\r\n",
		"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
		"POST /stall HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
		"POST /stall HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc\r\n2",
		"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
		"GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
	};
	unsigned int n_fds;

	(void)state;
	fixture_await_idle(&fixture);
	n_fds = count_fds();
	for (int i = 0; i < 300; i++) {
		const struct linger reset = {.l_onoff = i % 2, .l_linger = 0};
		int fd = client_connect(&fixture);

		client_send(fd, starts[i % (int)(sizeof(starts) / sizeof(starts[0]))]);
		if (i % 3 == 0)
			usleep(1000);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	fixture_await_idle(&fixture);
	assert_int_equal(n_done, n_handled);
	assert_int_equal(count_fds(), n_fds);
}

static void
a_server_ends_with_requests_open(void **state)
{
	int fds[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		fds[i] = client_connect(&fixture);
		client_send(
			fds[i], i % 2 ? "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
				      : "GET /download?size=99999999 HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	while (n_handled < n_done + 8)
		usleep(2000);
	fixture_stop(&fixture);
	assert_int_equal(n_done, n_handled);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	fixture_start(&fixture, routes, NULL, configure);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_large_upload_passes_through_little_memory),
		cmocka_unit_test(a_stalled_sink_stops_the_client),
		cmocka_unit_test(a_chunked_upload_is_streamed),
		cmocka_unit_test(a_streamed_route_takes_requests_without_body),
		cmocka_unit_test(an_answer_during_the_body_is_heard_after_it),
		cmocka_unit_test(a_source_of_unknown_size_is_chunked),
		cmocka_unit_test(a_source_of_known_size_has_a_length),
		cmocka_unit_test(head_of_a_source_reads_nothing),
		cmocka_unit_test(an_old_client_gets_the_body_until_the_end_of_the_connection),
		cmocka_unit_test(a_slow_reader_stops_the_source),
		cmocka_unit_test(a_source_that_fails_cuts_the_connection),
		cmocka_unit_test(an_old_client_sees_a_failure_as_a_reset),
		cmocka_unit_test(a_request_may_be_answered_later),
		cmocka_unit_test(a_handler_learns_that_its_client_has_left),
		cmocka_unit_test(a_handler_can_abort),
		cmocka_unit_test(clients_that_leave_at_any_moment_leave_nothing_behind),
		cmocka_unit_test(a_server_ends_with_requests_open),
	};

	return cmocka_run_group_tests(cases, setup, teardown);
}
