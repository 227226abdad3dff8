/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/import/import.h"

#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a text became. */
struct imported {
	char *text;
	struct model *model;
};

/* Translates; the result must be a cluster file. A 'peer' may be NULL. */
static struct imported
import_pair(const char *text, const char *peer)
{
	struct source source = {.path = "a.conf", .text = strdup(text), .size = strlen(text)};
	struct source other = {.path = "b.conf"};
	struct import_sources sources = {.keepalived = &source};
	struct import_result result = {.text = NULL};
	struct imported imported = {.model = NULL};
	struct err err = {""};

	if (peer) {
		other.text = strdup(peer);
		other.size = strlen(peer);
		sources.peer = &other;
	}
	if (import_is_ipvsadm(&source)) {
		sources.ipvsadm = &source;
		sources.keepalived = NULL;
	}
	if (import_translate(&sources, &result, &err) < 0)
		fail_msg("%s", err.text);
	if (config_parse(result.text, result.size, "weir.yaml", &imported.model, &err) < 0)
		fail_msg("%s\n%s", err.text, result.text);
	imported.text = result.text;
	source_fini(&source);
	source_fini(&other);
	return imported;
}

static struct imported
import(const char *text)
{
	return import_pair(text, NULL);
}

static void
drop(struct imported *imported)
{
	model_free(imported->model);
	free(imported->text);
}

#define INSTANCE(name, more)                                                                       \
	"vrrp_instance " name " {\n interface eth0\n virtual_router_id 7\n version 3\n" more "\n}" \
	"\n"
#define HOLDS(addresses) "virtual_ipaddress {\n" addresses "\n}\n"
#define VIP HOLDS("192.0.2.1")
#define SERVER(head, more) "virtual_server " head " {\n protocol TCP\n lb_kind DR\n" more "\n}\n"
#define REAL(address) "real_server " address " {\n TCP_CHECK {\n }\n}\n"

/* --- Reading --- */

static void
quoted_parts_of_a_word_belong_together(void **state)
{
	struct imported imported =
		import("vrrp_script s {\n script \"/bin/x 'a b' \\\"c\" # not this\n}\n"
		       "vrrp_script t {\n script /bin/\"y z\"'!' ! nor this\n}\n");

	(void)state;
	/* A quote that is a part of the command needs a shell. */
	assert_string_equal(imported.model->scripts[0].command[2], "/bin/x 'a b' \"c");
	assert_string_equal(imported.model->scripts[1].command[0], "/bin/y");
	assert_string_equal(imported.model->scripts[1].command[1], "z!");
	assert_null(imported.model->scripts[1].command[2]);
	drop(&imported);
}

static void
parameters_are_replaced_when_they_are_used(void **state)
{
	/* As keepalived.conf(5) has it. */
	struct imported imported =
		import("$ADDRESS_BASE=10.2.${ADDRESS_BASE_SUB}\n"
		       "$ADDRESS_BASE_SUB=0\n" INSTANCE("v", HOLDS("${ADDRESS_BASE}.100/32\n"
								   "$ADDRESS_BASE_SUB=10\n"
								   "${ADDRESS_BASE}.100/32\n"
								   "$UNKNOWN")));
	const struct virtual_router *router = &imported.model->routers[0];
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(router->n_addresses, 2);
	assert_string_equal(addr_format(&router->addresses[0], text, sizeof(text)), "10.2.0.100");
	assert_string_equal(addr_format(&router->addresses[1], text, sizeof(text)), "10.2.10.100");
	assert_non_null(strstr(imported.text, "$UNKNOWN: not an address"));
	drop(&imported);
}

static void
sequences_and_lists_stand_for_many_lines(void **state)
{
	struct imported imported = import(
		INSTANCE("v", HOLDS("~SEQx(A, 0x90, 0x10, 0xb0) ~SEQ(B, 2, -1, 1) fd00::${A}:${B}\n"
				    "~LST({A, B}, {1, 2}, {3, 4}) fd01::${A}:$B")));
	const struct virtual_router *router = &imported.model->routers[0];
	static const char *const expected[] = {"fd00::90:2", "fd00::90:1", "fd00::a0:2",
		"fd00::a0:1", "fd00::b0:2", "fd00::b0:1", "fd01::1:2", "fd01::3:4"};
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(router->n_addresses, 8);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(
			addr_format(&router->addresses[i], text, sizeof(text)), expected[i]);
	drop(&imported);
}

static void
braces_may_stand_anywhere(void **state)
{
	struct imported imported =
		import("vrrp_instance v{\n interface eth0\n virtual_router_id 7\n"
		       " virtual_ipaddress { 192.0.2.1 }\n}\n"
		       "virtual_server 192.0.2.1 80\n{\n"
		       " real_server 192.0.2.9 80 { HTTP_GET { url { path /x } } }"
		       "\n}\n");

	(void)state;
	assert_int_equal(imported.model->n_routers, 1);
	assert_string_equal(imported.model->checks[0].http.path, "/x");
	drop(&imported);
}

/* --- Elections --- */

static void
a_positive_weight_is_taken_away_from_a_higher_priority(void **state)
{
	static const char script[] = "vrrp_script s {\n script /bin/true\n weight 30\n}\n"
				     "vrrp_script t {\n script /bin/true\n weight -5\n}\n";
	char text[1024];
	struct imported imported;

	(void)state;
	snprintf(text, sizeof(text), "%s%s", script,
		INSTANCE("v", "priority 100\n" VIP "track_script {\n s\n t\n}"));
	imported = import(text);
	assert_int_equal(imported.model->routers[0].members[0].priority, 130);
	assert_int_equal(imported.model->routers[0].tracks[0].weight, 30);
	assert_int_equal(imported.model->routers[0].tracks[1].weight, 5);
	drop(&imported);
}

static void
what_an_owner_tracks_with_a_weight_is_left_out(void **state)
{
	struct imported imported = import(
		INSTANCE("v", "priority 255\n" VIP "track_interface {\n eth1 weight 9\n eth2\n}"));
	const struct virtual_router *router = &imported.model->routers[0];

	(void)state;
	assert_int_equal(router->members[0].priority, 255);
	assert_int_equal(router->n_tracks, 1);
	assert_string_equal(router->tracks[0].port, "eth2");
	drop(&imported);
}

static void
lines_for_one_host_make_it_a_node(void **state)
{
	struct imported imported = import(INSTANCE("v",
		VIP "@east priority 200\n@west priority 90\n"
		    "@east unicast_src_ip 192.0.2.11\n@west unicast_src_ip 192.0.2.12\n"
		    "unicast_peer {\n@^east 192.0.2.11\n@^west 192.0.2.12\n}"));
	const struct virtual_router *router = &imported.model->routers[0];
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(router->n_members, 2);
	assert_string_equal(router->members[0].node->name, "east");
	assert_string_equal(router->members[1].node->name, "west");
	assert_int_equal(router->members[1].priority, 90);
	assert_string_equal(
		addr_format(&router->members[1].address, text, sizeof(text)), "192.0.2.12");
	drop(&imported);
}

static void
the_peers_file_says_what_the_peers_priority_is(void **state)
{
	struct imported imported = import_pair(INSTANCE("one", "state MASTER\npriority 150\n" VIP),
		INSTANCE("other-name", "state BACKUP\npriority 120\n" VIP));

	(void)state;
	assert_int_equal(imported.model->routers[0].members[1].priority, 120);
	assert_null(strstr(imported.text, "the priority that"));
	drop(&imported);
}

static void
both_families_of_an_instance_move_together(void **state)
{
	struct imported imported = import(INSTANCE("v",
		VIP "virtual_ipaddress_excluded {\n 192.0.2.2/24 dev eth0\n 2001:db8::2/64\n}"));
	const struct model *model = imported.model;

	(void)state;
	assert_int_equal(model->n_routers, 2);
	assert_int_equal(model->routers[0].n_addresses, 2);
	assert_int_equal(model->routers[1].family, ADDR_V6);
	assert_int_equal(model->routers[1].vrid, 7);
	assert_string_equal(model->routers[0].group, model->routers[1].group);
	drop(&imported);
}

static void
a_password_is_refused_and_not_repeated(void **state)
{
	struct imported imported =
		import(INSTANCE("v", VIP "authentication {\n auth_type PASS\n auth_pass tiger\n}"));

	(void)state;
	assert_non_null(strstr(imported.text, "a.conf:8: authentication: refused"));
	assert_null(strstr(imported.text, "tiger"));
	drop(&imported);
}

static void
programs_of_all_transitions_are_one_command(void **state)
{
	struct imported imported = import(INSTANCE(
		"v", "priority 77\n" VIP "notify_master \"/bin/echo it's\"\nnotify /bin/tell\n"));
	const char *const *notify = imported.model->routers[0].notify;

	(void)state;
	assert_string_equal(notify[0], "/bin/sh");
	assert_string_equal(notify[2],
		"case $WEIR_TO in master) /bin/echo it's;; esac; "
		"case $WEIR_TO in master) S=MASTER;; backup) S=BACKUP;; *) S=FAULT;; esac; "
		"/bin/tell INSTANCE v $S 77");
	drop(&imported);
}

/* --- Services --- */

static void
what_says_no_protocol_is_udp_as_for_keepalived(void **state)
{
	struct imported imported = import("virtual_server 192.0.2.1 53 {\n lb_kind DR\n}\n");

	(void)state;
	assert_int_equal(imported.model->services[0].protocol, PROTOCOL_UDP);
	assert_non_null(strstr(imported.text, "takes what has no 'protocol' for UDP"));
	drop(&imported);
}

static void
a_range_is_a_service_for_each_address(void **state)
{
	struct imported imported = import("virtual_server_group g {\n 192.0.2.254-192.0.3.1 80\n"
					  " 192.0.2.8/30 80\n 2001:db8::1-3 80\n}\n" SERVER(
						  "group g", REAL("192.0.2.100 80")));

	(void)state;
	/* The IPv6 ones go with another family of real servers only. */
	assert_int_equal(imported.model->n_services, 4 + 4);
	assert_int_equal(imported.model->n_pools, 1);
	drop(&imported);
}

static void
mode_nat_changes_ports_and_mode_dr_asks_them(void **state)
{
	struct imported imported = import(SERVER("192.0.2.1 80", REAL("192.0.2.9 8080")) //
		"virtual_server 192.0.2.1 81 {\nprotocol TCP\n" REAL("192.0.2.9 8080") "}\n");
	const struct model *model = imported.model;

	(void)state;
	assert_int_equal(model->services[0].mode, MODE_DR);
	assert_int_equal(model->pools[0].backends[0].port, 0);
	assert_int_equal(model->pools[0].check->port, 8080);
	assert_int_equal(model->services[1].mode, MODE_NAT);
	assert_int_equal(model->pools[1].backends[0].port, 8080);
	assert_int_equal(model->pools[1].check->port, 0);
	drop(&imported);
}

static void
checks_take_their_times_from_where_these_stand(void **state)
{
	struct imported imported = import(SERVER("192.0.2.1 80",
		"delay_loop 5\nconnect_timeout 4\nretry 2\n"
		"real_server 192.0.2.9 80 {\n connect_timeout 3\n TCP_CHECK {\n  retry 4\n }\n}"));
	const struct check *check = &imported.model->checks[0];

	(void)state;
	assert_int_equal(check->interval_ms, 5000);
	assert_int_equal(check->timeout_ms, 3000);
	assert_int_equal(check->fall, 5);
	assert_int_equal(check->rise, 1);
	drop(&imported);
}

static void
a_server_that_is_checked_otherwise_is_told(void **state)
{
	struct imported imported = import(SERVER("192.0.2.1 80",
		REAL("192.0.2.9 80") "real_server 192.0.2.10 80 {\n PING_CHECK {\n }\n}"));

	(void)state;
	assert_int_equal(imported.model->n_checks, 1);
	assert_non_null(strstr(imported.text, "is checked otherwise than the first real server"));
	drop(&imported);
}

static void
a_quorum_of_weights_becomes_one_of_backends(void **state)
{
	/* Lost with one of weight 10, there again with three. */
	struct imported imported = import("$R= \\\nreal_server 192.0.2.${I} 80 { \\\nweight 10 "
					  "\\\nTCP_CHECK { \\\n} \\\n}\n" SERVER("192.0.2.1 80",
						  "quorum 22\nhysteresis 6\n"
						  "sorry_server 192.0.2.99 80\n"
						  "~SEQ(I, 10, 13) $R"));
	const struct pool *pool = &imported.model->pools[0];

	(void)state;
	assert_int_equal(pool->quorum, 2);
	assert_int_equal(pool->quorum_hysteresis, 1);
	assert_int_equal(pool->n_backends, 5);
	assert_true(pool->backends[pool->n_backends - 1].sorry);
	drop(&imported);
}

static void
dpvs_fullnat_speaks_from_its_local_addresses(void **state)
{
	struct imported imported =
		import("local_address_group l {\n 192.0.2.50-52 dpdk0\n}\n" INSTANCE(
			"v", VIP) "virtual_server 192.0.2.1 80 {\n protocol TCP\n lb_kind FNAT\n"
				  " laddr_group_name l\n syn_proxy\n" REAL("192.0.2.9 80") "}\n");
	const struct service *service = &imported.model->services[0];

	(void)state;
	assert_int_equal(service->mode, MODE_FULLNAT);
	assert_true(service->syn_cookies);
	assert_int_equal(service->router->n_locals, 3);
	drop(&imported);
}

static void
weights_keep_their_proportion_within_weirs_range(void **state)
{
	struct imported imported = import("-A -t 192.0.2.1:80 -s wrr\n"
					  "-a -t 192.0.2.1:80 -r 192.0.2.9:80 -g -w 50000\n"
					  "-a -t 192.0.2.1:80 -r 192.0.2.10:80 -g -w 25000\n"
					  "-a -t 192.0.2.1:80 -r 192.0.2.11:80 -g -w 1\n"
					  "-a -t 192.0.2.1:80 -r 192.0.2.12:80 -g -w 0\n");
	const struct backend *backends = imported.model->pools[0].backends;

	(void)state;
	assert_int_equal(backends[0].weight, 1000);
	assert_int_equal(backends[1].weight, 500);
	assert_int_equal(backends[2].weight, 1);
	assert_int_equal(backends[3].weight, 0);
	drop(&imported);
}

static void
placeholders_keep_away_from_what_the_file_speaks_of(void **state)
{
	struct imported imported = import("virtual_server 198.18.100.200 80 {\n lvs_method TUN\n"
					  " protocol TCP\n" REAL("198.18.101.200 80") "}\n");
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_string_equal(addr_format(&imported.model->services[0].tunnel.sources[0].addr, text,
				    sizeof(text)),
		"198.18.102.200");
	drop(&imported);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_parts_of_a_word_belong_together),
		cmocka_unit_test(parameters_are_replaced_when_they_are_used),
		cmocka_unit_test(sequences_and_lists_stand_for_many_lines),
		cmocka_unit_test(braces_may_stand_anywhere),
		cmocka_unit_test(a_positive_weight_is_taken_away_from_a_higher_priority),
		cmocka_unit_test(what_an_owner_tracks_with_a_weight_is_left_out),
		cmocka_unit_test(lines_for_one_host_make_it_a_node),
		cmocka_unit_test(the_peers_file_says_what_the_peers_priority_is),
		cmocka_unit_test(both_families_of_an_instance_move_together),
		cmocka_unit_test(a_password_is_refused_and_not_repeated),
		cmocka_unit_test(programs_of_all_transitions_are_one_command),
		cmocka_unit_test(what_says_no_protocol_is_udp_as_for_keepalived),
		cmocka_unit_test(a_range_is_a_service_for_each_address),
		cmocka_unit_test(mode_nat_changes_ports_and_mode_dr_asks_them),
		cmocka_unit_test(checks_take_their_times_from_where_these_stand),
		cmocka_unit_test(a_server_that_is_checked_otherwise_is_told),
		cmocka_unit_test(a_quorum_of_weights_becomes_one_of_backends),
		cmocka_unit_test(dpvs_fullnat_speaks_from_its_local_addresses),
		cmocka_unit_test(weights_keep_their_proportion_within_weirs_range),
		cmocka_unit_test(placeholders_keep_away_from_what_the_file_speaks_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
