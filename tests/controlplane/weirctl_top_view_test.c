/* SPDX-License-Identifier: BSD-3-Clause */
/* What 'weirctl top' lays out for a screen of a size, and what keys change of it. */
#include "controlplane/weirctl_top_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
	struct top_view view;
	struct top_data data;
	struct top_lines lines;
};

/* 'n' services s0, s1, ... of which s1 has most packets, s2 most bytes, and as many backends; the
 * last of both is down. */
static void
fill(struct scene *scene, int n)
{
	scene->data.services = json_array();
	scene->data.backends = json_array();
	for (int i = 0; i < n; i++) {
		char name[16];
		bool down = i == n - 1;

		snprintf(name, sizeof(name), "s%d", i);
		json_array_append_new(scene->data.services,
			json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:f, s:f, s:f, s:n}", "name",
				name, "address", "192.0.2.1", "port", 80 + i, "backends", 2,
				"backends_up", down ? 0 : 2, "router_state", "master",
				"packets_per_s", i == 1 ? 500.0 : 1.0, "bytes_per_s",
				i == 2 ? 5000.0 : 1.0, "new_flows_per_s", 0.5, "drops_per_s"));
		name[0] = 'b';
		json_array_append_new(scene->data.backends,
			json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "pool", "p",
				"backend", name, "state", down ? "down" : "up", "weight", 100,
				"active_flows", 3, "new_flows", 1, "packets", 2, "bytes", 3));
	}
}

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	top_view_init(&scene->view, 2);
	scene->data.time = "12:34:56";
	scene->data.status = json_pack("{s:s, s:s, s:b, s:[{s:s, s:s}, {s:s, s:s}]}", "node", "lb1",
		"cluster", "lab", "ready", 1, "routers", "name", "front4", "state", "master",
		"name", "front6", "state", "backup");
	scene->data.stats = json_pack("{s:{s:i, s:i}, s:{s:f, s:f, s:f}, s:[{s:f, s:f}]}", "flows",
		"active", 1234, "capacity", 4096, "verdicts_per_s", "forward", 100.0,
		"drop_no_service", 1.25, "drop_ttl", 1.25, "ports", "rx_packets_per_s", 110.0,
		"rx_bytes_per_s", 2048.0);
	*state = scene;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	top_lines_fini(&scene->lines);
	json_decref(scene->data.status);
	json_decref(scene->data.stats);
	json_decref(scene->data.services);
	json_decref(scene->data.backends);
	free(scene);
	return 0;
}

static void
draw(struct scene *scene, size_t width, size_t height)
{
	top_lines_fini(&scene->lines);
	top_view_draw(&scene->view, &scene->data, width, height, &scene->lines);
	assert_int_equal(scene->lines.n, height);
	for (size_t i = 0; i < height; i++)
		assert_true(strlen(scene->lines.lines[i].text) <= width);
}

static void
expect_line(const struct scene *scene, size_t i, const char *text, enum top_style style)
{
	assert_string_equal(scene->lines.lines[i].text, text);
	assert_int_equal(scene->lines.lines[i].style, style);
}

/* The first words of the lines from 'first' on. */
static void
expect_names(const struct scene *scene, size_t first, const char *names)
{
	char found[256] = "";
	size_t used = 0;

	for (size_t i = first; i + 1 < scene->lines.n && scene->lines.lines[i].text[0]; i++) {
		const char *text = scene->lines.lines[i].text;

		used += (size_t)snprintf(
			found + used, sizeof(found) - used, "%.*s ", (int)strcspn(text, " "), text);
	}
	assert_string_equal(found, names);
}

static void
a_screen_of_the_usual_size(void **state)
{
	struct scene *scene = *state;

	fill(scene, 3);
	draw(scene, 80, 24);
	expect_line(scene, 0, "12:34:56 lb1 of lab: ready  holds front4  by packets, every 2s",
		TOP_HEAD);
	expect_line(scene, 1,
		"flows 1.23k of 4.10k  rx 110 packets/s 2.00 KiB/s  new 1.50/s  dropped 2.50/s",
		TOP_PLAIN);
	expect_line(scene, 3, "SERVICE  ADDRESS        UP  FLOWS/S  PACKETS/S   BYTES/S  DROPS/S",
		TOP_TITLE);
	expect_line(scene, 4, "s1       192.0.2.1:81  2/2     0.50        500       1 B        -",
		TOP_PLAIN);
	expect_line(scene, 6, "s2       192.0.2.1:82  0/2     0.50       1.00  4.88 KiB        -",
		TOP_BAD);
	expect_line(scene, 7, "", TOP_PLAIN);
	expect_line(
		scene, 8, "BACKEND  POOL  STATE  WEIGHT  FLOWS  NEW  PACKETS  BYTES", TOP_TITLE);
	expect_line(scene, 11, "b2       p     down      100      3    1        2    3 B", TOP_BAD);
	assert_int_equal(scene->lines.lines[23].style, TOP_HELP);
}

static void
keys_sort_and_reverse(void **state)
{
	struct scene *scene = *state;

	fill(scene, 4);
	draw(scene, 80, 24);
	expect_names(scene, 4, "s1 s0 s2 s3 ");
	assert_true(top_view_key(&scene->view, 'b'));
	draw(scene, 80, 24);
	expect_names(scene, 4, "s2 s0 s1 s3 ");
	top_view_key(&scene->view, 'n');
	top_view_key(&scene->view, 'r');
	draw(scene, 80, 24);
	expect_names(scene, 4, "s3 s2 s1 s0 ");
	top_view_key(&scene->view, 'x'); /* Means nothing. */
	draw(scene, 80, 24);
	expect_names(scene, 4, "s3 s2 s1 s0 ");
	assert_false(top_view_key(&scene->view, 'q'));
}

static void
lists_share_what_room_there_is_and_can_be_scrolled(void **state)
{
	struct scene *scene = *state;

	fill(scene, 9);
	top_view_key(&scene->view, 'n');
	draw(scene, 80, 15); /* 8 rows for both. */
	expect_names(scene, 4, "s0 s1 s2 s3 ");
	expect_names(scene, 10, "b0 b1 b2 b3 ");
	for (int i = 0; i < 3; i++)
		top_view_key(&scene->view, TOP_KEY_DOWN);
	draw(scene, 80, 15);
	expect_names(scene, 4, "s3 s4 s5 s6 ");
	top_view_key(&scene->view, TOP_KEY_PAGE_DOWN); /* Not beyond the end. */
	draw(scene, 80, 15);
	expect_names(scene, 4, "s5 s6 s7 s8 ");
	top_view_key(&scene->view, TOP_KEY_UP); /* From where it is, not from where it would be. */
	draw(scene, 80, 15);
	expect_names(scene, 4, "s4 s5 s6 s7 ");
	top_view_key(&scene->view, '\t');
	draw(scene, 80, 15);
	expect_names(scene, 4, "s0 s1 s2 s3 s4 s5 s6 s7 s8 ");
	top_view_key(&scene->view, '\t');
	draw(scene, 80, 15);
	expect_names(scene, 4, "b0 b1 b2 b3 b4 b5 b6 b7 b8 ");
}

static void
any_size_will_do(void **state)
{
	struct scene *scene = *state;

	fill(scene, 5);
	for (size_t height = 0; height < 30; height++)
		for (size_t width = 1; width < 100; width += 7)
			draw(scene, width, height);
}

static void
a_problem_stands_where_it_is_seen(void **state)
{
	struct scene *scene = *state;

	draw(scene, 80, 24); /* Nothing is known of lists. */
	expect_line(scene, 3, "There are no services.", TOP_PLAIN);
	scene->data.problem = "the node does not answer";
	draw(scene, 80, 24);
	expect_line(scene, 1, "the node does not answer", TOP_BAD);
}

static void
speed_has_bounds(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 20; i++)
		top_view_key(&scene->view, '+');
	assert_true(scene->view.interval_s == 0.5);
	for (int i = 0; i < 20; i++)
		top_view_key(&scene->view, '-');
	assert_true(scene->view.interval_s == 60);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(a_screen_of_the_usual_size),
		CASE(keys_sort_and_reverse),
		CASE(lists_share_what_room_there_is_and_can_be_scrolled),
		CASE(any_size_will_do),
		CASE(a_problem_stands_where_it_is_seen),
		CASE(speed_has_bounds),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
