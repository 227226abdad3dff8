/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/balance.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW NS_PER_S

struct scene {
	struct node model_nodes[4];
	struct model model;
	struct upstream_set set;
	struct balance balance;
};

static void
set_up(struct scene *scene, size_t n_apps)
{
	static const char *const names[] = {"app1", "app2", "app3"};

	memset(scene, 0, sizeof(*scene));
	scene->model_nodes[0] = (struct node){.name = "web1", .role = ROLE_WEB};
	for (size_t i = 0; i < n_apps; i++)
		scene->model_nodes[1 + i] = (struct node){.name = names[i], .role = ROLE_APP};
	scene->model.nodes = scene->model_nodes;
	scene->model.n_nodes = 1 + n_apps;
	assert_int_equal(upstream_set_init(&scene->set, &scene->model), 0);
	assert_int_equal(scene->set.n_nodes, n_apps);
	assert_int_equal(balance_init(&scene->balance, &scene->set), 0);
}

static void
tear_down(struct scene *scene)
{
	balance_fini(&scene->balance);
	upstream_set_fini(&scene->set);
}

static int
choose(struct scene *scene)
{
	return balance_choose(&scene->balance, BALANCE_NONE, NOW);
}

static void
equals_take_turns(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, 3);
	for (int i = 0; i < 9; i++)
		assert_int_equal(choose(&scene), i % 3);
	tear_down(&scene);
}

static void
the_one_with_the_fewest_requests_in_flight_is_chosen(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, 3);
	balance_begin(&scene.balance, 0);
	balance_begin(&scene.balance, 0);
	balance_begin(&scene.balance, 1);
	balance_begin(&scene.balance, 2);
	balance_begin(&scene.balance, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(choose(&scene), 1);
	balance_end(&scene.balance, 2, true);
	balance_end(&scene.balance, 2, false);
	assert_int_equal(choose(&scene), 2);
	assert_int_equal(scene.balance.stats[2].n_requests, 2);
	assert_int_equal(scene.balance.stats[2].n_failures, 1);
	tear_down(&scene);
}

static void
a_node_that_is_down_gets_nothing(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, 2);
	atomic_store(&scene.set.nodes[0].state, UPSTREAM_DOWN);
	for (int i = 0; i < 4; i++)
		assert_int_equal(choose(&scene), 1);
	assert_int_equal(balance_choose(&scene.balance, 1, NOW), 1);
	atomic_store(&scene.set.nodes[1].state, UPSTREAM_DOWN);
	assert_int_equal(choose(&scene), BALANCE_NONE);
	tear_down(&scene);
	set_up(&scene, 0);
	assert_int_equal(choose(&scene), BALANCE_NONE);
	tear_down(&scene);
}

static void
an_ejected_node_is_used_only_if_there_is_no_other(void **state)
{
	struct scene scene;

	(void)state;
	set_up(&scene, 2);
	upstream_eject(&scene.set.nodes[0], NOW);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(choose(&scene), 1);
		balance_begin(&scene.balance, 1);
	}
	/* It was tried just now: then rather the ejected one. */
	assert_int_equal(balance_choose(&scene.balance, 1, NOW), 0);
	atomic_store(&scene.set.nodes[1].state, UPSTREAM_DOWN);
	assert_int_equal(choose(&scene), 0);
	atomic_store(&scene.set.nodes[1].state, UPSTREAM_UP);
	assert_int_equal(balance_choose(&scene.balance, BALANCE_NONE, NOW + UPSTREAM_EJECT_NS), 0);
	tear_down(&scene);
}

static void
the_first_check_decides_and_then_rise_and_fall(void **state)
{
	struct upstream_health health;

	(void)state;
	upstream_health_init(&health, 2, 3);
	assert_true(upstream_health_result(&health, false));
	assert_int_equal(health.state, UPSTREAM_DOWN);
	assert_false(upstream_health_result(&health, true));
	assert_false(upstream_health_result(&health, false)); /* Begins anew. */
	assert_false(upstream_health_result(&health, true));
	assert_true(upstream_health_result(&health, true));
	assert_int_equal(health.state, UPSTREAM_UP);
	assert_false(upstream_health_result(&health, false));
	assert_false(upstream_health_result(&health, false));
	assert_true(upstream_health_result(&health, false));
	assert_int_equal(health.state, UPSTREAM_DOWN);
}

/* Indices stay what they are: requests in flight at a node that goes still count for it. */
static void
a_reload_takes_nodes_in_and_out_in_their_places(void **state)
{
	struct scene scene;
	struct err err = {""};

	(void)state;
	set_up(&scene, 2);
	atomic_store(&scene.set.nodes[0].state, UPSTREAM_UP);
	balance_begin(&scene.balance, 1);
	scene.model_nodes[2] = (struct node){.name = "app3", .role = ROLE_APP};
	assert_int_equal(upstream_set_update(&scene.set, &scene.model, &err), 0);
	assert_int_equal(scene.set.n_nodes, 3);
	assert_int_equal(scene.set.nodes[1].state, UPSTREAM_GONE);
	/* Not before its check has succeeded. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(choose(&scene), 0);
	atomic_store(&scene.set.nodes[2].state, UPSTREAM_UP);
	balance_begin(&scene.balance, 0);
	assert_int_equal(choose(&scene), 2);
	balance_end(&scene.balance, 1, true);

	scene.model_nodes[2] = (struct node){.name = "app2", .role = ROLE_APP};
	assert_int_equal(upstream_set_update(&scene.set, &scene.model, &err), 0);
	assert_int_equal(scene.set.n_nodes, 3);
	assert_int_equal(scene.set.nodes[1].state, UPSTREAM_DOWN);
	assert_int_equal(scene.set.nodes[2].state, UPSTREAM_GONE);
	assert_int_equal(scene.set.nodes[0].state, UPSTREAM_UP);
	tear_down(&scene);
}

static void
more_nodes_than_there_is_room_for_change_nothing(void **state)
{
	static struct node nodes[1 + UPSTREAM_SPARE + 2];
	static char names[1 + UPSTREAM_SPARE + 2][16];
	struct scene scene;
	struct err err = {""};

	(void)state;
	set_up(&scene, 1);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(names[i], sizeof(names[i]), "new%zu", i);
		nodes[i] = (struct node){.name = names[i], .role = ROLE_APP};
	}
	scene.model.nodes = nodes;
	scene.model.n_nodes = UPSTREAM_SPARE + 1;
	assert_int_equal(upstream_set_update(&scene.set, &scene.model, &err), -ENOSPC);
	assert_int_equal(scene.set.n_nodes, 1);
	assert_int_equal(scene.set.nodes[0].state, UPSTREAM_UNKNOWN);
	scene.model.n_nodes = UPSTREAM_SPARE;
	assert_int_equal(upstream_set_update(&scene.set, &scene.model, &err), 0);
	assert_int_equal(scene.set.nodes[0].state, UPSTREAM_GONE);
	tear_down(&scene);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_reload_takes_nodes_in_and_out_in_their_places),
		cmocka_unit_test(more_nodes_than_there_is_room_for_change_nothing),
		cmocka_unit_test(equals_take_turns),
		cmocka_unit_test(the_one_with_the_fewest_requests_in_flight_is_chosen),
		cmocka_unit_test(a_node_that_is_down_gets_nothing),
		cmocka_unit_test(an_ejected_node_is_used_only_if_there_is_no_other),
		cmocka_unit_test(the_first_check_decides_and_then_rise_and_fall),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
