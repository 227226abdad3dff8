/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/track.h"

#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char text[] =
	"cluster: x\n"
	"nodes:\n"
	"  - name: lb1\n"
	"    role: lb\n"
	"    metrics: 192.0.2.1:9100\n"
	"    lb:\n"
	"      control_socket: c\n"
	"      admin_socket: a\n"
	"      ports: [{name: front, device: net_null0, host_interface: weir0},\n"
	"              {name: back, device: net_null1, host_interface: weir1}]\n"
	"checks: [{name: web, type: tcp, port: 80}]\n"
	"pools:\n"
	"  - {name: p, check: web, backends: [{name: b1, address: 192.0.2.11}, {name: b2, address: "
	"192.0.2.12}]}\n"
	"scripts: [{name: s, command: [/bin/true]}]\n"
	"virtual_routers:\n"
	"  - {name: in, vrid: 1, port: front, addresses: [192.0.2.100], sync_group: g,\n"
	"     members: [{node: lb1, priority: 100}],\n"
	"     track: [{port: back, weight: 30}, {pool: p, min_up: 2, weight: 80}]}\n"
	"  - {name: out, vrid: 2, port: front, addresses: [192.0.2.101], sync_group: g,\n"
	"     members: [{node: lb1, priority: 100}], track: [{script: s}]}\n"
	"  - {name: alone, vrid: 3, port: front, addresses: [192.0.2.102],\n"
	"     members: [{node: lb1, priority: 100}]}\n";

struct fixture {
	struct model *model;
	struct cluster *cluster;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct err err = {""};

	if (config_parse(text, strlen(text), "weir.yaml", &fixture.model, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(
		cluster_new(&fixture.cluster, fixture.model, model_node(fixture.model, "lb1"), 1),
		0);
	cluster_script_set(fixture.cluster, 0, true, "exit status 0");
	for (size_t i = 0; i < 2; i++)
		cluster_backend_set_health(fixture.cluster, 0, i, HEALTH_UP, "", 1);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	cluster_free(fixture->cluster);
	model_free(fixture->model);
	return 0;
}

static void
expect(struct fixture *fixture, size_t router, bool fault, unsigned int burden, const char *why)
{
	struct track_verdict verdict;

	track_judge(fixture->cluster, &fixture->model->routers[router], &verdict);
	assert_int_equal(verdict.fault, fault);
	assert_int_equal(verdict.burden, burden);
	assert_string_equal(verdict.why, why);
}

static void
what_is_well_weighs_nothing(void **state)
{
	for (size_t i = 0; i < 3; i++)
		expect(*state, i, false, 0, "");
}

static void
weights_add_up_and_the_group_bears_them_together(void **state)
{
	struct fixture *fixture = *state;

	cluster_port_set_link(fixture->cluster, 1, false);
	expect(fixture, 0, false, 30, "port back has no link");
	expect(fixture, 1, false, 30, "port back has no link");
	cluster_backend_set_health(fixture->cluster, 0, 1, HEALTH_DOWN, "refused", 2);
	expect(fixture, 0, false, 110, "port back has no link");
	cluster_port_set_link(fixture->cluster, 1, true);
	expect(fixture, 1, false, 80, "pool p has 1 of 2 backends up");
	expect(fixture, 2, false, 0, "");
}

static void
a_fault_goes_before_weights(void **state)
{
	struct fixture *fixture = *state;

	cluster_port_set_link(fixture->cluster, 1, false);
	cluster_script_set(fixture->cluster, 0, false, "exit status 1");
	expect(fixture, 0, true, 30, "script s: exit status 1");
	expect(fixture, 2, false, 0, "");
}

static void
a_script_without_a_result_is_a_fault(void **state)
{
	struct fixture *fixture = *state;

	cluster_free(fixture->cluster);
	assert_int_equal(
		cluster_new(&fixture->cluster, fixture->model, fixture->model->nodes, 1), 0);
	expect(fixture, 1, true, 80, "script s: no result yet");
}

static void
a_priority_never_reaches_0(void **state)
{
	(void)state;
	assert_int_equal(track_priority(100, 0), 100);
	assert_int_equal(track_priority(100, 99), 1);
	assert_int_equal(track_priority(100, 100), 1);
	assert_int_equal(track_priority(100, 4000), 1);
	assert_int_equal(track_priority(255, 0), 255);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest cases[] = {
		CASE(what_is_well_weighs_nothing),
		CASE(weights_add_up_and_the_group_bears_them_together),
		CASE(a_fault_goes_before_weights),
		CASE(a_script_without_a_result_is_a_fault),
		CASE(a_priority_never_reaches_0),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
