/* SPDX-License-Identifier: BSD-3-Clause */
/* Active checks in a loop of their own, against an app node that the test plays. */
#include "webtier/upstream_check.h"

#include "tests/webtier/stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UP "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define DOWN "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

/* The stand's second node is told apart by nobody listening there. */
struct scene {
	struct stand stand;
	struct check check;
	uv_loop_t loop;
	uv_async_t stop;
	uv_thread_t thread;
	struct upstream_checks *checks;
};

static void
on_stop(uv_async_t *async)
{
	struct scene *scene = async->data;

	upstream_checks_free(scene->checks);
	uv_close((uv_handle_t *)async, NULL);
}

static void
run_loop(void *arg)
{
	uv_run(arg, UV_RUN_DEFAULT);
}

static void
start(struct scene *scene)
{
	stand_start(&scene->stand, NULL);
	stand_close_app(&scene->stand, 1);
	scene->check = (struct check){.type = CHECK_HTTP,
		.http = {.path = "/health?x", .statuses = {{200, 200}}, .n_statuses = 1},
		.interval_ms = 10,
		.timeout_ms = 5000,
		.rise = 2,
		.fall = 2};
	uv_loop_init(&scene->loop);
	uv_async_init(&scene->loop, &scene->stop, on_stop);
	scene->stop.data = scene;
	assert_int_equal(upstream_checks_new(&scene->checks, &scene->loop, &scene->stand.upstreams,
				 &scene->check),
		0);
}

static void
run(struct scene *scene)
{
	uv_thread_create(&scene->thread, run_loop, &scene->loop);
}

static void
stop(struct scene *scene)
{
	uv_async_send(&scene->stop);
	uv_thread_join(&scene->thread);
	assert_int_equal(uv_loop_close(&scene->loop), 0);
	stand_stop(&scene->stand);
}

/* Plays the node for one check. */
static void
answer(struct scene *scene, const char *text)
{
	int app = stand_accept(&scene->stand, NULL);
	char *head = hear_head(app);

	assert_begins(head, "GET /health?x HTTP/1.1\r\nHost: 127.0.0.1:");
	assert_has(head, "\r\nConnection: close\r\n");
	free(head);
	say(app, text);
	assert_true(is_closed(app));
	close(app);
}

static bool
first_is_up(struct stand *stand)
{
	return atomic_load(&stand->upstreams.nodes[0].state) == UPSTREAM_UP;
}

static bool
first_is_down(struct stand *stand)
{
	return atomic_load(&stand->upstreams.nodes[0].state) == UPSTREAM_DOWN;
}

static bool
second_is_down(struct stand *stand)
{
	return atomic_load(&stand->upstreams.nodes[1].state) == UPSTREAM_DOWN;
}

static void
a_nodes_state_follows_its_answers(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene);
	run(&scene);
	answer(&scene, UP);
	stand_await(&scene.stand, first_is_up);
	stand_await(&scene.stand, second_is_down);
	answer(&scene, DOWN);
	answer(&scene, UP); /* One failure is not two. */
	answer(&scene, DOWN);
	assert_true(first_is_up(&scene.stand));
	answer(&scene, "nonsense\r\n\r\n");
	stand_await(&scene.stand, first_is_down);
	answer(&scene, UP);
	answer(&scene, UP);
	stand_await(&scene.stand, first_is_up);
	stop(&scene);
}

static void
silence_is_a_failure(void **state)
{
	struct scene scene;
	int app;

	(void)state;
	start(&scene);
	scene.check.timeout_ms = 30;
	run(&scene);
	app = stand_accept(&scene.stand, NULL);
	free(hear_head(app));
	assert_true(is_closed(app));
	stand_await(&scene.stand, first_is_down);
	close(app);
	stop(&scene);
}

static void
an_endless_answer_is_a_failure(void **state)
{
	static char much[100000];
	struct scene scene;
	int app;

	(void)state;
	memset(much, 'x', sizeof(much));
	start(&scene);
	run(&scene);
	app = stand_accept(&scene.stand, NULL);
	free(hear_head(app));
	say(app, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	say_bytes(app, much, sizeof(much));
	assert_true(is_closed(app));
	stand_await(&scene.stand, first_is_down);
	close(app);
	stop(&scene);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_nodes_state_follows_its_answers),
		cmocka_unit_test(silence_is_a_failure),
		cmocka_unit_test(an_endless_answer_is_a_failure),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
