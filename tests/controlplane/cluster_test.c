/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/cluster.h"

#include "common/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct model *model;
	struct cluster *cluster;
	unsigned int n_state;
	size_t failed_over[8];
	size_t n_failed_over;
};

static void
count_state(void *ctx)
{
	((struct fixture *)ctx)->n_state++;
}

static void
count_failover(void *ctx, size_t router)
{
	struct fixture *fixture = ctx;

	fixture->failed_over[fixture->n_failed_over++] = router;
}

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct cluster_listener listener = {
		.on_state = count_state, .on_failover = count_failover, .ctx = fixture};

	if (!fixture || config_load(getenv("WEIR_SAMPLE"), &fixture->model, NULL) < 0)
		return -1;
	if (cluster_new(&fixture->cluster, fixture->model, model_node(fixture->model, "lb2"), 5) <
		0)
		return -1;
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

static void
it_starts_with_what_the_model_says_of_this_node(void **state)
{
	struct fixture *fixture = *state;
	const struct cluster *cluster = fixture->cluster;

	assert_int_equal(cluster_n_routers(cluster), 2);
	assert_string_equal(cluster_router(cluster, 0)->config->name, "front4");
	assert_int_equal(cluster_router(cluster, 0)->priority, 100);
	assert_int_equal(cluster_router(cluster, 0)->state, VRRP_INIT);
	assert_int_equal(cluster_n_pools(cluster), 2);
	assert_int_equal(cluster_pool(cluster, 1)->n_backends, 2);
	assert_int_equal(cluster_pool(cluster, 1)->backends[0].health, HEALTH_UNKNOWN);
	assert_false(cluster_health_is_known(cluster));
	assert_false(cluster_dataplane(cluster)->connected);
	assert_false(cluster_is_ready(cluster, NULL));
}

static void
health_is_known_when_each_backend_has_a_verdict(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;

	for (size_t pool = 0; pool < 2; pool++) {
		for (size_t backend = 0; backend < 2; backend++) {
			assert_false(cluster_health_is_known(cluster));
			cluster_backend_set_health(
				cluster, pool, backend, HEALTH_DOWN, "connection refused", 7);
		}
	}
	assert_true(cluster_health_is_known(cluster));
	cluster_forget_health(cluster, "no dataplane", 8);
	assert_false(cluster_health_is_known(cluster));
	assert_string_equal(cluster_pool(cluster, 1)->backends[1].why, "no dataplane");
}

static void
the_listener_hears_of_changes_and_not_of_repetitions(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;
	const struct cluster_backend *backend = &cluster_pool(cluster, 0)->backends[1];

	cluster_backend_set_health(cluster, 0, 1, HEALTH_UP, "status 200", 7);
	assert_int_equal(fixture->n_state, 1);
	assert_int_equal(backend->n_changes, 0);
	cluster_backend_set_health(cluster, 0, 1, HEALTH_UP, "status 204", 8);
	assert_int_equal(fixture->n_state, 1);
	assert_int_equal(backend->since_ns, 7);
	assert_string_equal(backend->why, "status 204");
	cluster_backend_set_health(cluster, 0, 1, HEALTH_DOWN, NULL, 9);
	assert_int_equal(fixture->n_state, 2);
	assert_int_equal(backend->n_changes, 1);
	assert_string_equal(backend->why, "");
	cluster_backend_set_drained(cluster, 0, 1, true, 0);
	cluster_backend_set_drained(cluster, 0, 1, true, 0);
	assert_int_equal(fixture->n_state, 3);
}

static void
the_state_names_a_drained_backend_drained_unless_it_is_down(void **state)
{
	static const struct {
		enum health_state health;
		bool drained;
		const char *name;
	} cases[] = {
		{HEALTH_UNKNOWN, false, "unknown"},
		{HEALTH_UP, false, "up"},
		{HEALTH_DOWN, false, "down"},
		{HEALTH_UP, true, "drained"},
		{HEALTH_DOWN, true, "down"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cluster_backend backend = {
			.health = cases[i].health, .drained = cases[i].drained};

		assert_string_equal(cluster_backend_state_name(&backend), cases[i].name);
	}
}

static void
the_desired_state_holds_routers_services_and_effective_backends(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;
	struct control_state *built, *decoded;
	struct err err = {""};
	json_t *json;

	cluster_backend_set_health(cluster, 0, 0, HEALTH_UP, "", 7);
	cluster_backend_set_health(cluster, 0, 1, HEALTH_UP, "", 7);
	cluster_backend_set_drained(cluster, 0, 1, true, 0);
	cluster_backend_set_health(cluster, 1, 0, HEALTH_DOWN, "", 7);
	built = cluster_build_state(cluster, 42);
	assert_non_null(built);
	assert_int_equal(built->generation, 42);
	assert_int_equal(built->n_routers, 2);
	assert_string_equal(built->routers[1].name, "front6");
	assert_string_equal(built->routers[1].port, "front");
	assert_int_equal(built->routers[1].n_addresses, 1);
	assert_int_equal(built->n_services, 4);
	assert_string_equal(built->services[3].name, "https6");
	assert_int_equal(built->services[3].pool, 1);
	assert_int_equal(built->pools[0].backends[0].weight, 100);
	assert_true(built->pools[0].backends[0].up);
	assert_int_equal(built->pools[0].backends[1].weight, 0);
	assert_true(built->pools[0].backends[1].up);
	assert_false(built->pools[1].backends[0].up); /* Down. */
	assert_false(built->pools[1].backends[1].up); /* Unknown. */
	/* It passes the checks of the other end. */
	json = control_state_encode(built);
	assert_int_equal(control_state_decode(json, &decoded, &err), 0);
	control_state_free(decoded);
	json_decref(json);
	control_state_free(built);
}

static void
a_node_that_is_no_member_has_no_routers_and_no_services(void **state)
{
	struct fixture *fixture = *state;
	struct control_state *built;
	struct cluster *cluster;

	assert_int_equal(
		cluster_new(&cluster, fixture->model, model_node(fixture->model, "web1"), 5), 0);
	assert_int_equal(cluster_n_routers(cluster), 0);
	built = cluster_build_state(cluster, 1);
	assert_int_equal(built->n_services, 0);
	control_state_free(built);
	cluster_free(cluster);
}

static void
a_failover_asks_only_for_what_is_held(void **state)
{
	struct fixture *fixture = *state;
	struct cluster *cluster = fixture->cluster;
	struct err err = {""};

	assert_int_equal(cluster_failover(cluster, "front9", &err), -ENOENT);
	assert_non_null(strstr(err.text, "'front9'"));
	assert_int_equal(cluster_failover(cluster, NULL, &err), -EINVAL);
	assert_int_equal(fixture->n_failed_over, 0);
	cluster_router_set_state(cluster, 1, VRRP_MASTER, "no master heard", 9);
	assert_int_equal(cluster_router(cluster, 1)->n_transitions, 1);
	assert_int_equal(cluster_router(cluster, 1)->since_ns, 9);
	assert_int_equal(cluster_failover(cluster, "front4", &err), -EINVAL);
	assert_non_null(strstr(err.text, "does not hold front4"));
	assert_int_equal(cluster_failover(cluster, NULL, &err), 1);
	assert_int_equal(cluster_failover(cluster, "front6", &err), 1);
	assert_int_equal(fixture->n_failed_over, 2);
	assert_int_equal(fixture->failed_over[0], 1);
	assert_int_equal(fixture->failed_over[1], 1);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest cases[] = {
		CASE(it_starts_with_what_the_model_says_of_this_node),
		CASE(health_is_known_when_each_backend_has_a_verdict),
		CASE(the_listener_hears_of_changes_and_not_of_repetitions),
		CASE(the_state_names_a_drained_backend_drained_unless_it_is_down),
		CASE(the_desired_state_holds_routers_services_and_effective_backends),
		CASE(a_node_that_is_no_member_has_no_routers_and_no_services),
		CASE(a_failover_asks_only_for_what_is_held),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
