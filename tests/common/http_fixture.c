/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/common/http_fixture.h"

#include "common/clock.h"

#include <dirent.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TIMEOUT_S 60
#define LIMIT_NS (TIMEOUT_S * NS_PER_S)

static void
called(uv_async_t *async)
{
	struct fixture *fixture = async->data;

	if (fixture->call) {
		fixture->call(fixture, fixture->call_arg);
		fixture->call = NULL;
		sem_post(&fixture->done);
	}
	if (fixture->stop) {
		http_server_free(fixture->server);
		uv_close((uv_handle_t *)&fixture->called, NULL);
	}
}

static void
run(void *arg)
{
	struct fixture *fixture = arg;

	uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

void
fixture_start(struct fixture *fixture, const struct http_route *routes, void *ctx,
	void (*change)(struct http_server_config *config))
{
	struct err err = {""};

	memset(fixture, 0, sizeof(*fixture));
	fixture->listener.fd = -1;
	fixture->config = (struct http_server_config){
		.listeners = &fixture->listener,
		.n_listeners = 1,
		.routes = routes,
		.ctx = ctx,
		.max_connections = 1000,
		.max_body_bytes = 1 << 20,
		.max_header_bytes = 8192,
		.header_timeout_ms = 10000,
		.idle_timeout_ms = 10000,
	};
	assert_int_equal(endpoint_parse("127.0.0.1:1", &fixture->listener.endpoint, &err), 0);
	fixture->listener.endpoint.port = 0;
	if (change)
		change(&fixture->config);
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	uv_async_init(&fixture->loop, &fixture->called, called);
	fixture->called.data = fixture;
	sem_init(&fixture->done, 0, 0);
	if (http_server_new(&fixture->server, &fixture->loop, &fixture->config, &err) < 0)
		fail_msg("%s", err.text);
	http_server_endpoint(fixture->server, 0, &fixture->endpoint);
	uv_thread_create(&fixture->thread, run, fixture);
}

void
fixture_stop(struct fixture *fixture)
{
	fixture->stop = true;
	uv_async_send(&fixture->called);
	uv_thread_join(&fixture->thread);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	sem_destroy(&fixture->done);
}

void
fixture_call(struct fixture *fixture, void (*call)(struct fixture *fixture, void *arg), void *arg)
{
	fixture->call_arg = arg;
	fixture->call = call;
	uv_async_send(&fixture->called);
	sem_wait(&fixture->done);
}

static void
get_stats(struct fixture *fixture, void *arg)
{
	http_server_stats(fixture->server, arg);
}

void
fixture_stats(struct fixture *fixture, struct http_server_stats *out)
{
	fixture_call(fixture, get_stats, out);
}

void
fixture_await_idle(struct fixture *fixture)
{
	uint64_t start_ns = clock_now_ns();
	struct http_server_stats stats;

	for (;;) {
		fixture_stats(fixture, &stats);
		if (stats.n_connections == 0)
			return;
		if (clock_now_ns() - start_ns > LIMIT_NS)
			fail_msg("%lu connections are left", (unsigned long)stats.n_connections);
		usleep(5000);
	}
}

static int
connect_to(const struct fixture *fixture, int receive_bytes)
{
	const struct timeval limit = {.tv_sec = TIMEOUT_S};
	const int on = 1;
	struct sockaddr_storage address;
	socklen_t size = endpoint_to_sockaddr(&fixture->endpoint, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (receive_bytes)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
	return fd;
}

int
client_connect(const struct fixture *fixture)
{
	return connect_to(fixture, 0);
}

int
client_connect_small(const struct fixture *fixture)
{
	return connect_to(fixture, 65536);
}

void
client_send(int fd, const char *text)
{
	size_t size = strlen(text);

	assert_int_equal(send(fd, text, size, MSG_NOSIGNAL), (ssize_t)size);
}

char *
client_read_all(int fd, size_t *size)
{
	size_t capacity = 65536;
	size_t total = 0;
	char *text = malloc(capacity);
	ssize_t n;

	assert_non_null(text);
	while ((n = recv(fd, text + total, capacity - total - 1, 0)) > 0) {
		total += (size_t)n;
		if (capacity - total < 32768) {
			capacity *= 2;
			text = realloc(text, capacity);
			assert_non_null(text);
		}
	}
	text[total] = '\0';
	if (size)
		*size = total;
	return text;
}

/* Whether 'text' holds a whole response. */
static bool
is_complete(const char *text, size_t size, bool head)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strcasestr(text, "\r\nContent-Length:");

	if (!end)
		return false;
	if (head || strncmp(text + 9, "304", 3) == 0 || strncmp(text + 9, "204", 3) == 0)
		return true;
	if (length && length < end)
		return size >= (size_t)(end - text) + 4 + strtoul(length + 17, NULL, 10);
	return strstr(end, "\r\n0\r\n\r\n") != NULL;
}

char *
client_read_response(int fd, bool head)
{
	size_t capacity = 1 << 20;
	size_t total = 0;
	char *text = calloc(1, capacity);

	assert_non_null(text);
	while (!is_complete(text, total, head)) {
		/* Byte by byte near the end would be slow: a response is all that is on its way. */
		ssize_t n = recv(fd, text + total, capacity - total - 1, 0);

		if (n <= 0)
			break;
		total += (size_t)n;
		text[total] = '\0';
	}
	return text;
}

char *
client_exchange(const struct fixture *fixture, const char *text)
{
	int fd = client_connect(fixture);
	char *response;

	client_send(fd, text);
	response = client_read_all(fd, NULL);
	close(fd);
	return response;
}

int64_t
client_dechunk(char *body)
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

unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
