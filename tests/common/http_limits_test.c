/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits, deadlines, drain, and addresses that cannot be had. */
#include "common/clock.h"
#include "tests/common/http_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER_MS 600
#define IDLE_MS 1500
#define HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define N_CONNECTIONS 20

static struct fixture fixture;
static struct http_request *held; /* Server thread. */
static atomic_uint n_held;
static atomic_uint n_drained;

static void
hello(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_text(req, 200, "text/plain", "hello");
}

static void
released(struct http_request *req, void *data)
{
	(void)req;
	(void)data;
	held = NULL;
	n_held--;
}

static void
hold(struct http_request *req, void *ctx)
{
	(void)ctx;
	held = req;
	http_request_set_data(req, NULL, released);
	n_held++;
}

static size_t
ignore(void *ctx, struct http_request *req, const char *data, size_t size)
{
	(void)ctx;
	(void)req;
	(void)data;
	return size;
}

static void
thank(void *ctx, struct http_request *req)
{
	(void)ctx;
	http_respond_text(req, 200, "text/plain", "thanks");
}

static const struct http_sink sink = {ignore, thank};

static void
take(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_request_set_sink(req, &sink, NULL);
}

static ssize_t
endless(void *ctx, char *buf, size_t size)
{
	(void)ctx;
	memset(buf, 'x', size);
	return (ssize_t)size;
}

static const struct http_source source = {.read = endless};

static void
flood(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_source(req, 200, NULL, 0, HTTP_SIZE_UNKNOWN, &source, NULL);
}

static const struct http_route routes[] = {
	{"GET", "/hello", HTTP_BODY_NONE, 0, hello, ""},
	{"GET", "/hold", HTTP_BODY_NONE, 0, hold, ""},
	{"POST", "/take", HTTP_BODY_STREAMED, 0, take, ""},
	{"GET", "/flood", HTTP_BODY_NONE, 0, flood, ""},
	{0},
};

static void
configure(struct http_server_config *config)
{
	config->header_timeout_ms = HEADER_MS;
	config->idle_timeout_ms = IDLE_MS;
	config->max_connections = N_CONNECTIONS;
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

/* Waits until the server closes; returns after how many milliseconds. */
static uint64_t
closed_after_ms(int fd, uint64_t start_ns)
{
	free(client_read_all(fd, NULL));
	close(fd);
	return (clock_now_ns() - start_ns) / NS_PER_MS;
}

static void
a_client_that_says_nothing_is_closed(void **state)
{
	uint64_t start_ns = clock_now_ns();
	uint64_t ms = closed_after_ms(client_connect(&fixture), start_ns);

	(void)state;
	assert_true(ms >= HEADER_MS - 50);
	assert_true(ms < 9000);
}

/* Sends bytes one at a time until the server closes. Returns whether it did within 9 s. */
static bool
drip(int fd, const char *text, bool again)
{
	uint64_t start_ns = clock_now_ns();
	const char *at = text;

	while (clock_now_ns() - start_ns < 9 * NS_PER_S) {
		char byte;

		if (send(fd, at, 1, MSG_NOSIGNAL) != 1)
			return true;
		if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
			return true;
		if (*++at == '\0') {
			if (!again)
				return false;
			at = text;
		}
		usleep(20000);
	}
	return false;
}

static void
a_header_that_drips_is_cut_off(void **state)
{
	int fd = client_connect(&fixture);
	char *response;

	(void)state;
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	assert_true(drip(fd, "x", true));
	close(fd);
	fd = client_connect(&fixture); /* Also in the second request of a connection. */
	client_send(fd, HELLO);
	response = client_read_response(fd, false);
	free(response);
	client_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	assert_true(drip(fd, "x", true));
	close(fd);
}

static void
a_body_that_drips_is_cut_off(void **state)
{
	int fd = client_connect(&fixture);

	(void)state;
	client_send(fd, "POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	assert_true(drip(fd, "x", true));
	close(fd);
}

static void
a_client_that_does_not_read_is_cut_off(void **state)
{
	int fd = client_connect_small(&fixture);

	(void)state;
	client_send(fd, "GET /flood HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_PEEK), 1);
	fixture_await_idle(&fixture);
	close(fd);
}

static void
an_idle_connection_is_closed_later_than_a_silent_one(void **state)
{
	int fd = client_connect(&fixture);
	uint64_t start_ns = clock_now_ns(); /* Before the server may call it idle. */
	uint64_t ms;
	char *response;

	(void)state;
	client_send(fd, HELLO);
	response = client_read_response(fd, false);
	free(response);
	ms = closed_after_ms(fd, start_ns);
	assert_true(ms >= IDLE_MS - 50);
	assert_true(ms < 9000);
}

static void
a_handler_may_take_longer_than_any_deadline(void **state)
{
	int fd = client_connect(&fixture);
	struct timeval limit = {.tv_sec = 3};
	char byte;

	(void)state;
	client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	fixture_await_idle(&fixture);
}

static void
connections_beyond_the_limit_are_closed_at_once(void **state)
{
	int fds[N_CONNECTIONS + 5];
	struct http_server_stats before;
	struct http_server_stats after;
	unsigned int n_served = 0;

	(void)state;
	fixture_await_idle(&fixture);
	fixture_stats(&fixture, &before);
	for (int i = 0; i < N_CONNECTIONS + 5; i++)
		fds[i] = client_connect(&fixture);
	for (int i = 0; i < N_CONNECTIONS + 5; i++) {
		char *response;

		send(fds[i], HELLO, strlen(HELLO), MSG_NOSIGNAL);
		response = client_read_response(fds[i], false);
		n_served += strstr(response, "hello") != NULL;
		free(response);
	}
	assert_int_equal(n_served, N_CONNECTIONS);
	fixture_stats(&fixture, &after);
	assert_int_equal(after.n_shed - before.n_shed, 5);
	for (int i = 0; i < N_CONNECTIONS + 5; i++)
		close(fds[i]);
	fixture_await_idle(&fixture);
	free(client_exchange(&fixture, "GET /hello HTTP/1.0\r\n\r\n"));
}

#define FEW_FDS 80

struct shortage {
	int clients[3];
	int others[FEW_FDS];
	int n_others;
};

/* Connects while the server cannot accept, and uses up all descriptors. */
static void
make_shortage(struct fixture *f, void *arg)
{
	struct shortage *shortage = arg;
	int fd;

	for (int i = 0; i < 3; i++)
		shortage->clients[i] = client_connect(f);
	while (shortage->n_others < FEW_FDS && (fd = dup(0)) >= 0)
		shortage->others[shortage->n_others++] = fd;
}

static void
without_descriptors_connections_are_shed(void **state)
{
	struct shortage shortage = {0};
	struct rlimit limit;
	struct rlimit few;
	struct http_server_stats before;
	struct http_server_stats after;
	char *response;

	(void)state;
	fixture_await_idle(&fixture);
	fixture_stats(&fixture, &before);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = FEW_FDS;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fixture_call(&fixture, make_shortage, &shortage);
	for (int i = 0; i < 3; i++)
		assert_true(recv(shortage.clients[i], (char[1]){0}, 1, 0) <= 0);
	for (int i = 0; i < 3; i++)
		close(shortage.clients[i]);
	while (shortage.n_others > 0)
		close(shortage.others[--shortage.n_others]);
	setrlimit(RLIMIT_NOFILE, &limit);
	fixture_stats(&fixture, &after);
	assert_int_equal(after.n_shed - before.n_shed, 3);
	response = client_exchange(&fixture, "GET /hello HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(response, "hello"));
	free(response);
}

static void
drained(void *ctx)
{
	(void)ctx;
	n_drained++;
}

static void
drain(struct fixture *f, void *arg)
{
	http_server_drain(f->server, *(uint32_t *)arg, drained, NULL);
}

static void
answer(struct fixture *f, void *arg)
{
	(void)f;
	(void)arg;
	http_respond_text(held, 200, "text/plain", "late");
}

static void
await_drained(void)
{
	uint64_t start_ns = clock_now_ns();

	while (n_drained == 0) {
		assert_true(clock_now_ns() - start_ns < 9 * NS_PER_S);
		usleep(2000);
	}
}

static void
drain_lets_the_answer_in_flight_finish(void **state)
{
	uint32_t timeout_ms = 60000;
	int idle;
	int busy;
	char *response;
	size_t size;

	(void)state;
	fixture_await_idle(&fixture);
	idle = client_connect(&fixture);
	busy = client_connect(&fixture);
	client_send(idle, HELLO);
	response = client_read_response(idle, false);
	free(response);
	client_send(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	while (n_held == 0)
		usleep(2000);
	n_drained = 0;
	fixture_call(&fixture, drain, &timeout_ms);
	free(client_read_all(idle, &size));
	assert_int_equal(size, 0);
	assert_int_equal(n_drained, 0);
	fixture_call(&fixture, answer, NULL);
	response = client_read_all(busy, NULL);
	assert_non_null(strstr(response, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(response, "\r\n\r\nlate"));
	free(response);
	await_drained();
	close(idle);
	close(busy);
	fixture_stop(&fixture);
	fixture_start(&fixture, routes, NULL, configure);
}

static void
drain_ends_at_its_timeout(void **state)
{
	uint32_t timeout_ms = 300;
	int busy = client_connect(&fixture);

	(void)state;
	client_send(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	while (n_held == 0)
		usleep(2000);
	n_drained = 0;
	fixture_call(&fixture, drain, &timeout_ms);
	await_drained();
	assert_int_equal(n_held, 1);
	fixture_stop(&fixture);
	assert_int_equal(n_held, 0);
	close(busy);
	fixture_start(&fixture, routes, NULL, configure);
}

static void
drain_without_connections_is_over_at_once(void **state)
{
	uint32_t timeout_ms = 60000;

	(void)state;
	n_drained = 0;
	fixture_await_idle(&fixture);
	fixture_call(&fixture, drain, &timeout_ms);
	await_drained();
	fixture_stop(&fixture);
	fixture_start(&fixture, routes, NULL, configure);
}

/* Tries to serve at the fixture's address. Returns the result. */
static int
serve_there_too(const struct endpoint *endpoint, struct err *err)
{
	struct http_listener listener = {.endpoint = *endpoint, .fd = -1};
	struct http_server_config config = fixture.config;
	struct http_server *server = NULL;
	uv_loop_t loop;
	int result;

	config.listeners = &listener;
	assert_int_equal(uv_loop_init(&loop), 0);
	result = http_server_new(&server, &loop, &config, err);
	http_server_free(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return result;
}

static void
worker_threads_share_an_address_but_processes_do_not(void **state)
{
	struct err err = {""};
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(serve_there_too(&fixture.endpoint, &err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* The copied listening socket must not pass for one of this process's own. */
		for (int fd = 3; fd < 1000; fd++)
			close(fd);
		_exit(serve_there_too(&fixture.endpoint, &err) == -EADDRINUSE &&
					strstr(err.text, "in use by another process")
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
an_address_of_another_machine_is_explained(void **state)
{
	struct endpoint endpoint;
	struct err err = {""};

	(void)state;
	assert_int_equal(endpoint_parse("192.0.2.1:8080", &endpoint, &err), 0);
	assert_int_equal(serve_there_too(&endpoint, &err), -EADDRNOTAVAIL);
	assert_non_null(strstr(err.text, "192.0.2.1:8080"));
	assert_non_null(strstr(err.text, "does not have the address"));
}

static void
an_inherited_socket_is_used(void **state)
{
	struct sockaddr_storage address = {0};
	struct fixture other;
	struct endpoint endpoint;
	struct err err = {""};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size;
	char *response;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(endpoint_parse("[::1]:1", &endpoint, &err), 0);
	endpoint.port = 0;
	size = endpoint_to_sockaddr(&endpoint, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	other = fixture;
	other.listener.fd = fd;
	other.config.listeners = &other.listener;
	assert_int_equal(uv_loop_init(&other.loop), 0);
	assert_int_equal(http_server_new(&other.server, &other.loop, &other.config, &err), 0);
	http_server_endpoint(other.server, 0, &other.endpoint);
	assert_int_equal(other.endpoint.addr.family, ADDR_V6);
	assert_int_not_equal(other.endpoint.port, 0);
	fd = client_connect(&other);
	client_send(fd, "GET /hello HTTP/1.0\r\n\r\n");
	for (int i = 0; i < 20; i++)
		uv_run(&other.loop, UV_RUN_NOWAIT);
	response = client_read_all(fd, NULL);
	assert_non_null(strstr(response, "hello"));
	free(response);
	close(fd);
	http_server_free(other.server);
	uv_run(&other.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&other.loop), 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_client_that_says_nothing_is_closed),
		cmocka_unit_test(a_header_that_drips_is_cut_off),
		cmocka_unit_test(a_body_that_drips_is_cut_off),
		cmocka_unit_test(a_client_that_does_not_read_is_cut_off),
		cmocka_unit_test(an_idle_connection_is_closed_later_than_a_silent_one),
		cmocka_unit_test(a_handler_may_take_longer_than_any_deadline),
		cmocka_unit_test(connections_beyond_the_limit_are_closed_at_once),
		cmocka_unit_test(without_descriptors_connections_are_shed),
		cmocka_unit_test(drain_lets_the_answer_in_flight_finish),
		cmocka_unit_test(drain_ends_at_its_timeout),
		cmocka_unit_test(drain_without_connections_is_over_at_once),
		cmocka_unit_test(worker_threads_share_an_address_but_processes_do_not),
		cmocka_unit_test(an_address_of_another_machine_is_explained),
		cmocka_unit_test(an_inherited_socket_is_used),
	};

	return cmocka_run_group_tests(cases, setup, teardown);
}
