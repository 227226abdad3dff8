/* SPDX-License-Identifier: BSD-3-Clause */
/* What each end of the RPC does with bytes that break the format. */
#include "tests/common/rpc_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

static int
connect_raw(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Runs the loop and reads from 'fd' until there is a newline or, with 'to_end', until the server
 * has closed. Returns the number of bytes. */
static size_t
read_raw(struct fixture *fixture, int fd, char *buf, size_t size, bool to_end)
{
	size_t n = 0;
	uv_timer_t timer;

	fixture->timed_out = false;
	uv_timer_init(&fixture->loop, &timer);
	timer.data = &fixture->timed_out;
	uv_timer_start(&timer, on_timeout, DEADLINE_MS, 0);
	for (;;) {
		ssize_t got = read(fd, buf + n, size - 1 - n);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got > 0)
			n += (size_t)got;
		buf[n] = '\0';
		if (!to_end && strchr(buf, '\n'))
			break;
		assert_false(fixture->timed_out);
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
	}
	buf[n] = '\0';
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	return n;
}

static void
a_malformed_line_is_told_and_disconnected(void **state)
{
	static const struct {
		const char *sent;
		const char *told;
	} cases[] = {
		{"\n", "not a line of JSON"},
		{"hello\n", "not a line of JSON"},
		{"{\"id\": 1\n", "not a line of JSON"},
		{"{\"id\": 1} trailing\n", "not a line of JSON"},
		{"{\"id\": 1, \"id\": 2, \"method\": \"echo\"}\n", "duplicate"},
		{"\xff\xfe\n", "not a line of JSON"},
		{"[]\n", "not a JSON object"},
		{"{\"method\": \"echo\"}\n", "integer \\\"id\\\""},
		{"{\"id\": \"1\", \"method\": \"echo\"}\n", "integer \\\"id\\\""},
		{"{\"id\": 1.0, \"method\": \"echo\"}\n", "integer \\\"id\\\""},
		{"{\"id\": 1}\n", "\\\"method\\\""},
		{"{\"id\": 1, \"method\": 5}\n", "\\\"method\\\""},
		{"{\"id\": 1, \"method\": \"echo\", \"params\": []}\n", "must be an object"},
	};
	struct fixture *fixture = *state;
	char buf[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = connect_raw(fixture->path);

		assert_int_equal(write(fd, cases[i].sent, strlen(cases[i].sent)),
			(ssize_t)strlen(cases[i].sent));
		read_raw(fixture, fd, buf, sizeof(buf), true);
		if (!strstr(buf, "\"error\"") || !strstr(buf, cases[i].told))
			fail_msg("%s got: %s", cases[i].sent, buf);
		close(fd);
	}
}

static void
partial_lines_are_put_together_and_many_in_one_piece_taken_apart(void **state)
{
	static const char request[] = "{\"id\": 5, \"method\": \"echo\"}\n";
	static const char three[] = "{\"id\": 1, \"method\": \"echo\"}\n{\"id\": 2, \"method\": "
				    "\"echo\"}\n{\"id\": 3, \"method\": \"fail\"}\n";
	struct fixture *fixture = *state;
	int fd = connect_raw(fixture->path);
	char buf[1024];

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(write(fd, request + i, 1), 1);
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
	}
	read_raw(fixture, fd, buf, sizeof(buf), false);
	assert_string_equal(buf, "{\"id\":5,\"result\":{}}\n");
	assert_int_equal(write(fd, three, sizeof(three) - 1), (ssize_t)sizeof(three) - 1);
	shutdown(fd, SHUT_WR);
	read_raw(fixture, fd, buf, sizeof(buf), true);
	assert_string_equal(buf, "{\"id\":1,\"result\":{}}\n{\"id\":2,\"result\":{}}\n"
				 "{\"id\":3,\"error\":\"no luck\"}\n");
	close(fd);
}

static void
a_late_answer_reaches_one_that_has_said_all(void **state)
{
	static const char request[] = "{\"id\": 5, \"method\": \"later\"}\n";
	struct fixture *fixture = *state;
	int fd = connect_raw(fixture->path);
	char buf[256];

	assert_int_equal(write(fd, request, sizeof(request) - 1), (ssize_t)sizeof(request) - 1);
	shutdown(fd, SHUT_WR);
	while (!fixture->pending)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	rpc_answer(fixture->pending, json_object(), NULL);
	read_raw(fixture, fd, buf, sizeof(buf), true);
	assert_string_equal(buf, "{\"id\":5,\"result\":{}}\n");
	close(fd);
}

static void
an_unfinished_line_is_dropped_with_its_connection(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_raw(fixture->path);
	char buf[64];

	assert_int_equal(write(fd, "{\"id\":", 6), 6);
	shutdown(fd, SHUT_WR);
	assert_int_equal(read_raw(fixture, fd, buf, sizeof(buf), true), 0);
	close(fd);
}

static void
an_oversize_line_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_raw(fixture->path);
	size_t chunk_size = 1u << 20;
	char *chunk = malloc(chunk_size);
	size_t n_sent = 0;
	char buf[256];

	memset(chunk, ' ', chunk_size);
	while (n_sent <= RPC_LINE_MAX + chunk_size) {
		ssize_t sent = write(fd, chunk, chunk_size);

		if (sent < 0 && errno != EAGAIN)
			break;
		if (sent > 0)
			n_sent += (size_t)sent;
		uv_run(&fixture->loop, UV_RUN_NOWAIT);
	}
	assert_true(n_sent >= RPC_LINE_MAX);
	read_raw(fixture, fd, buf, sizeof(buf), true);
	assert_non_null(strstr(buf, "the line is too long"));
	close(fd);
	free(chunk);
}

/* A server that writes 'text' to whoever connects: what a broken peer might send. */
struct rude_server {
	int fd;
	const char *text;
	uv_thread_t thread;
};

static void
be_rude(void *arg)
{
	struct rude_server *server = arg;
	int fd = accept(server->fd, NULL, NULL);
	char buf[256];

	if (read(fd, buf, sizeof(buf)) > 0) {
		ssize_t sent = write(fd, server->text, strlen(server->text));

		(void)sent;
	}
	close(fd);
}

static void
start_rude_server(struct rude_server *server, const char *path, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	server->text = text;
	server->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->fd, 8), 0);
	uv_thread_create(&server->thread, be_rude, server);
}

static void
stop_rude_server(struct rude_server *server, const char *path)
{
	uv_thread_join(&server->thread);
	close(server->fd);
	unlink(path);
}

static void
a_client_gives_up_on_a_server_that_breaks_the_format(void **state)
{
	static const char *const texts[] = {"nonsense\n", "[]\n", "{\"id\": 1}\n",
		"{\"id\": 9, \"result\": 1}\n", "{\"id\": 1, \"result\": 1, \"error\": \"both\"}\n",
		"{\"result\": {}}\n", "{\"id\": null, \"error\": \"you are wrong\"}\n",
		"{\"id\": 1, \"res"};
	struct fixture *fixture = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/rude", fixture->folder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rude_server rude;
		struct err err = {""};

		start_rude_server(&rude, path, texts[i]);
		fixture->n_connects = fixture->n_disconnects = fixture->n_errors = 0;
		assert_int_equal(rpc_client_new(&fixture->client, &fixture->loop, path, 10,
					 on_state, fixture, &err),
			0);
		run_until(fixture, &fixture->n_connects, 1);
		assert_int_equal(rpc_call(fixture->client, "stats", NULL, on_reply, fixture), 0);
		run_until(fixture, &fixture->n_disconnects, 1);
		assert_int_equal(fixture->n_errors, 1);
		assert_int_equal(fixture->n_results, 0);
		rpc_client_free(fixture->client);
		fixture->client = NULL;
		stop_rude_server(&rude, path);
	}
}

/* --- The blocking call --- */

static void
a_command_is_told_what_went_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *told;
	} cases[] = {
		{"nonsense\n", "not a line of JSON"},
		{"{\"id\": 1}\n", "neither a result nor an error"},
		{"{\"id\": 1, \"error\": \"no luck\"}\n", "no luck"},
		{"{\"id\": 1, \"resu", "closed without an answer"},
	};
	struct fixture *fixture = *state;
	struct err err = {""};
	char path[128];

	snprintf(path, sizeof(path), "%s/rude", fixture->folder);
	assert_null(rpc_call_once(path, "status", NULL, 1000, &err));
	assert_non_null(strstr(err.text, "cannot connect: No such file"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rude_server rude;

		start_rude_server(&rude, path, cases[i].text);
		assert_null(rpc_call_once(path, "status", json_object(), DEADLINE_MS, &err));
		if (!strstr(err.text, cases[i].told))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].told);
		stop_rude_server(&rude, path);
	}
	/* Nobody runs the loop of this server, so it accepts and stays silent. */
	assert_null(rpc_call_once(fixture->path, "echo", NULL, 30, &err));
	assert_non_null(strstr(err.text, "no answer within 30 ms"));
}

static void
a_command_gets_its_result(void **state)
{
	struct fixture *fixture = *state;
	struct rude_server rude;
	json_t *result;
	char path[128];

	snprintf(path, sizeof(path), "%s/rude", fixture->folder);
	start_rude_server(&rude, path, "{\"id\": 1, \"result\": {\"a\": 1}}\n");
	result = rpc_call_once(path, "status", NULL, DEADLINE_MS, NULL);
	assert_int_equal(json_integer_value(json_object_get(result, "a")), 1);
	json_decref(result);
	stop_rude_server(&rude, path);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(a_malformed_line_is_told_and_disconnected),
		CASE(partial_lines_are_put_together_and_many_in_one_piece_taken_apart),
		CASE(a_late_answer_reaches_one_that_has_said_all),
		CASE(an_unfinished_line_is_dropped_with_its_connection),
		CASE(an_oversize_line_is_refused),
		CASE(a_client_gives_up_on_a_server_that_breaks_the_format),
		CASE(a_command_is_told_what_went_wrong),
		CASE(a_command_gets_its_result),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
