/* SPDX-License-Identifier: BSD-3-Clause */
/* What a node knows outlives a reload, for as much as is still there; and what cannot change while
 * the processes run stays as it is. */
#include "common/config.h"
#include "controlplane/cluster.h"
#include "controlplane/reload.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                  \
	"cluster: one\n"                                                                      \
	"nodes:\n"                                                                            \
	"  - {name: lb1, role: lb, metrics: '192.0.2.11:9100', lb: {control_socket: a.sock, " \
	"admin_socket: b.sock, ports: [{name: front, device: net_tap0, host_interface: "      \
	"weir0}]}}\n"                                                                         \
	"checks: [{name: up, type: tcp, port: 80}]\n"

#define ROUTER(name, vrid, address)                                              \
	"  - {name: " name ", vrid: " vrid ", port: front, addresses: [" address \
	"], members: [{node: lb1, priority: 100}]}\n"

static const char before[] = HEAD "virtual_routers:\n" ROUTER("one", "1", "192.0.2.100") ROUTER(
	"two", "2", "192.0.2.101") ROUTER("three", "3",
	"192.0.2.102") "pools:\n"
		       "  - {name: web, check: up, backends: [{name: a, address: 192.0.2.1}, "
		       "{name: b, address: "
		       "192.0.2.2}, {name: c, address: 192.0.2.3}, {name: d, address: "
		       "192.0.2.4}]}\n"
		       "  - {name: free, check: up, backends: [{name: a, address: 192.0.2.1}]}\n";

/* Another order; router three has another number, two is gone; b has another address, c is gone, e
 * is new; the pool "free" is no longer checked. */
static const char after[] = HEAD "virtual_routers:\n" ROUTER("three", "9", "192.0.2.102") ROUTER(
	"one", "1", "192.0.2.103") "pools:\n"
				   "  - {name: free, backends: [{name: a, address: 192.0.2.1}]}\n"
				   "  - {name: web, check: up, backends: [{name: e, address: "
				   "192.0.2.5}, {name: d, address: "
				   "192.0.2.4, weight: 7}, {name: b, address: 192.0.2.9}, {name: "
				   "a, address: 192.0.2.1}]}\n";

static struct model *
parse(const char *text)
{
	struct model *model = NULL;
	struct err err = {""};

	if (config_parse(text, strlen(text), "/etc/weir.yaml", &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static struct cluster *
make(struct model *model)
{
	struct cluster *cluster = NULL;

	assert_int_equal(cluster_new(&cluster, model, &model->nodes[0], 5), 0);
	return cluster;
}

static const struct cluster_backend *
backend(const struct cluster *cluster, size_t pool, const char *name)
{
	const struct cluster_pool *entry = cluster_pool(cluster, pool);

	for (size_t i = 0; i < entry->n_backends; i++) {
		if (strcmp(entry->backends[i].config->name, name) == 0)
			return &entry->backends[i];
	}
	fail_msg("no backend %s", name);
	return NULL;
}

struct scene {
	struct model *models[2];
	struct cluster *old, *new;
};

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->models[0] = parse(before);
	scene->models[1] = parse(after);
	scene->old = make(scene->models[0]);
	scene->new = make(scene->models[1]);
	*state = scene;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	cluster_free(scene->old);
	cluster_free(scene->new);
	model_free(scene->models[0]);
	model_free(scene->models[1]);
	free(scene);
	return 0;
}

static void
backends_keep_what_is_known_of_them(void **state)
{
	struct scene *scene = *state;
	const struct cluster_backend *entry;

	cluster_backend_set_health(scene->old, 0, 0, HEALTH_UP, "fine", 10);
	cluster_backend_set_health(scene->old, 0, 1, HEALTH_UP, "fine", 11);
	cluster_backend_set_health(scene->old, 0, 3, HEALTH_DOWN, "refused", 12);
	cluster_backend_set_health(scene->old, 1, 0, HEALTH_DOWN, "refused", 13);
	cluster_backend_set_drained(scene->old, 0, 0, true, 14);
	cluster_backend_set_drained(scene->old, 0, 1, true, 15);
	cluster_inherit(scene->new, scene->old);

	entry = backend(scene->new, 1, "a");
	assert_int_equal(entry->health, HEALTH_UP);
	assert_int_equal(entry->since_ns, 10);
	assert_string_equal(entry->why, "fine");
	assert_true(entry->drained);
	entry = backend(scene->new, 1, "d");
	assert_int_equal(entry->health, HEALTH_DOWN);
	assert_int_equal(entry->config->weight, 7);
	/* Another address is another backend, though the same machine may be meant. */
	entry = backend(scene->new, 1, "b");
	assert_int_equal(entry->health, HEALTH_UNKNOWN);
	assert_true(entry->drained);
	assert_int_equal(backend(scene->new, 1, "e")->health, HEALTH_UNKNOWN);
	assert_int_equal(backend(scene->new, 0, "a")->health, HEALTH_UP);
}

static void
routers_that_go_on_keep_their_state_and_history(void **state)
{
	struct scene *scene = *state;
	const struct history *history;

	cluster_router_set_state(scene->old, 0, VRRP_MASTER, "alone", 20);
	cluster_router_set_state(scene->old, 1, VRRP_BACKUP, "heard", 21);
	cluster_router_set_state(scene->old, 2, VRRP_MASTER, "alone", 22);
	cluster_inherit(scene->new, scene->old);

	assert_string_equal(cluster_router(scene->new, 1)->config->name, "one");
	assert_int_equal(cluster_router(scene->new, 1)->state, VRRP_MASTER);
	assert_int_equal(cluster_router(scene->new, 1)->since_ns, 20);
	assert_int_equal(cluster_router(scene->new, 0)->state, VRRP_INIT);
	history = cluster_history(scene->new);
	assert_int_equal(history_n(history), 3);
	assert_int_equal(history_at(history, 0)->router, 1);
	assert_true(history_at(history, 1)->router == TRANSITION_GONE);
	assert_true(history_at(history, 2)->router == TRANSITION_GONE);
}

static void
swapped_clusters_have_each_others_content(void **state)
{
	struct scene *scene = *state;

	cluster_inherit(scene->new, scene->old);
	cluster_swap(scene->old, scene->new);
	assert_ptr_equal(cluster_model(scene->old), scene->models[1]);
	assert_ptr_equal(cluster_model(scene->new), scene->models[0]);
	assert_int_equal(cluster_n_routers(scene->old), 2);
}

/* 'after' with 'text' in the place of 'from'. */
static struct model *
parse_with(const char *from, const char *text)
{
	const char *place = strstr(after, from);
	char *changed;
	struct model *model;

	assert_non_null(place);
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(place - after), after, text,
			    place + strlen(from)) > 0);
	model = parse(changed);
	free(changed);
	return model;
}

static void
what_takes_a_restart_stays_as_it_runs(void **state)
{
	struct scene *scene = *state;
	struct model *model = parse_with("host_interface: weir0}",
		"host_interface: weir7, queues: 4, local_addresses: [192.0.2.77]}");
	const struct lb_node *lb = &model->nodes[0].lb;
	struct err err = {""};

	model->nodes[0].metrics.port = 9;
	assert_int_equal(reload_pin(model, &model->nodes[0], scene->models[0], &err), 0);
	assert_string_equal(lb->ports[0].host_interface, "weir0");
	assert_int_equal(lb->ports[0].n_queues, 1);
	assert_int_equal(lb->ports[0].n_locals, 1);
	assert_int_equal(model->nodes[0].metrics.port, 9100);
	model_free(model);
}

static void
a_router_on_a_port_that_does_not_run_is_refused(void **state)
{
	struct scene *scene = *state;
	struct err err = {""};
	struct model *model = parse_with("{name: front, device: net_tap0, host_interface: weir0}",
		"{name: front, device: net_tap0, host_interface: weir0}, {name: back, device: "
		"net_tap1, host_interface: weir1}");
	model->routers[0].port = "back";
	assert_int_equal(reload_pin(model, &model->nodes[0], scene->models[0], &err), -EINVAL);
	assert_non_null(strstr(err.text, "'three' needs the port 'back'"));
	model_free(model);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(backends_keep_what_is_known_of_them),
		CASE(routers_that_go_on_keep_their_state_and_history),
		CASE(swapped_clusters_have_each_others_content),
		CASE(what_takes_a_restart_stays_as_it_runs),
		CASE(a_router_on_a_port_that_does_not_run_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
