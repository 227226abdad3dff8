/* SPDX-License-Identifier: BSD-3-Clause */
/* What virtual routers track, run and belong to, their MAC and their peers: what is accepted, and
 * what is refused with line and reason. */
#include "common/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The second router's own keys begin on line 33. */
#define FIRST_LINE 33
static const char base[] =
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
	"  - name: lb2\n"
	"    role: lb\n"
	"    metrics: 192.0.2.2:9100\n"
	"    lb:\n"
	"      control_socket: c\n"
	"      admin_socket: a\n"
	"      ports: [{name: front, device: net_null0, host_interface: weir0},\n"
	"              {name: back, device: net_null1, host_interface: weir1},\n"
	"              {name: third, device: net_null2, host_interface: weir2}]\n"
	"checks: [{name: web, type: tcp, port: 80}]\n"
	"pools:\n"
	"  - {name: p, check: web, backends: [{name: b1, address: 192.0.2.11}, {name: b2, address: "
	"192.0.2.12}]}\n"
	"  - {name: unchecked, backends: [{name: b1, address: 192.0.2.11}]}\n"
	"scripts:\n"
	"  - {name: s, command: [bin/uplink, -q], interval_ms: 500, fall: 3}\n"
	"virtual_routers:\n"
	"  - {name: r4, vrid: 1, port: front, addresses: [192.0.2.100], sync_group: g,\n"
	"     members: [{node: lb1, priority: 200}, {node: lb2, priority: 100}]}\n"
	"  - name: r6\n"
	"    vrid: 1\n"
	"    port: front\n"
	"    sync_group: g\n";

static const char members[] =
	"    addresses: ['2001:db8::100']\n"
	"    members: [{node: lb1, priority: 200}, {node: lb2, priority: 100}]\n";

static int
parse(const char *keys, bool with_members, struct model **out, struct err *err)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s%s", base, keys, with_members ? members : "");
	return config_parse(text, strlen(text), "weir.yaml", out, err);
}

static struct model *
take(const char *keys, bool with_members)
{
	struct model *model = NULL;
	struct err err = {""};

	if (parse(keys, with_members, &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static void
all_keys_reach_the_model(void **state)
{
	struct model *model = take("    mac: virtual\n"
				   "    accept: no\n"
				   "    notify: [/usr/bin/logger, -t, weir]\n"
				   "    track:\n"
				   "      - {port: back, weight: 30}\n"
				   "      - {pool: p, min_up: 2, weight: 50}\n"
				   "      - {script: s}\n",
		true);
	const struct virtual_router *first = &model->routers[0], *router = &model->routers[1];

	(void)state;
	assert_string_equal(router->group, "g");
	assert_true(router->virtual_mac);
	assert_false(router->accept);
	assert_string_equal(router->notify[0], "/usr/bin/logger");
	assert_string_equal(router->notify[2], "weir");
	assert_null(router->notify[3]);
	assert_int_equal(router->n_tracks, 3);
	assert_int_equal(router->tracks[0].kind, TRACK_PORT);
	assert_string_equal(router->tracks[0].port, "back");
	assert_int_equal(router->tracks[0].weight, 30);
	assert_ptr_equal(router->tracks[1].pool, &model->pools[0]);
	assert_int_equal(router->tracks[1].min_up, 2);
	assert_ptr_equal(router->tracks[2].script, &model->scripts[0]);
	assert_int_equal(router->tracks[2].weight, 0);
	assert_int_equal(router->members[0].address.family, ADDR_NONE);
	/* A relative program is in the file's folder; defaults. */
	assert_int_equal(model->scripts[0].command[0][0], '/');
	assert_non_null(strstr(model->scripts[0].command[0], "/bin/uplink"));
	assert_string_equal(model->scripts[0].command[1], "-q");
	assert_null(model->scripts[0].command[2]);
	assert_int_equal(model->scripts[0].interval_ms, 500);
	assert_int_equal(model->scripts[0].timeout_ms, 1000);
	assert_int_equal(model->scripts[0].rise, 1);
	assert_int_equal(model->scripts[0].fall, 3);
	assert_false(first->virtual_mac);
	assert_true(first->accept);
	assert_null(first->notify);
	assert_int_equal(first->n_tracks, 0);
	model_free(model);
}

static void
members_may_have_addresses_for_unicast(void **state)
{
	struct model *model =
		take("    addresses: ['2001:db8::100']\n"
		     "    members: [{node: lb1, priority: 200, address: '2001:db8::1'},\n"
		     "              {node: lb2, priority: 100, address: 'fe80::2'}]\n",
			false);

	(void)state;
	assert_int_equal(model->routers[1].members[0].address.family, ADDR_V6);
	assert_int_equal(model->routers[1].members[1].address.family, ADDR_V6);
	model_free(model);
}

static void
what_cannot_be_is_refused_with_line_and_reason(void **state)
{
	static const struct {
		const char *keys;
		bool with_members;
		int line; /* In the keys, from 0. */
		const char *says;
	} cases[] = {
		{"    mac: other\n", true, 0, "mac: 'other'"},
		{"    min_ttl: 64\n", true, 0, "adverts by multicast never cross a router"},
		{"    track: [{}]\n", true, 0, "give one of 'port', 'pool' and 'script'"},
		{"    track: [{port: back, pool: p}]\n", true, 0, "give one of"},
		{"    track: [{port: front}]\n", true, 0, "'front' is the router's own"},
		{"    track: [{port: third}]\n", true, 0, "node 'lb1' has no port called 'third'"},
		{"    track:\n      - {port: back, weight: 254}\n", true, 1, "weight: '254'"},
		{"    track: [{port: back, min_up: 1}]\n", true, 0, "goes with 'pool' alone"},
		{"    track: [{pool: q}]\n", true, 0, "there is no pool called 'q'"},
		{"    track: [{pool: p, min_up: 3}]\n", true, 0, "3 backends can never be up"},
		{"    track: [{pool: unchecked}]\n", true, 0, "give the pool a check"},
		{"    track: [{script: t}]\n", true, 0, "there is no script called 't'"},
		{"    notify: [logger]\n", true, 0, "'logger' is no path"},
		{"    addresses: ['2001:db8::100']\n    members: [{node: lb1, priority: 200}]\n",
			false, -1, "has other members"},
		{"    addresses: ['2001:db8::100']\n"
		 "    members: [{node: lb1, priority: 200}, {node: lb2, priority: 101}]\n",
			false, -1, "priority 100 and not 101"},
		{"    addresses: ['2001:db8::100']\n"
		 "    members: [{node: lb1, priority: 200, address: '2001:db8::1'},\n"
		 "              {node: lb2, priority: 100}]\n",
			false, 2, "give an 'address' to each member or to none"},
		{"    addresses: ['2001:db8::100']\n"
		 "    members: [{node: lb1, priority: 200, address: 192.0.2.1},\n"
		 "              {node: lb2, priority: 100, address: 192.0.2.2}]\n",
			false, 1, "'192.0.2.1' is not of IPv6"},
		{"    addresses: ['2001:db8::100']\n"
		 "    members: [{node: lb1, priority: 200, address: '2001:db8::100'},\n"
		 "              {node: lb2, priority: 100, address: '2001:db8::2'}]\n",
			false, 1, "is one of the router's"},
		{"    addresses: ['2001:db8::100']\n"
		 "    members: [{node: lb1, priority: 200, address: '2001:db8::2'},\n"
		 "              {node: lb2, priority: 100, address: '2001:db8::2'}]\n",
			false, 2, "is that of 'lb1' already"},
		{"    addresses: ['2001:db8::100']\n"
		 "    members: [{node: lb1, priority: 255}, {node: lb2, priority: 255}]\n",
			false, 1, "two members have priority 255"},
		{"    addresses: ['2001:db8::100']\n"
		 "    track: [{port: back, weight: 1}]\n"
		 "    members: [{node: lb1, priority: 255}, {node: lb2, priority: 100}]\n",
			false, 1, "an owner's priority never changes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *model = NULL;
		struct err err = {""};
		char at[32];

		if (parse(cases[i].keys, cases[i].with_members, &model, &err) == 0)
			fail_msg("accepted: %s", cases[i].keys);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
		snprintf(at, sizeof(at), "weir.yaml:%d: ", FIRST_LINE + cases[i].line);
		if (strncmp(err.text, at, strlen(at)) != 0)
			fail_msg("'%s' is not at %s", err.text, at);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(all_keys_reach_the_model),
		cmocka_unit_test(members_may_have_addresses_for_unicast),
		cmocka_unit_test(what_cannot_be_is_refused_with_line_and_reason),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
