/* SPDX-License-Identifier: BSD-3-Clause */
/* The server as clients see it: routes, bodies in memory, keep-alive, pipelining. */
#include "tests/common/http_fixture.h"

#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_NS (20 * NS_PER_S)

static struct fixture fixture;

static void
hello(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_text(req, 200, "text/plain", "hello");
}

static void
echo(struct http_request *req, void *ctx)
{
	size_t size;
	const char *body = http_request_body(req, &size);

	(void)ctx;
	http_respond(req, 200, NULL, 0, body, size);
}

static void
show(struct http_request *req, void *ctx)
{
	char text[1024];
	const char *query = http_request_query(req, "q");
	const char *header = http_request_header(req, "x-test");

	(void)ctx;
	snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%s", http_request_method_name(req),
		http_request_target(req), http_request_path(req), query ? query : "-",
		header ? header : "-", http_request_version(req));
	http_respond_text(req, 200, "text/plain", text);
}

static const struct http_route routes[] = {
	{"GET", "/hello", HTTP_BODY_NONE, 0, hello, "Says hello."},
	{"POST", "/echo", HTTP_BODY_BUFFERED, 0, echo, "Sends the body back."},
	{"POST", "/small", HTTP_BODY_BUFFERED, 16, echo, "Takes 16 bytes."},
	{"*", "/show/*", HTTP_BODY_NONE, 0, show, "Shows the request."},
	{0},
};

static int
setup(void **state)
{
	(void)state;
	fixture_start(&fixture, routes, NULL, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	return 0;
}

static void
expect(const char *request, const char *start, const char *end)
{
	char *response = client_exchange(&fixture, request);

	if (strncmp(response, start, strlen(start)) != 0)
		fail_msg("\n%s\nwas answered by\n%s", request, response);
	if (strlen(response) < strlen(end) ||
		strcmp(response + strlen(response) - strlen(end), end) != 0)
		fail_msg("\n%s\nwas answered by\n%s", request, response);
	free(response);
}

#define CLOSE "Host: a\r\nConnection: close\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"

struct exchange_case {
	const char *request;
	const char *start;
	const char *end;
};

static const struct exchange_case exchange_cases[] = {
	{"GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello"},
	{"GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello"},
	{"HEAD /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n\r\n"},
	{"GET http://b/hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello"},
	{"GET /none HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404 ", "{\"error\":\"Not Found\"}"},
	{"GET %zz HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400 ", "malformed request target\"}"},
	{"GET /show/%0 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400 ", "malformed request target\"}"},
	{"GET /show/%00 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400 ", "malformed request target\"}"},
	{"DELETE /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 405 ", "{\"error\":\"Method Not Allowed\"}"},
	{"GET /show/a%20b%2Fc?q=x%20y+z&r HTTP/1.1\r\nX-Test: v\r\n" CLOSE, "HTTP/1.1 200 ",
		"\r\n\r\nGET|/show/a%20b%2Fc?q=x%20y+z&r|/show/a b/c|x y z|v|HTTP/1.1"},
	{"PURGE /show/?p=q&q HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200 ",
		"\r\n\r\nPURGE|/show/?p=q&q|/show/||-|HTTP/1.1"},
	{POST("/echo") "Content-Length: 4\r\n\r\nwxyz", "HTTP/1.1 200 ", "\r\n\r\nwxyz"},
	{POST("/echo") "Content-Length: 0\r\n\r\n", "HTTP/1.1 200 ", "Content-Length: 0\r\n\r\n"},
	{POST("/echo") "\r\n", "HTTP/1.1 200 ", "Content-Length: 0\r\n\r\n"},
	{POST("/echo") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x\r\ndefg\r\n0\r\n\r\n",
		"HTTP/1.1 200 ", "\r\n\r\nabcdefg"},
	{POST("/echo") "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: t\r\n\r\n",
		"HTTP/1.1 200 ", "\r\n\r\na"},
	{POST("/echo") "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ", "\r\n\r\nhi"},
	{POST("/small") "Content-Length: 16\r\n\r\n0123456789abcdef", "HTTP/1.1 200 ",
		"\r\n\r\n0123456789abcdef"},
	{POST("/small") "Content-Length: 17\r\n\r\n0123456789abcdefg", "HTTP/1.1 413 ",
		"{\"error\":\"the body is too large\"}"},
	{POST("/small") "Content-Length: 17\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413 ",
		"{\"error\":\"the body is too large\"}"},
	{POST("/small") "Transfer-Encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n",
		"HTTP/1.1 413 ", "{\"error\":\"the body is too large\"}"},
	{"GET /hello HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc", "HTTP/1.1 413 ",
		"{\"error\":\"this request takes no body\"}"},
};

static void
requests_are_answered_as_they_should_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exchange_cases) / sizeof(exchange_cases[0]); i++)
		expect(exchange_cases[i].request, exchange_cases[i].start, exchange_cases[i].end);
}

static void
a_request_in_single_bytes_is_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exchange_cases) / sizeof(exchange_cases[0]); i++) {
		const struct exchange_case *c = &exchange_cases[i];
		int fd = client_connect(&fixture);
		char *response;

		/* The server may answer and close before the last byte. */
		for (const char *at = c->request; *at; at++) {
			if (send(fd, at, 1, MSG_NOSIGNAL) != 1)
				break;
		}
		response = client_read_all(fd, NULL);
		assert_int_equal(strncmp(response, c->start, strlen(c->start)), 0);
		free(response);
		close(fd);
	}
}

static void
a_method_that_is_not_served_is_told_which_are(void **state)
{
	char *response = client_exchange(&fixture, "PUT /echo HTTP/1.1\r\n" CLOSE);

	(void)state;
	assert_non_null(strstr(response, "HTTP/1.1 405 "));
	assert_non_null(strstr(response, "\r\nAllow: POST\r\n"));
	free(response);
}

static unsigned int
count(const char *text, const char *word)
{
	unsigned int n = 0;

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		n++;
	return n;
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	char *response = client_exchange(&fixture,
		"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
		"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\nde\r\n0\r\n\r\n"
		"GET /hello HTTP/1.1\r\n" CLOSE);
	char *at = response;

	(void)state;
	assert_int_equal(count(response, "HTTP/1.1 "), 5);
	at = strstr(at, "\r\n\r\nhello");
	assert_non_null(at);
	at = strstr(at, "\r\n\r\nabc");
	assert_non_null(at);
	at = strstr(at, "HTTP/1.1 404");
	assert_non_null(at);
	at = strstr(at, "\r\n\r\nde");
	assert_non_null(at);
	assert_non_null(strstr(at, "\r\n\r\nhello"));
	free(response);
}

static void
a_connection_is_kept_for_many_requests(void **state)
{
	int fd = client_connect(&fixture);
	struct http_server_stats before;
	struct http_server_stats after;

	(void)state;
	fixture_stats(&fixture, &before);
	for (int i = 0; i < 50; i++) {
		char *response;

		client_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		response = client_read_response(fd, false);
		assert_non_null(strstr(response, "\r\n\r\nhello"));
		free(response);
		client_send(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
		response = client_read_response(fd, false);
		assert_non_null(strstr(response, "\r\n\r\nabc"));
		free(response);
		client_send(fd, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
		response = client_read_response(fd, false);
		assert_int_equal(strncmp(response, "HTTP/1.1 404", 12), 0);
		free(response);
	}
	fixture_stats(&fixture, &after);
	assert_int_equal(after.n_requests - before.n_requests, 150);
	assert_int_equal(after.n_responses[4] - before.n_responses[4], 50);
	assert_true(after.n_accepted - before.n_accepted <= 1);
	close(fd);
}

/* What passes as one request here must not be two elsewhere: such requests are refused, and
 * nothing that follows on the connection is served. */
static void
requests_that_can_be_read_in_two_ways_are_refused(void **state)
{
	static const char *const requests[] = {
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: "
		"6\r\n\r\nabcde",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1\r\na\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1;\n\r\na\r\n0\r\n\r\n",
		"GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET /hello HTTP/1.1\r\n\r\n",
		"GET /hello HTTP/1.1\nHost: a\n\n",
		"GET /hello HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
		"GET /hello HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
		"GET /hello  HTTP/1.1\r\nHost: a\r\n\r\n",
		"\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
	};
	static const char good[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_server_stats before;
	struct http_server_stats after;

	(void)state;
	fixture_stats(&fixture, &before);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		char text[1024];
		char *response;

		snprintf(text, sizeof(text), "%s%s%s", good, requests[i], good);
		response = client_exchange(&fixture, text);
		if (count(response, "HTTP/1.1 ") != 2 || count(response, "HTTP/1.1 400 ") != 1 ||
			count(response, "hello") != 1)
			fail_msg("\n%s\nwas answered by\n%s", text, response);
		free(response);
	}
	fixture_stats(&fixture, &after);
	assert_true(after.n_refused - before.n_refused >= 10);
	fixture_await_idle(&fixture);
}

static void
a_nul_in_a_header_is_refused(void **state)
{
	static const char text[] = "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
	int fd = client_connect(&fixture);
	char *response;

	(void)state;
	assert_int_equal(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
	response = client_read_all(fd, NULL);
	assert_int_equal(strncmp(response, "HTTP/1.1 400", 12), 0);
	free(response);
	close(fd);
}

static void
a_header_that_is_too_large_gets_431(void **state)
{
	size_t sizes[] = {8200, 12000, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = malloc(sizes[i] + 100);
		size_t start;
		char *response;

		assert_non_null(text);
		start = (size_t)snprintf(text, 100, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
		memset(text + start, 'x', sizes[i]);
		memcpy(text + start + sizes[i], "\r\n\r\n", 5);
		response = client_exchange(&fixture, text);
		assert_int_equal(strncmp(response, "HTTP/1.1 431", 12), 0);
		free(response);
		free(text);
	}
}

static void
a_header_within_the_limit_is_taken(void **state)
{
	char text[9000];
	size_t start = (size_t)snprintf(text, 100, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	size_t size = 8192 - start - strlen("\r\nConnection: close\r\n\r\n") - 10;
	char *response;

	(void)state;
	memset(text + start, 'x', size);
	snprintf(text + start + size, 100, "\r\nConnection: close\r\n\r\n");
	response = client_exchange(&fixture, text);
	assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
	free(response);
}

/* The client sends a body of 3 MB that nobody wants; it must be able to read why. */
static void
an_early_answer_survives_an_unread_body(void **state)
{
	int fd = client_connect(&fixture);
	char block[65536] = {0};
	char *response;

	(void)state;
	client_send(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\n");
	for (int i = 0; i < 48; i++) {
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			break;
	}
	response = client_read_all(fd, NULL);
	assert_int_equal(strncmp(response, "HTTP/1.1 413", 12), 0);
	assert_non_null(strstr(response, "the body is too large"));
	free(response);
	close(fd);
	fixture_await_idle(&fixture);
}

static void
a_client_that_closes_between_requests_is_forgotten(void **state)
{
	unsigned int n_fds = count_fds();

	(void)state;
	fixture_await_idle(&fixture);
	for (int i = 0; i < 20; i++) {
		int fd = client_connect(&fixture);
		char *response;

		client_send(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		if (i % 2) /* The end comes together with the request. */
			shutdown(fd, SHUT_WR);
		response = client_read_response(fd, false);
		assert_non_null(strstr(response, "hello"));
		free(response);
		close(fd);
	}
	fixture_await_idle(&fixture);
	assert_int_equal(count_fds(), n_fds);
}

static void
count_resting(struct fixture *of, void *arg)
{
	unsigned int *n = arg;

	for (const struct connection *at = of->server->connections; at; at = at->next)
		*n += at->rests;
}

static void
await_resting(unsigned int wanted)
{
	uint64_t start_ns = clock_now_ns();
	unsigned int n = 0;

	while (n < wanted) {
		assert_true(clock_now_ns() - start_ns < PATIENCE_NS);
		usleep(10000);
		n = 0;
		fixture_call(&fixture, count_resting, &n);
	}
}

static void
read_hello(int fd)
{
	char *response = client_read_response(fd, false);

	assert_non_null(strstr(response, "hello"));
	free(response);
}

/* Also one whose next request has begun, which must not lose what is there of it. */
static void
connections_that_have_rested_go_on(void **state)
{
	static const char request[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
	int idle = client_connect(&fixture);
	int begun = client_connect(&fixture);

	(void)state;
	client_send(begun, request);
	read_hello(begun);
	client_send(begun, "GET /he");
	for (int i = 0; i < 2; i++) {
		client_send(idle, request);
		read_hello(idle);
		await_resting(1);
	}
	client_send(begun, "llo HTTP/1.1\r\nHost: a\r\n\r\n");
	read_hello(begun);
	close(idle);
	close(begun);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(requests_are_answered_as_they_should_be),
		cmocka_unit_test(a_request_in_single_bytes_is_answered),
		cmocka_unit_test(a_method_that_is_not_served_is_told_which_are),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_connection_is_kept_for_many_requests),
		cmocka_unit_test(requests_that_can_be_read_in_two_ways_are_refused),
		cmocka_unit_test(a_nul_in_a_header_is_refused),
		cmocka_unit_test(a_header_that_is_too_large_gets_431),
		cmocka_unit_test(a_header_within_the_limit_is_taken),
		cmocka_unit_test(an_early_answer_survives_an_unread_body),
		cmocka_unit_test(a_client_that_closes_between_requests_is_forgotten),
		cmocka_unit_test(connections_that_have_rested_go_on),
	};

	return cmocka_run_group_tests(cases, setup, teardown);
}
