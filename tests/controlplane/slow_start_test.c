/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow start: the ramp by itself, and what it makes of a cluster's backends. */
#include "common/clock.h"
#include "common/config.h"
#include "controlplane/cluster.h"
#include "controlplane/slow_start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define START_NS (1000 * NS_PER_S)
#define DURATION_NS (90 * NS_PER_S)

static void
the_weight_goes_up_in_even_steps(void **state)
{
	struct slow_start start = {0};
	uint64_t now_ns = START_NS;

	(void)state;
	slow_start_begin(&start, DURATION_NS, now_ns);
	for (uint16_t step = 1; step < SLOW_START_STEPS; step++) {
		assert_int_equal(slow_start_weight(&start, 1000), step * 100);
		now_ns = slow_start_deadline_ns(&start);
		assert_int_equal(now_ns, START_NS + step * 10 * NS_PER_S);
		assert_false(slow_start_advance(&start, now_ns - 1));
		assert_true(slow_start_advance(&start, now_ns));
	}
	assert_int_equal(now_ns, START_NS + DURATION_NS);
	assert_int_equal(slow_start_weight(&start, 1000), 1000);
	assert_true(slow_start_deadline_ns(&start) == SLOW_START_NEVER);
	assert_false(slow_start_advance(&start, now_ns + DURATION_NS));
}

static void
small_weights_begin_at_one_and_none_stays_none(void **state)
{
	struct slow_start start = {0};

	(void)state;
	slow_start_begin(&start, DURATION_NS, START_NS);
	assert_int_equal(slow_start_weight(&start, 1), 1);
	assert_int_equal(slow_start_weight(&start, 5), 1);
	assert_int_equal(slow_start_weight(&start, 0), 0);
}

static void
a_late_call_goes_to_the_step_of_its_time(void **state)
{
	struct slow_start start = {0};

	(void)state;
	slow_start_begin(&start, DURATION_NS, START_NS);
	assert_true(slow_start_advance(&start, START_NS + 35 * NS_PER_S));
	assert_int_equal(slow_start_weight(&start, 100), 40);
	assert_true(slow_start_advance(&start, START_NS + 1000 * NS_PER_S));
	assert_int_equal(slow_start_weight(&start, 100), 100);
}

static void
it_can_be_stopped_begun_anew_and_switched_off(void **state)
{
	struct slow_start start = {0};

	(void)state;
	slow_start_begin(&start, DURATION_NS, START_NS);
	slow_start_advance(&start, START_NS + 50 * NS_PER_S);
	slow_start_begin(&start, DURATION_NS, START_NS + 60 * NS_PER_S);
	assert_int_equal(slow_start_weight(&start, 100), 10);
	slow_start_stop(&start);
	assert_int_equal(slow_start_weight(&start, 100), 100);
	slow_start_begin(&start, 0, START_NS);
	assert_int_equal(slow_start_weight(&start, 100), 100);
	assert_true(slow_start_deadline_ns(&start) == SLOW_START_NEVER);
}

/* --- In a cluster --- */

struct fixture {
	struct model *model;
	struct cluster *cluster;
	unsigned int n_state;
};

static void
count_state(void *ctx)
{
	((struct fixture *)ctx)->n_state++;
}

/* A cluster whose first pool starts slowly and whose backends are all up. */
static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct cluster_listener listener = {.on_state = count_state, .ctx = fixture};

	if (!fixture || config_load(getenv("WEIR_SAMPLE"), &fixture->model, NULL) < 0)
		return -1;
	fixture->model->pools[0].slow_start_ms = DURATION_NS / NS_PER_MS;
	if (cluster_new(&fixture->cluster, fixture->model, model_node(fixture->model, "lb1"), 5) <
		0)
		return -1;
	for (size_t pool = 0; pool < 2; pool++)
		for (size_t backend = 0; backend < 2; backend++)
			cluster_backend_set_health(
				fixture->cluster, pool, backend, HEALTH_UP, "", START_NS);
	cluster_listen(fixture->cluster, &listener);
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	cluster_free(fixture->cluster);
	model_free(fixture->model);
	free(fixture);
	return 0;
}

static uint16_t
weight(const struct fixture *fixture, size_t pool, size_t backend)
{
	return cluster_backend_weight(&cluster_pool(fixture->cluster, pool)->backends[backend]);
}

static void
the_first_verdict_is_no_coming_back(void **state)
{
	const struct fixture *fixture = *state;

	assert_int_equal(weight(fixture, 0, 0), 100);
	assert_true(cluster_deadline_ns(fixture->cluster) == SLOW_START_NEVER);
}

static void
a_backend_that_comes_back_is_ramped_and_the_dataplane_hears_of_each_step(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;
	struct control_state *built;
	uint64_t now_ns = START_NS;
	unsigned int n_steps = 0;

	for (size_t pool = 0; pool < 2; pool++) {
		cluster_backend_set_health(cluster, pool, 1, HEALTH_DOWN, "", now_ns);
		cluster_backend_set_health(cluster, pool, 1, HEALTH_UP, "", now_ns);
	}
	assert_int_equal(fixture->n_state, 4);
	assert_int_equal(weight(fixture, 0, 1), 10);
	assert_int_equal(weight(fixture, 0, 0), 100);
	assert_int_equal(weight(fixture, 1, 1), 100); /* A pool without slow start. */
	built = cluster_build_state(cluster, 1);
	assert_int_equal(built->pools[0].backends[1].weight, 10);
	control_state_free(built);
	while ((now_ns = cluster_deadline_ns(cluster)) != SLOW_START_NEVER) {
		cluster_advance(cluster, now_ns - 1);
		assert_int_equal(fixture->n_state, 4 + n_steps);
		cluster_advance(cluster, now_ns);
		n_steps++;
		assert_int_equal(fixture->n_state, 4 + n_steps);
	}
	assert_int_equal(n_steps, SLOW_START_STEPS - 1);
	assert_int_equal(weight(fixture, 0, 1), 100);
}

static void
going_down_ends_it_and_draining_hides_it(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;

	cluster_backend_set_health(cluster, 0, 1, HEALTH_DOWN, "", START_NS);
	cluster_backend_set_health(cluster, 0, 1, HEALTH_UP, "", START_NS);
	cluster_backend_set_drained(cluster, 0, 1, true, START_NS);
	assert_int_equal(weight(fixture, 0, 1), 0);
	cluster_backend_set_health(cluster, 0, 1, HEALTH_DOWN, "", START_NS);
	assert_true(cluster_deadline_ns(cluster) == SLOW_START_NEVER);
	cluster_backend_set_drained(cluster, 0, 1, false, START_NS);
	assert_true(cluster_deadline_ns(cluster) == SLOW_START_NEVER);
}

static void
an_undrained_backend_is_ramped_too(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;

	cluster_backend_set_drained(cluster, 0, 1, true, START_NS);
	cluster_backend_set_drained(cluster, 0, 1, false, START_NS);
	assert_int_equal(weight(fixture, 0, 1), 10);
	cluster_forget_health(cluster, "no dataplane", START_NS);
	assert_true(cluster_deadline_ns(cluster) == SLOW_START_NEVER);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_weight_goes_up_in_even_steps),
		cmocka_unit_test(small_weights_begin_at_one_and_none_stays_none),
		cmocka_unit_test(a_late_call_goes_to_the_step_of_its_time),
		cmocka_unit_test(it_can_be_stopped_begun_anew_and_switched_off),
		CASE(the_first_verdict_is_no_coming_back),
		CASE(a_backend_that_comes_back_is_ramped_and_the_dataplane_hears_of_each_step),
		CASE(going_down_ends_it_and_draining_hides_it),
		CASE(an_undrained_backend_is_ramped_too),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
