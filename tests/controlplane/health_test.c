/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks against real servers on loopback, which live in the same loop. */
#include "controlplane/health.h"

#include "common/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 60000

/* A server that answers each connection's first bytes with 'answer', after 'delay_ms'. */
struct server {
	uv_tcp_t listener;
	struct endpoint endpoint;
	const char *answer; /* NULL: stays silent; "": closes. */
	uint64_t delay_ms;
	size_t n_connections; /* Accepted so far. */
	size_t n_open;
	char request[1024]; /* The last one. */
};

struct client {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	struct server *server;
	int n_handles;
	char buf[1024];
};

static void
on_client_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	if (--client->n_handles > 0)
		return;
	client->server->n_open--;
	free(client);
}

static void
close_client(struct client *client)
{
	if (uv_is_closing((uv_handle_t *)&client->tcp))
		return;
	uv_close((uv_handle_t *)&client->tcp, on_client_closed);
	uv_close((uv_handle_t *)&client->timer, on_client_closed);
}

static void
on_answered(uv_write_t *write, int status)
{
	(void)status;
	close_client(write->data);
}

static void
answer(uv_timer_t *timer)
{
	struct client *client = timer->data;
	uv_buf_t buf;

	/* uv_write() only reads from the buffer. */
	memcpy(&buf.base, &client->server->answer, sizeof(buf.base));
	buf.len = strlen(client->server->answer);
	client->write.data = client;
	uv_write(&client->write, (uv_stream_t *)&client->tcp, &buf, 1, on_answered);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *client = handle->data;

	(void)suggested;
	*buf = uv_buf_init(client->buf, sizeof(client->buf) - 1);
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct client *client = stream->data;
	struct server *server = client->server;

	(void)buf;
	if (size < 0) {
		close_client(client);
		return;
	}
	client->buf[size] = '\0';
	memcpy(server->request, client->buf, (size_t)size + 1);
	if (server->answer)
		uv_timer_start(&client->timer, answer, server->delay_ms, 0);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;
	struct client *client = calloc(1, sizeof(*client));

	assert_int_equal(status, 0);
	client->server = server;
	client->n_handles = 2;
	uv_tcp_init(listener->loop, &client->tcp);
	uv_timer_init(listener->loop, &client->timer);
	client->tcp.data = client;
	client->timer.data = client;
	server->n_connections++;
	server->n_open++;
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&client->tcp), 0);
	uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
}

/* Listens on a free port of 'address' (which keeps 'port' if it is not 0). */
static void
server_start(struct server *server, uv_loop_t *loop, const char *address, uint16_t port)
{
	struct endpoint any = {.port = port};
	struct sockaddr_storage ss;
	int size = sizeof(ss);

	assert_int_equal(addr_parse(address, &any.addr, NULL), 0);
	endpoint_to_sockaddr(&any, &ss);
	uv_tcp_init(loop, &server->listener);
	server->listener.data = server;
	assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&ss, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 16, on_connection), 0);
	assert_int_equal(uv_tcp_getsockname(&server->listener, (struct sockaddr *)&ss, &size), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &server->endpoint), 0);
}

static void
server_stop(struct server *server)
{
	uv_close((uv_handle_t *)&server->listener, NULL);
}

/* --- A model of one pool with one backend, and what the checks say of it --- */

struct fixture {
	uv_loop_t loop;
	struct server server;
	struct check check;
	struct backend backend;
	struct pool pool;
	struct service service;
	struct model model;
	struct health *health;
	int n_results;
	int n_changes;
	bool up;
	char why[256];
	bool timed_out;
};

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	uv_loop_init(&fixture->loop);
	fixture->check = (struct check){
		.name = "test",
		.type = CHECK_HTTP,
		.http = {.method = "GET",
			.path = "/health",
			.statuses = {{200, 200}},
			.n_statuses = 1,
			.expected = "200"},
		.interval_ms = 10,
		.timeout_ms = DEADLINE_MS,
		.rise = 2,
		.fall = 3,
	};
	fixture->backend = (struct backend){.name = "web1", .weight = 1};
	fixture->pool = (struct pool){.name = "web",
		.check = &fixture->check,
		.backends = &fixture->backend,
		.n_backends = 1};
	fixture->model = (struct model){.pools = &fixture->pool, .n_pools = 1};
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	health_free(fixture->health);
	if (fixture->server.listener.data &&
		!uv_is_closing((uv_handle_t *)&fixture->server.listener))
		server_stop(&fixture->server);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	assert_int_equal(fixture->server.n_open, 0);
	free(fixture);
	return 0;
}

static void
on_result(void *ctx, size_t pool, size_t backend, bool up, const char *why)
{
	struct fixture *fixture = ctx;

	assert_int_equal(pool, 0);
	assert_int_equal(backend, 0);
	if (fixture->n_results == 0 || up != fixture->up)
		fixture->n_changes++;
	fixture->n_results++;
	fixture->up = up;
	snprintf(fixture->why, sizeof(fixture->why), "%s", why);
}

static void
on_timeout(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Runs the loop until '*value' is at least 'wanted'; fails the test when it takes too long. */
static void
run_until(struct fixture *fixture, const int *value, int wanted)
{
	uv_timer_t timer;

	fixture->timed_out = false;
	uv_timer_init(&fixture->loop, &timer);
	timer.data = &fixture->timed_out;
	uv_timer_start(&timer, on_timeout, DEADLINE_MS, 0);
	while (*value < wanted && !fixture->timed_out)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	if (fixture->timed_out)
		fail_msg("still at %d of %d: %s", *value, wanted, fixture->why);
}

/* Starts the checks of the backend at 'endpoint' and waits for the first verdict. */
static void
start_checks(struct fixture *fixture, const struct endpoint *endpoint)
{
	struct err err = {""};

	fixture->backend.addr = endpoint->addr;
	fixture->check.port = endpoint->port;
	assert_int_equal(health_new(&fixture->health, &fixture->loop, &fixture->model, on_result,
				 fixture, &err),
		0);
	assert_false(health_all_known(fixture->health));
	run_until(fixture, &fixture->n_results, 1);
	assert_true(health_all_known(fixture->health));
}

static void
http_answers_are_judged_by_their_status(void **state)
{
	static const struct {
		const char *answer;
		bool up;
		const char *why;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, "status 200"},
		{"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, "status 200"},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true,
			"status 200"},
		{"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false,
			"status 503, expected 200"},
		{"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false,
			"status 301, expected 200"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false, "transfer closed"},
		{"", false, "Empty reply from server"},
		{"SSH-2.0-OpenSSH_9.2\r\n", false, "HTTP/0.9"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *fixture = *state;

		fixture->server.answer = cases[i].answer;
		server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
		start_checks(fixture, &fixture->server.endpoint);
		if (fixture->up != cases[i].up || !strstr(fixture->why, cases[i].why))
			fail_msg("%s: %d %s", cases[i].answer, fixture->up, fixture->why);
		tear_down(state);
		set_up(state);
	}
}

static void
the_request_is_as_the_check_says(void **state)
{
	struct fixture *fixture = *state;

	fixture->server.answer = "HTTP/1.1 204 No Content\r\n\r\n";
	fixture->check.http.path = "/a/../b?c=d";
	fixture->check.http.host = "www.example.org";
	fixture->check.http.statuses[0] = (struct status_range){204, 204};
	server_start(&fixture->server, &fixture->loop, "::1", 0);
	start_checks(fixture, &fixture->server.endpoint);
	assert_true(fixture->up);
	assert_non_null(strstr(fixture->server.request, "GET /a/../b?c=d HTTP/1.1\r\n"));
	assert_non_null(strstr(fixture->server.request, "Host: www.example.org\r\n"));
	run_until(fixture, &fixture->n_results, 4);
	assert_true(fixture->server.n_connections >= 4); /* A new connection each time. */
}

static void
a_long_body_is_not_awaited(void **state)
{
	static const char header[] = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n";
	struct fixture *fixture = *state;
	char *text = malloc(200001);

	memset(text, 'x', 200000);
	memcpy(text, header, sizeof(header) - 1);
	text[200000] = '\0';
	fixture->server.answer = text;
	server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
	start_checks(fixture, &fixture->server.endpoint);
	assert_string_equal(fixture->why, "status 200");
	health_free(fixture->health);
	fixture->health = NULL;
	server_stop(&fixture->server);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	free(text);
}

static void
a_refused_connection_is_a_failure_of_either_kind(void **state)
{
	static const enum check_type types[] = {CHECK_TCP, CHECK_HTTP};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct fixture *fixture = *state;

		fixture->check.type = types[i];
		server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
		server_stop(&fixture->server);
		uv_run(&fixture->loop, UV_RUN_DEFAULT);
		start_checks(fixture, &fixture->server.endpoint);
		assert_false(fixture->up);
		assert_string_equal(fixture->why, "Connection refused");
		tear_down(state);
		set_up(state);
	}
}

static void
a_silent_or_slow_server_fails_when_the_time_is_over(void **state)
{
	static const char *const answers[] = {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct fixture *fixture = *state;

		fixture->server.answer = answers[i];
		fixture->server.delay_ms = 10 * DEADLINE_MS;
		fixture->check.timeout_ms = 50;
		server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
		start_checks(fixture, &fixture->server.endpoint);
		assert_false(fixture->up);
		assert_string_equal(fixture->why, "no answer within 50 ms");
		tear_down(state);
		set_up(state);
	}
}

static void
a_tcp_check_is_content_with_a_connection(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.type = CHECK_TCP;
	server_start(&fixture->server, &fixture->loop, "::1", 0);
	start_checks(fixture, &fixture->server.endpoint);
	assert_true(fixture->up);
	assert_string_equal(fixture->why, "connected");
	run_until(fixture, &fixture->n_results, 5);
	assert_int_equal(fixture->n_changes, 1);
}

static void
a_server_whose_queue_is_full_gives_no_connection(void **state)
{
	struct fixture *fixture = *state;
	struct endpoint endpoint;
	struct sockaddr_storage ss;
	socklen_t size;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int waiting[4];

	endpoint_parse("127.0.0.1:1", &endpoint, NULL);
	endpoint.port = 0;
	size = endpoint_to_sockaddr(&endpoint, &ss);
	assert_int_equal(bind(listener, (struct sockaddr *)&ss, size), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &size), 0);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &endpoint);
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(waiting[i], (struct sockaddr *)&ss, size);
	}
	fixture->check.type = CHECK_TCP;
	fixture->check.timeout_ms = 50;
	start_checks(fixture, &endpoint);
	assert_false(fixture->up);
	assert_string_equal(fixture->why, "no connection within 50 ms");
	for (size_t i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++)
		close(waiting[i]);
	close(listener);
}

static void
a_backend_falls_and_rises_with_its_server(void **state)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	static const char bad[] = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
	struct fixture *fixture = *state;
	int n_before;

	fixture->server.answer = good;
	server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
	start_checks(fixture, &fixture->server.endpoint);
	assert_true(fixture->up);
	fixture->server.answer = bad;
	n_before = fixture->n_results;
	run_until(fixture, &fixture->n_changes, 2);
	assert_false(fixture->up);
	assert_in_range(fixture->n_results - n_before, 3, 4);
	assert_string_equal(fixture->why, "status 500, expected 200");
	fixture->server.answer = good;
	n_before = fixture->n_results;
	run_until(fixture, &fixture->n_changes, 3);
	assert_true(fixture->up);
	assert_in_range(fixture->n_results - n_before, 2, 3);
	server_stop(&fixture->server);
	run_until(fixture, &fixture->n_changes, 4);
	assert_string_equal(fixture->why, "Connection refused");
	server_start(&fixture->server, &fixture->loop, "127.0.0.1", fixture->check.port);
	run_until(fixture, &fixture->n_changes, 5);
	assert_true(fixture->up);
}

static void
without_a_port_of_its_own_a_check_uses_the_services(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.type = CHECK_TCP;
	server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
	fixture->service = (struct service){
		.name = "http", .pool = &fixture->pool, .port = fixture->server.endpoint.port};
	fixture->model.services = &fixture->service;
	fixture->model.n_services = 1;
	fixture->server.endpoint.port = 0;
	start_checks(fixture, &fixture->server.endpoint);
	assert_true(fixture->up);
}

static void
a_check_without_any_port_fails_and_says_so(void **state)
{
	struct fixture *fixture = *state;
	struct endpoint endpoint = {.port = 0};

	addr_parse("127.0.0.1", &endpoint.addr, NULL);
	start_checks(fixture, &endpoint);
	assert_false(fixture->up);
	assert_string_equal(fixture->why, "no service uses the pool and its check has no port");
}

static void
a_hurried_check_does_not_wait_for_its_turn(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.type = CHECK_TCP;
	fixture->check.interval_ms = 3600000;
	server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
	start_checks(fixture, &fixture->server.endpoint);
	assert_true(fixture->up);
	health_hurry(fixture->health, 0, 1); /* There is none. */
	health_hurry(fixture->health, 0, 0);
	run_until(fixture, &fixture->n_results, 2);
	assert_true(fixture->up);
}

static void
pools_without_a_check_are_left_alone(void **state)
{
	struct fixture *fixture = *state;

	fixture->pool.check = NULL;
	assert_int_equal(health_new(&fixture->health, &fixture->loop, &fixture->model, on_result,
				 fixture, NULL),
		0);
	assert_true(health_all_known(fixture->health));
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_int_equal(fixture->n_results, 0);
}

static void
checks_stop_in_the_middle_of_a_probe(void **state)
{
	static const enum check_type types[] = {CHECK_TCP, CHECK_HTTP};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct fixture *fixture = *state;

		fixture->check.type = types[i];
		server_start(&fixture->server, &fixture->loop, "127.0.0.1", 0);
		fixture->backend.addr = fixture->server.endpoint.addr;
		fixture->check.port = fixture->server.endpoint.port;
		assert_int_equal(health_new(&fixture->health, &fixture->loop, &fixture->model,
					 on_result, fixture, NULL),
			0);
		while (fixture->server.n_connections == 0 && fixture->n_results == 0)
			uv_run(&fixture->loop, UV_RUN_ONCE);
		tear_down(state);
		set_up(state);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(http_answers_are_judged_by_their_status),
		CASE(the_request_is_as_the_check_says),
		CASE(a_long_body_is_not_awaited),
		CASE(a_refused_connection_is_a_failure_of_either_kind),
		CASE(a_silent_or_slow_server_fails_when_the_time_is_over),
		CASE(a_tcp_check_is_content_with_a_connection),
		CASE(a_server_whose_queue_is_full_gives_no_connection),
		CASE(a_backend_falls_and_rises_with_its_server),
		CASE(a_hurried_check_does_not_wait_for_its_turn),
		CASE(without_a_port_of_its_own_a_check_uses_the_services),
		CASE(a_check_without_any_port_fails_and_says_so),
		CASE(pools_without_a_check_are_left_alone),
		CASE(checks_stop_in_the_middle_of_a_probe),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
