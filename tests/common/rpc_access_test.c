/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may do what on a socket: other users are played by a child process that becomes them, which
 * takes root; without root only one's own user can be tried. */
#include "tests/common/rpc_fixture.h"

#include "common/rpc_access.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRANGER 54321 /* A user and a group that nobody is. */

static json_t *
handle(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	(void)params;
	(void)err;
	return json_object();
}

static const struct rpc_method methods[] = {
	{"look", handle, RPC_READ},
	{"change", handle, RPC_CHANGE},
	{"lease", handle, RPC_ROUTINE},
	{NULL, NULL, RPC_READ},
};

static void
serve(struct fixture *fixture, const struct socket_access *access)
{
	struct err err = {""};

	rpc_server_free(fixture->server);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	assert_int_equal(rpc_server_new(&fixture->server, &fixture->loop, fixture->path, methods,
				 fixture, &err),
		0);
	if (rpc_server_set_access(fixture->server, access, &err) < 0)
		fail_msg("%s", err.text);
}

/* What the child ends with. */
enum outcome {
	DONE,
	REFUSED,
	NOT_LET_IN
};

static void
ask_as(const char *path, const char *method, uid_t uid, gid_t group)
{
	struct err err = {""};
	json_t *answer;

	if (geteuid() == 0 && (setgroups(1, &group) < 0 || setgid(STRANGER) < 0 || setuid(uid) < 0))
		_exit(50);
	answer = rpc_call_once(path, method, NULL, DEADLINE_MS, &err);
	if (answer)
		_exit(DONE);
	_exit(strstr(err.text, "may only look") ? REFUSED : NOT_LET_IN);
}

static void
on_child(uv_signal_t *signal, int number)
{
	(void)number;
	(*(int *)signal->data)++;
}

/* The outcome of a call by a process of that user in that group. */
static int
outcome_as(struct fixture *fixture, const char *method, uid_t uid, gid_t group)
{
	uv_signal_t signal;
	int n_ended = 0, status = 0;
	pid_t child;

	uv_signal_init(&fixture->loop, &signal);
	signal.data = &n_ended;
	uv_signal_start(&signal, on_child, SIGCHLD);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		ask_as(fixture->path, method, uid, group);
	run_until(fixture, &n_ended, 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	uv_close((uv_handle_t *)&signal, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
its_own_user_may_do_everything(void **state)
{
	struct fixture *fixture = *state;
	const struct socket_access access = {.mode = 0600};
	struct stat st;

	serve(fixture, &access);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	connect_client(fixture);
	rpc_call(fixture->client, "look", NULL, on_reply, fixture);
	rpc_call(fixture->client, "change", NULL, on_reply, fixture);
	rpc_call(fixture->client, "lease", NULL, on_reply, fixture);
	run_until(fixture, &fixture->n_results, 3);
}

static void
others_get_in_by_the_mode_and_may_only_look(void **state)
{
	struct fixture *fixture = *state;
	struct socket_access access = {.mode = 0600};

	if (geteuid() != 0)
		skip();
	serve(fixture, &access);
	assert_int_equal(outcome_as(fixture, "look", STRANGER, STRANGER), NOT_LET_IN);
	access.mode = 0666;
	serve(fixture, &access);
	assert_int_equal(outcome_as(fixture, "look", STRANGER, STRANGER), DONE);
	assert_int_equal(outcome_as(fixture, "change", STRANGER, STRANGER), REFUSED);
	assert_int_equal(outcome_as(fixture, "lease", STRANGER, STRANGER), REFUSED);
	assert_int_equal(outcome_as(fixture, "change", 0, STRANGER), DONE);
}

static void
users_and_groups_that_are_named_may_change_something(void **state)
{
	static const char *const users[] = {"nobody", NULL};
	static const char *const groups[] = {"daemon", NULL};
	struct fixture *fixture = *state;
	struct socket_access access = {.mode = 0666, .write_users = users};
	struct err err = {""};
	struct group *group = getgrnam("daemon");

	if (geteuid() != 0 || !group)
		skip();
	serve(fixture, &access);
	assert_int_equal(outcome_as(fixture, "change", 65534, STRANGER), DONE);
	assert_int_equal(outcome_as(fixture, "change", STRANGER, group->gr_gid), REFUSED);
	access = (struct socket_access){.mode = 0660, .group = "daemon", .write_groups = groups};
	assert_int_equal(rpc_server_set_access(fixture->server, &access, &err), 0);
	/* By a supplementary group, and not without it. */
	assert_int_equal(outcome_as(fixture, "change", STRANGER, group->gr_gid), DONE);
	assert_int_equal(outcome_as(fixture, "look", 65534, STRANGER), NOT_LET_IN);
}

static void
a_name_that_nobody_has_changes_nothing(void **state)
{
	static const char *const users[] = {"no-such-user", NULL};
	struct fixture *fixture = *state;
	struct socket_access access = {.mode = 0640};
	struct err err = {""};
	struct stat st;

	serve(fixture, &access);
	access = (struct socket_access){.mode = 0666, .write_users = users};
	assert_int_equal(rpc_server_set_access(fixture->server, &access, &err), -ENOENT);
	assert_string_equal(err.text, "there is no user 'no-such-user': create it first");
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(its_own_user_may_do_everything),
		CASE(others_get_in_by_the_mode_and_may_only_look),
		CASE(users_and_groups_that_are_named_may_change_something),
		CASE(a_name_that_nobody_has_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
