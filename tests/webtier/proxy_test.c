/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests through a worker to app nodes that the test plays, on raw sockets. */
#include "tests/webtier/stand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GET "GET /api/x HTTP/1.1\r\nHost: www.weir.test\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* The node answers the next request on 'app' with 'answer'. Returns the request's header. */
static char *
serve(int app, const char *answer)
{
	char *head = hear_head(app);

	say(app, answer);
	return head;
}

/* The client hears an answer with this start and body. */
static void
expect_answer(int client, const char *start, const char *body)
{
	char *head = hear_head(client);
	char *heard = hear_bytes(client, content_length(head));

	assert_begins(head, start);
	if (body)
		assert_string_equal(heard, body);
	free(head);
	free(heard);
}

/* Closes with a reset. */
static void
reset(int fd)
{
	const struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static void
a_request_is_written_anew_and_the_answer_filtered(void **state)
{
	struct stand stand;
	int client, app;
	char *head;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, "GET /api/x%2Fy?q=%20 HTTP/1.1\r\nHost: www.weir.test:8443\r\n"
		    "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
		    "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\n"
		    "Proxy-Authorization: x\r\nX-Pass: yes\r\nCookie: a=b\r\n\r\n");
	app = stand_accept(&stand, NULL);
	head = serve(app, "HTTP/1.1 201 Fine\r\nContent-Length: 2\r\nConnection: X-Priv\r\n"
			  "X-Priv: 1\r\nServer: app/1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
			  "\r\nok");
	assert_begins(head, "GET /api/x%2Fy?q=%20 HTTP/1.1\r\nHost: www.weir.test:8443\r\n");
	assert_has(head, "\r\nX-Pass: yes\r\n");
	assert_has(head, "\r\nCookie: a=b\r\n");
	assert_has(head, "\r\nX-Forwarded-For: 127.0.0.1\r\n");
	assert_has(head, "\r\nX-Forwarded-Proto: http\r\n");
	assert_has(head, "\r\nX-Forwarded-Host: www.weir.test:8443\r\n");
	assert_has(head, "\r\nForwarded: for=127.0.0.1;host=\"www.weir.test:8443\";proto=http\r\n");
	assert_lacks(head, "6.6.6.6");
	assert_lacks(head, "X-Hop");
	assert_lacks(head, "Keep-Alive");
	assert_lacks(head, "TE:");
	assert_lacks(head, "Proxy-Authorization");
	assert_lacks(head, "Connection");
	assert_lacks(head, "Content-Length");
	free(head);

	head = hear_head(client);
	assert_begins(head, "HTTP/1.1 201 ");
	assert_has(head, "\r\nSet-Cookie: a=1\r\n");
	assert_has(head, "\r\nSet-Cookie: b=2\r\n");
	assert_has(head, "\r\nDate: ");
	assert_lacks(head, "X-Priv");
	assert_lacks(head, "Server");
	free(head);
	hear(client, "ok");
	close(client);
	close(app);
	stand_stop(&stand);
}

/* What a client sends while its request waits for the node is news that nobody wants yet; it must
 * not be forgotten. */
static void
a_request_that_comes_while_another_waits_is_answered(void **state)
{
	struct stand stand;
	int client, app, index;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, &index);
	atomic_store(&stand.upstreams.nodes[!index].state, UPSTREAM_DOWN);
	free(hear_head(app));
	for (int i = 0; i < 10; i++) {
		say(client, GET);
		say(app, OK);
		expect_answer(client, "HTTP/1.1 200 ", "ok");
		free(hear_head(app));
	}
	say(app, OK);
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
connections_are_kept_and_used_again(void **state)
{
	struct stand stand;
	int client, app, index;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, &index);
	atomic_store(&stand.upstreams.nodes[!index].state, UPSTREAM_DOWN);
	free(serve(app, OK));
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	for (int i = 0; i < 10; i++) {
		say(client, GET);
		free(serve(app, OK));
		expect_answer(client, "HTTP/1.1 200 ", "ok");
	}
	assert_int_equal(stand_stats(&stand)->nodes[index].n_requests, 11);
	assert_int_equal(stand_stats(&stand)->nodes[index].n_connects, 1);
	assert_int_equal(stand_stats(&stand)->proxy.n_idle, 1);
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
bodies_go_with_their_length_or_in_chunks(void **state)
{
	struct stand stand;
	int client, app;
	char *head;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
	app = stand_accept(&stand, NULL);
	head = hear_head(app);
	assert_has(head, "\r\nContent-Length: 5\r\n");
	assert_lacks(head, "Transfer-Encoding");
	free(head);
	hear(app, "hello");
	say(app, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	assert_true(is_closed(app));
	close(app);

	say(client, "POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
	app = stand_accept(&stand, NULL);
	head = hear_head(app);
	assert_has(head, "\r\nTransfer-Encoding: chunked\r\n");
	assert_lacks(head, "Content-Length");
	free(head);
	hear(app, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
	say(app, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		 "1\r\na\r\n");
	head = hear_head(client);
	assert_has(head, "\r\nTransfer-Encoding: chunked\r\n");
	free(head);
	hear(client, "1\r\na\r\n");
	say(app, "2\r\nbc\r\n0\r\n\r\n");
	hear(client, "2\r\nbc\r\n0\r\n\r\n");
	close(app);

	say(client, "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	app = stand_accept(&stand, NULL);
	head = serve(app, OK);
	assert_has(head, "\r\nContent-Length: 0\r\n");
	free(head);
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
answers_without_a_body_and_interim_ones_are_understood(void **state)
{
	struct stand stand;
	int client, app, index;
	char *head;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, "HEAD /api/x HTTP/1.1\r\nHost: x\r\n\r\n");
	app = stand_accept(&stand, &index);
	atomic_store(&stand.upstreams.nodes[!index].state, UPSTREAM_DOWN);
	free(serve(app, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"));
	head = hear_head(client);
	assert_int_equal(content_length(head), 1234);
	free(head);

	say(client, GET);
	free(serve(app, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No\r\n\r\n"));
	head = hear_head(client);
	assert_begins(head, "HTTP/1.1 204 ");
	free(head);

	say(client, GET);
	free(serve(app, "HTTP/1.1 304 Same\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n"));
	head = hear_head(client);
	assert_begins(head, "HTTP/1.1 304 ");
	assert_has(head, "\r\nETag: \"x\"\r\n");
	free(head);

	say(client, GET);
	free(serve(app, OK));
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	assert_int_equal(stand_stats(&stand)->nodes[index].n_connects, 1);
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
a_body_that_ends_with_its_connection_arrives_whole(void **state)
{
	struct stand stand;
	int client, app;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	free(serve(app, "HTTP/1.1 200 OK\r\n\r\nfirst "));
	free(hear_head(client));
	hear(client, "6\r\nfirst \r\n");
	say(app, "last");
	close(app);
	hear(client, "4\r\nlast\r\n0\r\n\r\n");
	close(client);
	stand_stop(&stand);
}

static void
a_node_that_dies_within_its_answer_is_no_complete_answer(void **state)
{
	struct stand stand;
	int client, app;
	char *rest;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	free(serve(app, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"));
	free(hear_head(client));
	hear(client, "abc");
	reset(app);
	rest = hear_all(client, NULL);
	assert_string_equal(rest, "");
	free(rest);
	close(client);

	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	free(serve(app, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
	free(hear_head(client));
	hear(client, "3\r\nabc\r\n");
	close(app);
	rest = hear_all(client, NULL);
	assert_string_equal(rest, ""); /* No last chunk. */
	free(rest);
	close(client);
	stand_stop(&stand);
}

static void
a_refused_connection_is_tried_elsewhere_whatever_the_method(void **state)
{
	struct stand stand;
	int client, app, index;

	(void)state;
	stand_start(&stand, NULL);
	stand_close_app(&stand, 0);
	client = stand_connect(&stand);
	for (int i = 0; i < 4; i++) {
		say(client, "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
		app = stand_accept(&stand, &index);
		assert_int_equal(index, 1);
		free(hear_head(app));
		hear(app, "hello");
		say(app, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
		expect_answer(client, "HTTP/1.1 200 ", "ok");
		close(app);
	}
	/* Once was enough: then the node was ejected. */
	assert_int_equal(stand_stats(&stand)->nodes[0].n_requests, 1);
	assert_int_equal(stand_stats(&stand)->nodes[0].n_failures, 1);
	assert_int_equal(stand_stats(&stand)->proxy.n_retries, 1);
	close(client);
	stand_stop(&stand);
}

static void
a_kept_connection_that_was_closed_costs_no_request(void **state)
{
	struct stand stand;
	int client, app, index, next;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, &index);
	atomic_store(&stand.upstreams.nodes[!index].state, UPSTREAM_DOWN);
	free(serve(app, OK));
	expect_answer(client, "HTTP/1.1 200 ", "ok");

	/* The node reads the request and closes without a word: GET may be sent again. */
	say(client, GET);
	free(hear_head(app));
	close(app);
	next = stand_accept(&stand, NULL);
	free(serve(next, OK));
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	assert_int_equal(stand_stats(&stand)->proxy.n_retries, 1);

	/* POST may not: the node may have acted. */
	say(client, "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	free(hear_head(next));
	hear(next, "hi");
	close(next);
	expect_answer(client, "HTTP/1.1 502 ", NULL);
	assert_int_equal(stand_stats(&stand)->proxy.n_retries, 1);
	close(client);
	stand_stop(&stand);
}

static void
a_second_failure_is_the_clients(void **state)
{
	struct stand stand;
	int client;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	for (int i = 0; i < 2; i++) {
		int app = stand_accept(&stand, NULL);

		free(hear_head(app));
		close(app);
	}
	expect_answer(client, "HTTP/1.1 502 ", NULL);
	close(client);
	stand_stop(&stand);
}

static void
bad_answers_are_502(void **state)
{
	static const char *const answers[] = {"rubbish\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
		"0\r\n\r\n",
		"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"};
	struct stand stand;

	(void)state;
	stand_start(&stand, NULL);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		int client = stand_connect(&stand);
		int app;

		say(client, GET);
		app = stand_accept(&stand, NULL);
		free(serve(app, answers[i]));
		expect_answer(client, "HTTP/1.1 502 ", NULL);
		assert_true(is_closed(app));
		close(client);
		close(app);
	}
	assert_int_equal(stand_stats(&stand)->proxy.n_retries, 0);
	stand_stop(&stand);
}

static void
no_node_is_503(void **state)
{
	struct stand stand;
	int client;
	char *answer;

	(void)state;
	stand_start(&stand, NULL);
	atomic_store(&stand.upstreams.nodes[0].state, UPSTREAM_DOWN);
	atomic_store(&stand.upstreams.nodes[1].state, UPSTREAM_DOWN);
	client = stand_connect(&stand);
	answer = ask(client, GET);
	assert_begins(answer, "HTTP/1.1 503 ");
	assert_has(answer, "\r\nRetry-After: ");
	free(answer);
	answer = ask(client, GET);
	assert_begins(answer, "HTTP/1.1 503 ");
	free(answer);
	assert_int_equal(stand_stats(&stand)->proxy.n_unavailable, 2);
	close(client);
	stand_stop(&stand);
}

static void
be_impatient(struct model *model)
{
	model->web.connect_timeout_ms = 60;
	model->web.response_timeout_ms = 60;
}

static void
a_node_that_does_not_answer_is_504(void **state)
{
	struct stand stand;
	int client, app;

	(void)state;
	stand_start(&stand, be_impatient);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	expect_answer(client, "HTTP/1.1 504 ", NULL);
	free(hear_head(app));
	assert_true(is_closed(app));
	assert_int_equal(stand_stats(&stand)->proxy.n_retries, 0);
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
targets_that_could_leave_their_prefix_are_refused(void **state)
{
	static const char *const targets[] = {"/api/../x", "/api/%2e%2e/x", "/api/..%2fx",
		"/%61pi/x", "/api/x%0d%0a", "/api%2Fx"};
	struct stand stand;
	char request[128];

	(void)state;
	stand_start(&stand, NULL);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		int client = stand_connect(&stand);
		char *answer;

		snprintf(
			request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
		answer = ask(client, request);
		assert_begins(answer, "HTTP/1.1 400 ");
		free(answer);
		close(client);
	}
	assert_int_equal(stand_stats(&stand)->nodes[0].n_requests, 0);
	assert_int_equal(stand_stats(&stand)->nodes[1].n_requests, 0);
	stand_stop(&stand);
}

#define FLOOD ((size_t)48 << 20)

static void
set_blocking(int fd, bool is_blocking)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* Moderate buffers of the test's own sockets, so that the kernel does not swallow the flood. */
static void
limit_buffers(int fd)
{
	int size = 262144;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Writes what is taken at once. */
static size_t
write_some(int fd, size_t most)
{
	static const char bytes[65536];
	ssize_t n = write(fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes));

	assert_true(n > 0 || errno == EAGAIN);
	return n > 0 ? (size_t)n : 0;
}

/* Writes zeros until nobody has taken any for a while. Returns how many were. */
static size_t
pour(int fd, size_t most)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	size_t total = 0;

	set_blocking(fd, false);
	while (total < most && poll(&poll_fd, 1, 300) > 0)
		total += write_some(fd, most - total);
	set_blocking(fd, true);
	return total;
}

/* Writes 'n_write' zeros to 'from' and reads 'n_read' bytes from 'to', as they come. */
static void
pump(int from, int to, size_t n_write, size_t n_read)
{
	char bytes[65536];

	set_blocking(from, false);
	while (n_write > 0 || n_read > 0) {
		struct pollfd fds[] = {
			{.fd = n_write > 0 ? from : -1, .events = POLLOUT},
			{.fd = n_read > 0 ? to : -1, .events = POLLIN},
		};

		assert_true(poll(fds, 2, 10000) > 0);
		if (fds[0].revents)
			n_write -= write_some(from, n_write);
		if (fds[1].revents) {
			ssize_t n =
				read(to, bytes, n_read < sizeof(bytes) ? n_read : sizeof(bytes));

			assert_true(n > 0);
			n_read -= (size_t)n;
		}
	}
	set_blocking(from, true);
}

static void
a_client_that_does_not_read_stops_the_node(void **state)
{
	struct stand stand;
	int client, app, index;
	size_t taken;
	char head[96];

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	limit_buffers(client);
	say(client, GET);
	app = stand_accept(&stand, &index);
	atomic_store(&stand.upstreams.nodes[!index].state, UPSTREAM_DOWN);
	limit_buffers(app);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", FLOOD);
	free(serve(app, head));
	taken = pour(app, FLOOD);
	assert_true(taken < FLOOD / 2);
	free(hear_head(client));
	pump(app, client, FLOOD - taken, FLOOD);
	say(client, GET);
	free(serve(app, OK)); /* The connection is still good. */
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
a_node_that_does_not_read_stops_the_client(void **state)
{
	struct stand stand;
	int client, app;
	size_t taken;
	char head[128];

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	limit_buffers(client);
	snprintf(head, sizeof(head),
		"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", FLOOD);
	say(client, head);
	app = stand_accept(&stand, NULL);
	limit_buffers(app);
	taken = pour(client, FLOOD);
	assert_true(taken < FLOOD / 2);
	free(hear_head(app));
	pump(client, app, FLOOD - taken, FLOOD);
	say(app, OK);
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
a_client_that_leaves_frees_the_node(void **state)
{
	struct stand stand;
	int client, app;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	free(hear_head(app));
	close(client);
	assert_true(is_closed(app));
	close(app);
	stand_stop(&stand);
}

static void
an_early_answer_ends_the_upload(void **state)
{
	struct stand stand;
	int client, app;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, "POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
	app = stand_accept(&stand, NULL);
	free(hear_head(app));
	hear(app, "hello");
	say(app, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
	assert_true(is_closed(app));
	say(client, "world");
	expect_answer(client, "HTTP/1.1 413 ", "no");
	close(client);
	close(app);
	stand_stop(&stand);
}

static bool
has_ended(struct stand *stand)
{
	return atomic_load(&stand->has_ended);
}

static void
a_drain_finishes_what_is_in_flight(void **state)
{
	struct stand stand;
	int client, app;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	free(hear_head(app));
	worker_drain(stand.worker, 60000);
	say(app, OK);
	expect_answer(client, "HTTP/1.1 200 ", "ok");
	assert_true(is_closed(client));
	stand_await(&stand, has_ended);
	close(client);
	close(app);
	stand_stop(&stand);
}

static void
a_drain_does_not_wait_for_ever(void **state)
{
	struct stand stand;
	int client, app;

	(void)state;
	stand_start(&stand, NULL);
	client = stand_connect(&stand);
	say(client, GET);
	app = stand_accept(&stand, NULL);
	free(hear_head(app));
	worker_drain(stand.worker, 50);
	stand_await(&stand, has_ended);
	assert_true(is_closed(client));
	assert_true(is_closed(app));
	close(client);
	close(app);
	stand_stop(&stand);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_request_is_written_anew_and_the_answer_filtered),
		cmocka_unit_test(a_request_that_comes_while_another_waits_is_answered),
		cmocka_unit_test(connections_are_kept_and_used_again),
		cmocka_unit_test(bodies_go_with_their_length_or_in_chunks),
		cmocka_unit_test(answers_without_a_body_and_interim_ones_are_understood),
		cmocka_unit_test(a_body_that_ends_with_its_connection_arrives_whole),
		cmocka_unit_test(a_node_that_dies_within_its_answer_is_no_complete_answer),
		cmocka_unit_test(a_refused_connection_is_tried_elsewhere_whatever_the_method),
		cmocka_unit_test(a_kept_connection_that_was_closed_costs_no_request),
		cmocka_unit_test(a_second_failure_is_the_clients),
		cmocka_unit_test(bad_answers_are_502),
		cmocka_unit_test(no_node_is_503),
		cmocka_unit_test(a_node_that_does_not_answer_is_504),
		cmocka_unit_test(targets_that_could_leave_their_prefix_are_refused),
		cmocka_unit_test(a_client_that_does_not_read_stops_the_node),
		cmocka_unit_test(a_node_that_does_not_read_stops_the_client),
		cmocka_unit_test(a_client_that_leaves_frees_the_node),
		cmocka_unit_test(an_early_answer_ends_the_upload),
		cmocka_unit_test(a_drain_finishes_what_is_in_flight),
		cmocka_unit_test(a_drain_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
