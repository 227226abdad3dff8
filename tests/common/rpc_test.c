/* SPDX-License-Identifier: BSD-3-Clause */
/* Both ends of the RPC on one loop, over a real socket. */
#include "tests/common/rpc_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void
calls_are_answered_with_results_and_errors(void **state)
{
	struct fixture *fixture = *state;

	connect_client(fixture);
	assert_int_equal(
		rpc_call(fixture->client, "echo", json_pack("{s:s}", "a", "\n"), on_reply, fixture),
		0);
	run_until(fixture, &fixture->n_results, 1);
	assert_string_equal(json_string_value(json_object_get(fixture->result, "a")), "\n");
	assert_int_equal(rpc_call(fixture->client, "echo", NULL, on_reply, fixture), 0);
	run_until(fixture, &fixture->n_results, 2);
	assert_int_equal(json_object_size(fixture->result), 0);
	assert_int_equal(rpc_call(fixture->client, "fail", NULL, on_reply, fixture), 0);
	run_until(fixture, &fixture->n_errors, 1);
	assert_string_equal(fixture->error, "no luck");
	assert_int_equal(rpc_call(fixture->client, "nonsense", NULL, on_reply, fixture), 0);
	run_until(fixture, &fixture->n_errors, 2);
	assert_string_equal(
		fixture->error, "there is no method 'nonsense': choose one of echo fail later");
	assert_int_equal(fixture->n_disconnects, 0);
}

static void
a_late_answer_does_not_hold_up_others(void **state)
{
	struct fixture *fixture = *state;

	connect_client(fixture);
	rpc_call(fixture->client, "later", NULL, on_reply, fixture);
	rpc_call(fixture->client, "echo", NULL, on_reply, fixture);
	run_until(fixture, &fixture->n_results, 1);
	assert_non_null(fixture->pending);
	rpc_answer(fixture->pending, json_pack("{s:i}", "late", 1), NULL);
	run_until(fixture, &fixture->n_results, 2);
	assert_int_equal(json_integer_value(json_object_get(fixture->result, "late")), 1);
	rpc_call(fixture->client, "later", NULL, on_reply, fixture);
	rpc_call(fixture->client, "echo", NULL, on_reply, fixture);
	run_until(fixture, &fixture->n_results, 3);
	rpc_answer(fixture->pending, NULL, "too late");
	run_until(fixture, &fixture->n_errors, 1);
	assert_string_equal(fixture->error, "too late");
}

static void
an_answer_to_one_that_left_is_dropped(void **state)
{
	struct fixture *fixture = *state;

	connect_client(fixture);
	rpc_call(fixture->client, "later", NULL, on_reply, fixture);
	rpc_call(fixture->client, "echo", NULL, on_reply, fixture);
	run_until(fixture, &fixture->n_results, 1);
	rpc_client_free(fixture->client);
	fixture->client = NULL;
	assert_int_equal(fixture->n_errors, 1);
	rpc_server_free(fixture->server);
	fixture->server = NULL;
	rpc_answer(fixture->pending, json_object(), NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

static void
a_big_message_passes_whole(void **state)
{
	struct fixture *fixture = *state;
	size_t size = 3u << 20;
	char *text = malloc(size + 1);

	memset(text, 'x', size);
	text[size] = '\0';
	connect_client(fixture);
	assert_int_equal(
		rpc_call(fixture->client, "echo", json_pack("{s:s}", "a", text), on_reply, fixture),
		0);
	run_until(fixture, &fixture->n_results, 1);
	assert_string_equal(json_string_value(json_object_get(fixture->result, "a")), text);
	free(text);
}

static void
a_lost_connection_answers_open_calls_and_is_made_again(void **state)
{
	struct fixture *fixture = *state;

	connect_client(fixture);
	rpc_call(fixture->client, "later", NULL, on_reply, fixture);
	rpc_call(fixture->client, "echo", NULL, on_reply, fixture);
	run_until(fixture, &fixture->n_results, 1);
	rpc_server_free(fixture->server);
	run_until(fixture, &fixture->n_disconnects, 1);
	assert_int_equal(fixture->n_errors, 1);
	assert_non_null(strstr(fixture->error, "the connection was lost"));
	assert_int_equal(
		rpc_call(fixture->client, "echo", json_object(), on_reply, fixture), -ENOTCONN);
	assert_int_equal(rpc_server_new(&fixture->server, &fixture->loop, fixture->path,
				 fixture_methods, fixture, NULL),
		0);
	run_until(fixture, &fixture->n_connects, 2);
	rpc_call(fixture->client, "echo", NULL, on_reply, fixture);
	run_until(fixture, &fixture->n_results, 2);
	rpc_answer(fixture->pending, json_object(), NULL);
}

/* --- The socket file --- */

static void
only_the_owner_may_connect(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
a_socket_in_use_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct rpc_server *second = NULL;
	struct err err = {""};

	assert_int_equal(rpc_server_new(&second, &fixture->loop, fixture->path, fixture_methods,
				 fixture, &err),
		-EADDRINUSE);
	assert_non_null(strstr(err.text, "another process listens there"));
	assert_null(second);
	connect_client(fixture);
}

static void
a_stale_socket_is_removed(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	rpc_server_free(fixture->server);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* The file stays: so does a process that is killed leave it. */
	assert_int_equal(access(fixture->path, F_OK), 0);
	assert_int_equal(rpc_server_new(&fixture->server, &fixture->loop, fixture->path,
				 fixture_methods, fixture, NULL),
		0);
	connect_client(fixture);
}

static void
what_is_no_socket_and_what_cannot_be_one_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct rpc_server *server = NULL;
	struct rpc_client *client = NULL;
	struct err err = {""};
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/file", fixture->folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(
		rpc_server_new(&server, &fixture->loop, path, fixture_methods, fixture, &err),
		-EEXIST);
	assert_non_null(strstr(err.text, "not a socket"));
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/missing/sock", fixture->folder);
	assert_int_equal(
		rpc_server_new(&server, &fixture->loop, path, fixture_methods, fixture, &err),
		-ENOENT);
	assert_non_null(strstr(err.text, "make its folder first"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(
		rpc_server_new(&server, &fixture->loop, path, fixture_methods, fixture, &err),
		-ENAMETOOLONG);
	assert_int_equal(
		rpc_client_new(&client, &fixture->loop, path, 10, NULL, NULL, &err), -ENAMETOOLONG);
	assert_null(rpc_call_once(path, "echo", NULL, 1000, &err));
	assert_non_null(strstr(err.text, "choose a shorter one"));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(calls_are_answered_with_results_and_errors),
		CASE(a_late_answer_does_not_hold_up_others),
		CASE(an_answer_to_one_that_left_is_dropped),
		CASE(a_big_message_passes_whole),
		CASE(a_lost_connection_answers_open_calls_and_is_made_again),
		CASE(only_the_owner_may_connect),
		CASE(a_socket_in_use_is_left_alone),
		CASE(a_stale_socket_is_removed),
		CASE(what_is_no_socket_and_what_cannot_be_one_is_refused),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
