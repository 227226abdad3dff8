/* SPDX-License-Identifier: BSD-3-Clause */
/* Test stand of the web tier; see stand.h. */
#include "tests/webtier/stand.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 60

static void
set_patience(int fd)
{
	const struct timeval limit = {.tv_sec = PATIENCE_S};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* A listening socket on a port that the system chooses. */
static int
listen_somewhere(struct endpoint *endpoint)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	socklen_t size;

	addr_parse("127.0.0.1", &endpoint->addr, NULL);
	endpoint->port = 0;
	size = endpoint_to_sockaddr(endpoint, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, size), 0);
	assert_int_equal(listen(fd, 64), 0);
	size = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &size), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, endpoint), 0);
	return fd;
}

static void
describe(struct stand *stand)
{
	static const char *const names[] = {"app1", "app2"};

	for (int i = 0; i < STAND_NODES; i++) {
		stand->nodes[i] = (struct node){.name = names[i], .role = ROLE_APP};
		stand->app[i] = listen_somewhere(&stand->nodes[i].listen);
	}
	stand->nodes[STAND_NODES] = (struct node){.name = "web1", .role = ROLE_WEB};
	stand->prefixes[0].prefix = "/api/";
	stand->model = (struct model){
		.site = "www.weir.test",
		.nodes = stand->nodes,
		.n_nodes = STAND_NODES + 1,
		.web =
			{
				.root = stand->folder,
				.limits =
					{
						.max_connections = 100,
						.max_body_bytes = 64u << 20,
						.max_header_bytes = 16384,
						.header_timeout_ms = 10000,
						.idle_timeout_ms = 60000,
					},
				.proxies = stand->prefixes,
				.n_proxies = 1,
				.connect_timeout_ms = 5000,
				.response_timeout_ms = 5000,
			},
		.app.limits.idle_timeout_ms = 60000,
	};
}

static void
on_ended(void *ctx)
{
	struct stand *stand = ctx;

	atomic_store(&stand->has_ended, true);
}

void
stand_start(struct stand *stand, void (*change)(struct model *model))
{
	struct worker_config config = {
		.model = &stand->model,
		.listeners = &stand->listener,
		.n_listeners = 1,
		.upstreams = &stand->upstreams,
		.is_draining = &stand->is_draining,
		.cache_bytes = 1 << 20,
		.on_ended = on_ended,
		.ctx = stand,
	};
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	memset(stand, 0, sizeof(*stand));
	snprintf(stand->folder, sizeof(stand->folder), "/tmp/weir-site-XXXXXX");
	assert_non_null(mkdtemp(stand->folder));
	describe(stand);
	if (change)
		change(&stand->model);
	stand->listener.fd = -1;
	addr_parse("127.0.0.1", &stand->listener.endpoint.addr, NULL);
	assert_int_equal(upstream_set_init(&stand->upstreams, &stand->model), 0);
	assert_int_equal(mime_types_new(&stand->types, "/nonexistent"), 0);
	config.types = stand->types;
	if (worker_new(&stand->worker, &config, &err) < 0)
		fail_msg("%s", err.text);
	worker_endpoint(stand->worker, 0, &stand->endpoint);
	assert_int_equal(worker_start(stand->worker), 0);
}

void
stand_stop(struct stand *stand)
{
	char command[64];

	worker_free(stand->worker);
	upstream_set_fini(&stand->upstreams);
	mime_types_free(stand->types);
	for (int i = 0; i < STAND_NODES; i++)
		stand_close_app(stand, i);
	snprintf(command, sizeof(command), "rm -r %s", stand->folder);
	assert_int_equal(system(command), 0);
}

void
stand_write(const struct stand *stand, const char *name, const void *content, size_t size)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", stand->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, size, file), size);
	fclose(file);
}

void
stand_close_app(struct stand *stand, int index)
{
	if (stand->app[index] >= 0)
		close(stand->app[index]);
	stand->app[index] = -1;
}

const struct worker_stats *
stand_stats(struct stand *stand)
{
	return worker_stats(stand->worker);
}

void
stand_await(struct stand *stand, bool (*done)(struct stand *stand))
{
	uint64_t until_ns = clock_now_ns() + PATIENCE_S * NS_PER_S;

	while (!done(stand)) {
		if (clock_now_ns() > until_ns)
			fail_msg("what was waited for did not happen");
		usleep(1000);
	}
}

int
stand_connect(const struct stand *stand)
{
	struct sockaddr_storage ss;
	socklen_t size = endpoint_to_sockaddr(&stand->endpoint, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&ss, size), 0);
	set_patience(fd);
	return fd;
}

int
stand_accept(const struct stand *stand, int *index)
{
	struct pollfd fds[STAND_NODES];

	for (int i = 0; i < STAND_NODES; i++)
		fds[i] = (struct pollfd){.fd = stand->app[i], .events = POLLIN};
	assert_true(poll(fds, STAND_NODES, PATIENCE_S * 1000) > 0);
	for (int i = 0; i < STAND_NODES; i++) {
		int fd;

		if (!(fds[i].revents & POLLIN))
			continue;
		fd = accept(fds[i].fd, NULL, NULL);
		assert_true(fd >= 0);
		set_patience(fd);
		if (index)
			*index = i;
		return fd;
	}
	fail_msg("nobody connected");
	return -1;
}

void
say_bytes(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		assert_true(n > 0);
		at += n;
		size -= (size_t)n;
	}
}

void
say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

char *
hear_bytes(int fd, size_t size)
{
	char *text = malloc(size + 1);
	size_t done = 0;

	assert_non_null(text);
	while (done < size) {
		ssize_t n = read(fd, text + done, size - done);

		if (n <= 0) {
			text[done] = '\0';
			fail_msg("%zu bytes are missing after: %.200s", size - done, text);
		}
		done += (size_t)n;
	}
	text[done] = '\0';
	return text;
}

void
hear(int fd, const char *text)
{
	char *heard = hear_bytes(fd, strlen(text));

	assert_string_equal(heard, text);
	free(heard);
}

char *
hear_head(int fd)
{
	size_t capacity = 65536;
	char *text = malloc(capacity);
	size_t n = 0;

	assert_non_null(text);
	text[0] = '\0';
	while (n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0) {
		assert_true(n + 1 < capacity);
		if (read(fd, text + n, 1) != 1)
			fail_msg("the header ends too early: %s", text);
		text[++n] = '\0';
	}
	return text;
}

char *
hear_all(int fd, size_t *size)
{
	size_t capacity = 4096;
	char *text = malloc(capacity);
	size_t used = 0;
	ssize_t n;

	assert_non_null(text);
	while ((n = read(fd, text + used, capacity - used - 1)) > 0) {
		used += (size_t)n;
		if (capacity - used < 2) {
			capacity *= 2;
			text = realloc(text, capacity);
			assert_non_null(text);
		}
	}
	assert_true(n == 0 || errno == ECONNRESET);
	text[used] = '\0';
	if (size)
		*size = used;
	return text;
}

bool
is_closed(int fd)
{
	char byte;
	ssize_t n = read(fd, &byte, 1);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

size_t
content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length: ");

	assert_non_null(at);
	return strtoul(at + strlen("\r\nContent-Length: "), NULL, 10);
}

char *
ask(int fd, const char *request)
{
	char *head;
	char *body;
	char *whole;

	say(fd, request);
	head = hear_head(fd);
	body = hear_bytes(fd, content_length(head));
	assert_true(asprintf(&whole, "%s%s", head, body) >= 0);
	free(head);
	free(body);
	return whole;
}

void
assert_begins(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) != 0)
		fail_msg("expected '%s' at the start of: %s", start, text);
}

void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("expected '%s' in: %s", part, text);
}

void
assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("did not expect '%s' in: %s", part, text);
}
