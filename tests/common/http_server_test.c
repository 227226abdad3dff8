/* SPDX-License-Identifier: BSD-3-Clause */
/* The server as clients see it: routes, bodies in memory, keep-alive, pipelining. */
#include "tests/common/http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

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

static void
a_get_is_answered(void **state)
{
	(void)state;
	expect("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
		"\r\n\r\nhello");
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

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_get_is_answered),
		cmocka_unit_test(a_connection_is_kept_for_many_requests),
	};

	return cmocka_run_group_tests(cases, setup, teardown);
}
