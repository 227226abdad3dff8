/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs beside the loop: how they end, that a killed one takes its children along, tracked
 * scripts and notify commands, against real processes. */
#include "controlplane/command.h"

#include "common/clock.h"
#include "controlplane/notifier.h"
#include "controlplane/scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

struct fixture {
	uv_loop_t loop;
	char folder[64];
	int n_done;
	bool ok;
	char why[128];
};

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	uv_loop_init(&fixture->loop);
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/command_test.XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	snprintf(path, sizeof(path), "%s/out", fixture->folder);
	unlink(path);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static void
on_done(void *ctx, bool ok, const char *why)
{
	struct fixture *fixture = ctx;

	fixture->n_done++;
	fixture->ok = ok;
	snprintf(fixture->why, sizeof(fixture->why), "%s", why);
}

static void
on_patience(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Runs the loop until 'done' says so. */
static void
run_until(struct fixture *fixture, bool (*done)(struct fixture *fixture))
{
	uv_timer_t patience, look;
	bool late = false, unused = false;

	uv_timer_init(&fixture->loop, &patience);
	patience.data = &late;
	uv_timer_start(&patience, on_patience, PATIENCE_MS, 0);
	/* What is awaited may be no event of the loop. */
	uv_timer_init(&fixture->loop, &look);
	look.data = &unused;
	uv_timer_start(&look, on_patience, 5, 5);
	while (!done(fixture) && !late)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&patience, NULL);
	uv_close((uv_handle_t *)&look, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_false(late);
}

static bool
is_done(struct fixture *fixture)
{
	return fixture->n_done > 0;
}

static void
run_shell(struct fixture *fixture, const char *text)
{
	const char *const words[] = {"/bin/sh", "-c", text, fixture->folder, NULL};
	struct command *command;

	fixture->n_done = 0;
	assert_int_equal(command_start(&command, &fixture->loop, words, NULL, on_done, fixture), 0);
	run_until(fixture, is_done);
	assert_int_equal(fixture->n_done, 1);
}

static void
the_end_of_a_program_is_reported(void **state)
{
	struct fixture *fixture = *state;
	const char *const missing[] = {"/nonexistent/program", NULL};
	struct command *command;

	run_shell(fixture, "exit 0");
	assert_true(fixture->ok);
	run_shell(fixture, "exit 3");
	assert_false(fixture->ok);
	assert_string_equal(fixture->why, "exit status 3");
	run_shell(fixture, "kill -TERM $$");
	assert_false(fixture->ok);
	assert_string_equal(fixture->why, "ended by signal 15 (Terminated)");
	/* It reads nothing, and no descriptor of ours is open in it. */
	run_shell(fixture, "read line && exit 1; [ \"$(ls /proc/self/fd | wc -l)\" -le 4 ]");
	assert_true(fixture->ok);
	fixture->n_done = 0;
	assert_int_equal(
		command_start(&command, &fixture->loop, missing, NULL, on_done, fixture), 0);
	run_until(fixture, is_done);
	assert_false(fixture->ok);
	assert_string_equal(fixture->why, "cannot be run (exit status 127)");
}

/* The text that a program has written to the folder's file. */
static const char *
read_out(struct fixture *fixture)
{
	static char text[4096];
	char path[128];
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/out", fixture->folder);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return "";
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static bool
has_line(struct fixture *fixture)
{
	return strchr(read_out(fixture), '\n') != NULL;
}

static bool
child_is_gone(struct fixture *fixture)
{
	return kill((pid_t)strtol(read_out(fixture), NULL, 10), 0) < 0 && errno == ESRCH;
}

static void
killing_it_kills_what_it_has_started(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = {
		"/bin/sh", "-c", "sleep 1000 & echo $! >$0/out; wait", fixture->folder, NULL};
	struct command *command;

	assert_int_equal(command_start(&command, &fixture->loop, words, NULL, on_done, fixture), 0);
	run_until(fixture, has_line);
	command_kill(command);
	run_until(fixture, child_is_gone);
	assert_int_equal(fixture->n_done, 0);
}

/* --- Scripts --- */

static struct model *
make_model(const char *const *command)
{
	static struct node node = {.name = "lb1"};
	static struct router_member member = {.node = &node, .priority = 100};
	static struct track track = {.kind = TRACK_SCRIPT};
	static struct virtual_router router = {.name = "front4",
		.members = &member,
		.n_members = 1,
		.tracks = &track,
		.n_tracks = 1};
	static struct script script = {
		.name = "s", .interval_ms = 20, .timeout_ms = 50, .rise = 1, .fall = 2};
	static struct model model = {.nodes = &node,
		.n_nodes = 1,
		.routers = &router,
		.n_routers = 1,
		.scripts = &script,
		.n_scripts = 1};

	script.command = command;
	track.script = &script;
	return &model;
}

static void
on_result(void *ctx, size_t script, bool good, const char *why)
{
	assert_int_equal(script, 0);
	on_done(ctx, good, why);
}

static bool
has_three(struct fixture *fixture)
{
	return fixture->n_done >= 3;
}

static void
a_script_is_asked_again_and_again(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = {"/bin/sh", "-c", "exit 1", NULL};
	struct model *model = make_model(words);
	struct scripts *scripts;

	assert_int_equal(
		scripts_new(&scripts, &fixture->loop, model, model->nodes, on_result, fixture), 0);
	run_until(fixture, has_three);
	assert_false(fixture->ok);
	assert_string_equal(fixture->why, "exit status 1");
	scripts_free(scripts);
}

static void
a_script_that_takes_too_long_is_killed_and_counts_as_failed(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = {
		"/bin/sh", "-c", "sleep 1000 & echo $! >$0/out; wait", fixture->folder, NULL};
	struct model *model = make_model(words);
	struct scripts *scripts;

	assert_int_equal(
		scripts_new(&scripts, &fixture->loop, model, model->nodes, on_result, fixture), 0);
	run_until(fixture, is_done);
	assert_false(fixture->ok);
	assert_string_equal(fixture->why, "took longer than 50 ms");
	scripts_free(scripts);
	run_until(fixture, child_is_gone);
}

static void
a_script_that_this_node_does_not_track_is_not_run(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = {"/bin/false", NULL};
	struct model *model = make_model(words);
	struct node other = {.name = "lb2"};
	struct scripts *scripts;

	assert_int_equal(
		scripts_new(&scripts, &fixture->loop, model, &other, on_result, fixture), 0);
	assert_int_equal(uv_run(&fixture->loop, UV_RUN_NOWAIT), 0);
	scripts_free(scripts);
}

/* --- Notify commands --- */

static bool
has_three_lines(struct fixture *fixture)
{
	const char *text = read_out(fixture);
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n >= 3;
}

static void
notify_commands_come_in_order_and_know_all(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = {"/bin/sh", "-c",
		"echo $* $WEIR_NODE $WEIR_ROUTER $WEIR_FROM $WEIR_TO: $WEIR_WHY >>$0/out",
		fixture->folder, NULL};
	const struct virtual_router router = {.name = "front4", .notify = words};
	struct transition transition = {.from = VRRP_INIT, .to = VRRP_BACKUP, .why = "ready"};
	struct notifier *notifier;

	assert_int_equal(notifier_new(&notifier, &fixture->loop, &router, "lb1"), 0);
	notifier_tell(notifier, &transition);
	transition = (struct transition){
		.from = VRRP_BACKUP, .to = VRRP_MASTER, .why = "; rm -rf $HOME `id`"};
	notifier_tell(notifier, &transition);
	transition = (struct transition){.from = VRRP_MASTER, .to = VRRP_INIT, .why = "x"};
	notifier_tell(notifier, &transition);
	run_until(fixture, has_three_lines);
	assert_string_equal(read_out(fixture),
		"front4 init backup lb1 front4 init backup: ready\n"
		"front4 backup master lb1 front4 backup master: ; rm -rf $HOME `id`\n"
		"front4 master init lb1 front4 master init: x\n");
	notifier_free(notifier);
}

static void
the_last_transition_is_told_after_the_end_too(void **state)
{
	struct fixture *fixture = *state;
	const char *const words[] = {
		"/bin/sh", "-c", "[ $3 = init ] && echo $3 >$0/out", fixture->folder, NULL};
	const struct virtual_router router = {.name = "front4", .notify = words};
	struct transition transition = {.from = VRRP_INIT, .to = VRRP_BACKUP};
	struct notifier *notifier;

	assert_int_equal(notifier_new(&notifier, &fixture->loop, &router, "lb1"), 0);
	for (int i = 0; i < 3 * NOTIFY_QUEUE_MAX; i++)
		notifier_tell(notifier, &transition);
	transition.to = VRRP_INIT;
	notifier_tell(notifier, &transition);
	notifier_free(notifier);
	run_until(fixture, has_line);
	assert_string_equal(read_out(fixture), "init\n");
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest cases[] = {
		CASE(the_end_of_a_program_is_reported),
		CASE(killing_it_kills_what_it_has_started),
		CASE(a_script_is_asked_again_and_again),
		CASE(a_script_that_takes_too_long_is_killed_and_counts_as_failed),
		CASE(a_script_that_this_node_does_not_track_is_not_run),
		CASE(notify_commands_come_in_order_and_know_all),
		CASE(the_last_transition_is_told_after_the_end_too),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
