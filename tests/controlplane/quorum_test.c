/* SPDX-License-Identifier: BSD-3-Clause */
/* Quorum and the operator's weights: what a cluster's backends get. */
#include "common/config.h"
#include "controlplane/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Three backends of which two must be up, three when they were not, and one that is sorry. */
static const char config[] = "cluster: test\n"
			     "nodes:\n"
			     "  - {name: lb1, role: lb, metrics: 192.0.2.1:9100, lb: "
			     "{control_socket: /x/c, admin_socket: /x/a,"
			     " ports: [{name: front, device: net_tap0, host_interface: weir0}]}}\n"
			     "virtual_routers:\n"
			     "  - {name: front4, vrid: 51, port: front, addresses: [192.0.2.100],"
			     " members: [{node: lb1, priority: 200}]}\n"
			     "checks:\n"
			     "  - {name: web, type: tcp, start: START}\n"
			     "pools:\n"
			     "  - name: web\n"
			     "    check: web\n"
			     "    quorum: 2\n"
			     "    quorum_hysteresis: 1\n"
			     "    backends:\n"
			     "      - {name: a, address: 192.0.2.1}\n"
			     "      - {name: b, address: 192.0.2.2, weight: 50}\n"
			     "      - {name: c, address: 192.0.2.3}\n"
			     "      - {name: sorry, address: 192.0.2.9, weight: 7, sorry: yes}\n"
			     "services:\n"
			     "  - {name: http, address: 192.0.2.100, port: 80, pool: web}\n";

enum {
	A,
	B,
	C,
	SORRY
};

struct stand {
	struct model *model;
	struct cluster *cluster;
	unsigned int n_quorum; /* Calls. */
	unsigned int n_state;
};

static void
on_state(void *ctx)
{
	struct stand *stand = ctx;

	stand->n_state++;
}

static void
on_quorum(void *ctx, size_t pool)
{
	struct stand *stand = ctx;

	assert_int_equal(pool, 0);
	stand->n_quorum++;
}

static void
start(struct stand *stand, const char *first)
{
	const struct cluster_listener listener = {
		.on_state = on_state, .on_quorum = on_quorum, .ctx = stand};
	char path[] = "/tmp/weir-quorum-XXXXXX";
	int fd = mkstemp(path);
	const char *mark = strstr(config, "START");
	struct err err;
	FILE *file;
	int rc;

	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	fprintf(file, "%.*s%s%s", (int)(mark - config), config, first, mark + strlen("START"));
	fclose(file);
	*stand = (struct stand){.n_quorum = 0};
	rc = config_load(path, &stand->model, &err);
	unlink(path);
	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(
		cluster_new(&stand->cluster, stand->model, model_node(stand->model, "lb1"), 1), 0);
	cluster_listen(stand->cluster, &listener);
}

static void
stop(struct stand *stand)
{
	cluster_free(stand->cluster);
	model_free(stand->model);
}

static void
set(struct stand *stand, size_t backend, bool up)
{
	cluster_backend_set_health(stand->cluster, 0, backend, up ? HEALTH_UP : HEALTH_DOWN, "", 2);
}

static const struct cluster_backend *
get(const struct stand *stand, size_t backend)
{
	return &cluster_pool(stand->cluster, 0)->backends[backend];
}

/* The weights that the dataplane is told, and whether the backends are up. */
static void
expect(const struct stand *stand, const char *weights)
{
	struct control_state *state = cluster_build_state(stand->cluster, 1);
	char text[64] = "";

	assert_non_null(state);
	for (size_t i = 0; i < state->pools[0].n_backends; i++) {
		const struct control_backend *backend = &state->pools[0].backends[i];
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s%u", i > 0 ? " " : "",
			backend->up ? "" : "!", backend->weight);
	}
	control_state_free(state);
	assert_string_equal(text, weights);
}

static void
the_sorry_backend_serves_while_too_few_are_up(void **state)
{
	struct stand stand;

	(void)state;
	start(&stand, "wait");
	expect(&stand, "!100 !50 !100 0");
	assert_string_equal(cluster_backend_state_name(get(&stand, SORRY)), "standby");
	set(&stand, A, true);
	set(&stand, B, true);
	set(&stand, C, false);
	expect(&stand, "100 50 !100 0");
	set(&stand, B, false);
	expect(&stand, "0 !0 !0 7");
	assert_string_equal(cluster_backend_state_name(get(&stand, A)), "standby");
	assert_string_equal(cluster_backend_state_name(get(&stand, B)), "down");
	assert_string_equal(cluster_backend_state_name(get(&stand, SORRY)), "up");
	assert_int_equal(stand.n_quorum, 1);
	stop(&stand);
}

static void
the_quorum_comes_back_with_more_than_it_was_lost_with(void **state)
{
	struct stand stand;

	(void)state;
	start(&stand, "down");
	expect(&stand, "!0 !0 !0 7");
	set(&stand, A, true);
	set(&stand, B, true);
	expect(&stand, "0 0 !0 7");
	set(&stand, C, true);
	expect(&stand, "100 50 100 0");
	set(&stand, C, false);
	expect(&stand, "100 50 !100 0");
	assert_int_equal(stand.n_quorum, 1);
	stop(&stand);
}

static void
what_is_not_known_neither_loses_nor_makes_a_quorum(void **state)
{
	struct stand stand;

	(void)state;
	start(&stand, "wait");
	set(&stand, A, false);
	expect(&stand, "!100 !50 !100 0");
	set(&stand, B, false);
	expect(&stand, "!0 !0 !0 7");
	set(&stand, C, true);
	set(&stand, A, true);
	expect(&stand, "0 !0 0 7");
	cluster_forget_health(stand.cluster, "", 3);
	expect(&stand, "!0 !0 !0 7");
	stop(&stand);
}

static void
who_is_drained_or_weighs_nothing_does_not_count(void **state)
{
	struct stand stand;

	(void)state;
	start(&stand, "up");
	expect(&stand, "100 50 100 0");
	cluster_backend_set_drained(stand.cluster, 0, A, true, 2);
	expect(&stand, "0 50 100 0");
	cluster_backend_set_weight(stand.cluster, 0, B, 0);
	expect(&stand, "0 0 0 7");
	cluster_backend_set_drained(stand.cluster, 0, A, false, 2);
	cluster_backend_reset_weight(stand.cluster, 0, B);
	expect(&stand, "100 50 100 0");
	assert_int_equal(stand.n_quorum, 2);
	stop(&stand);
}

static void
a_sorry_backend_is_not_waited_for_and_keeps_its_state(void **state)
{
	struct stand stand;

	(void)state;
	start(&stand, "wait");
	for (size_t i = A; i <= C; i++)
		set(&stand, i, true);
	assert_true(cluster_health_is_known(stand.cluster));
	cluster_renew_health(stand.cluster);
	for (size_t i = A; i <= C; i++)
		set(&stand, i, true);
	assert_true(cluster_health_is_fresh(stand.cluster));
	cluster_forget_health(stand.cluster, "", 3);
	assert_int_equal(get(&stand, SORRY)->health, HEALTH_UP);
	stop(&stand);
}

static void
the_operators_weight_holds_until_it_is_reset(void **state)
{
	struct stand stand;
	unsigned int before;

	(void)state;
	start(&stand, "up");
	cluster_backend_set_weight(stand.cluster, 0, B, 7);
	expect(&stand, "100 7 100 0");
	before = stand.n_state;
	cluster_backend_set_weight(stand.cluster, 0, B, 7);
	assert_int_equal(stand.n_state, before);
	set(&stand, B, false);
	set(&stand, B, true);
	expect(&stand, "100 7 100 0");
	cluster_backend_reset_weight(stand.cluster, 0, B);
	assert_int_equal(stand.n_state, before + 3);
	expect(&stand, "100 50 100 0");
	stop(&stand);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sorry_backend_serves_while_too_few_are_up),
		cmocka_unit_test(the_quorum_comes_back_with_more_than_it_was_lost_with),
		cmocka_unit_test(what_is_not_known_neither_loses_nor_makes_a_quorum),
		cmocka_unit_test(who_is_drained_or_weighs_nothing_does_not_count),
		cmocka_unit_test(a_sorry_backend_is_not_waited_for_and_keeps_its_state),
		cmocka_unit_test(the_operators_weight_holds_until_it_is_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
