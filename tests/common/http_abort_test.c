/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that do not end well: sources that fail, clients and handlers that give up. */
#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/shim.h"
#include "tests/common/http_streams.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_NS (60 * NS_PER_S)

/* Old connections that stay open make libmicrohttpd 0.9.75 forget those that a source ends. */
static void
a_source_that_fails_cuts_the_connection(void **state)
{
	int old = client_connect(&streams.fixture);
	unsigned int n_fds;
	char *response;

	(void)state;
	client_send(old, "GET /download HTTP/1.1\r\nHost: a\r\n\r\n");
	response = client_read_response(old, false);
	free(response);
	n_fds = count_fds();
	for (int i = 0; i < 20; i++) {
		response = client_exchange(&streams.fixture,
			"GET /download?size=100000&fail=20000 HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
		assert_int_equal(client_dechunk(strstr(response, "\r\n\r\n") + 4), -1);
		free(response);
		response = client_exchange(&streams.fixture,
			"GET /download?size=100000&fail=20000&known HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_true(strlen(response) < 100000);
		free(response);
	}
	streams_await_done();
	for (uint64_t start_ns = clock_now_ns(); count_fds() > n_fds;) {
		assert_true(clock_now_ns() - start_ns < LIMIT_NS);
		usleep(2000);
	}
	close(old);
}

static void
an_old_client_sees_a_failure_as_a_reset(void **state)
{
	int fd = client_connect(&streams.fixture);
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

static void
a_request_may_be_answered_later(void **state)
{
	int fd = client_connect(&streams.fixture);
	char *response;

	(void)state;
	for (int i = 0; i < 3; i++) {
		client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
		streams_await_held();
		streams_answer("later");
		response = client_read_response(fd, false);
		assert_non_null(strstr(response, "\r\n\r\nlater"));
		free(response);
	}
	close(fd);
}

static void
a_handler_learns_that_its_client_has_left(void **state)
{
	(void)state;
	fixture_await_idle(&streams.fixture);
	for (int i = 0; i < 3; i++) {
		int fd = client_connect(&streams.fixture);

		streams.last_status = 1;
		client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
		streams_await_held();
		close(fd);
		streams_await_done();
		assert_int_equal(streams.last_status, 0);
	}
	fixture_await_idle(&streams.fixture);
}

static void
a_handler_can_abort(void **state)
{
	int fd = client_connect(&streams.fixture);
	size_t size;

	(void)state;
	client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
	streams_await_held();
	streams_abort();
	free(client_read_all(fd, &size));
	assert_int_equal(size, 0);
	close(fd);
	streams_await_done();
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
	fixture_await_idle(&streams.fixture);
	n_fds = count_fds();
	for (int i = 0; i < 300; i++) {
		const struct linger reset = {.l_onoff = i % 2, .l_linger = 0};
		int fd = client_connect(&streams.fixture);

		client_send(fd, starts[i % (int)(sizeof(starts) / sizeof(starts[0]))]);
		if (i % 3 == 0)
			usleep(1000);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	fixture_await_idle(&streams.fixture);
	assert_int_equal(streams.n_done, streams.n_handled);
	assert_int_equal(count_fds(), n_fds);
}

/* Connections whose last bytes are read and thrown away. */
struct lingering {
	unsigned int n;
	unsigned int n_told; /* Of those, what libmicrohttpd is still told of. */
};

static void
count_lingering(struct fixture *fixture, void *arg)
{
	struct lingering *lingering = arg;

	(void)fixture;
	for (int fd = 0; fd < SHIM_FDS_MAX; fd++) {
		const struct connection *connection = shim_get(fd);

		if (!connection || connection->phase != CONNECTION_LINGERING)
			continue;
		lingering->n++;
		lingering->n_told += !connection->readiness.muted || connection->readiness.tag;
	}
}

/* Returns a client that has sent half of a request behind its last answer. */
static int
linger(void)
{
	int fd = client_connect(&streams.fixture);
	char *response;

	client_send(fd, "GET /hold HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /ho");
	streams_await_held();
	streams_answer("last");
	response = client_read_all(fd, NULL);
	assert_non_null(strstr(response, "\r\n\r\nlast"));
	free(response);
	return fd;
}

/* The library takes a connection out of its set before it frees it, but not if it has not put it
 * back there since a handler has answered late. */
static void
what_comes_behind_the_last_answer_is_nobodys(void **state)
{
	struct lingering lingering = {0};
	char *response;
	int fd;

	(void)state;
	for (;;) {
		fd = linger();
		fixture_call(&streams.fixture, count_lingering, &lingering);
		if (lingering.n > 0)
			break;
		close(fd); /* It took so long that the server has lost its patience. */
	}
	assert_int_equal(lingering.n_told, 0);
	client_send(fd, "ld HTTP/1.1\r\n");
	response = client_exchange(&streams.fixture, "GET /download?size=1 HTTP/1.0\r\n\r\n");
	assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
	free(response);
	close(fd);
	fixture_await_idle(&streams.fixture);
}

static void
a_server_ends_with_requests_open(void **state)
{
	int fds[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		fds[i] = client_connect(&streams.fixture);
		client_send(
			fds[i], i % 2 ? "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
				      : "GET /download?size=99999999 HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	while (streams.n_handled < streams.n_done + 8)
		usleep(2000);
	streams_stop(NULL);
	assert_int_equal(streams.n_done, streams.n_handled);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	streams_start(NULL);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_source_that_fails_cuts_the_connection),
		cmocka_unit_test(an_old_client_sees_a_failure_as_a_reset),
		cmocka_unit_test(a_request_may_be_answered_later),
		cmocka_unit_test(a_handler_learns_that_its_client_has_left),
		cmocka_unit_test(a_handler_can_abort),
		cmocka_unit_test(clients_that_leave_at_any_moment_leave_nothing_behind),
		cmocka_unit_test(what_comes_behind_the_last_answer_is_nobodys),
		cmocka_unit_test(a_server_ends_with_requests_open),
	};

	return cmocka_run_group_tests(cases, streams_start, streams_stop);
}
