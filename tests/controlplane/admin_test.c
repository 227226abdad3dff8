/* SPDX-License-Identifier: BSD-3-Clause */
/* What the admin socket answers, asked over the real socket. */
#include "tests/controlplane/admin_fixture.h"

#include "common/clock.h"

#include <string.h>

/* One call and its answer. */
struct asked {
	struct rpc_client *client;
	bool connected;
	bool done;
	json_t *result;
	char error[512];
};

static void
on_state(void *ctx, bool connected)
{
	((struct asked *)ctx)->connected = connected;
}

static void
on_reply(void *ctx, json_t *result, const char *error)
{
	struct asked *asked = ctx;

	asked->result = json_incref(result);
	snprintf(asked->error, sizeof(asked->error), "%s", error ? error : "");
	asked->done = true;
}

/* Asks for 'method' with 'params' (JSON text). Returns the result, or NULL with the error kept. */
static json_t *
ask(struct fixture *fixture, struct asked *asked, const char *method, const char *params)
{
	const struct node *node = cluster_node(fixture->cluster);
	json_t *json = json_loads(params, 0, NULL);

	memset(asked, 0, sizeof(*asked));
	assert_non_null(json);
	assert_int_equal(rpc_client_new(&asked->client, &fixture->loop, node->lb.admin_socket, 10,
				 on_state, asked, NULL),
		0);
	run_until(fixture, &asked->connected);
	assert_int_equal(rpc_call(asked->client, method, json, on_reply, asked), 0);
	run_until(fixture, &asked->done);
	rpc_client_free(asked->client);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	return asked->result;
}

/* Asks, and compares the answer with JSON text. Times in it are taken away first. */
static void
expect(struct fixture *fixture, const char *method, const char *params, const char *expected)
{
	struct asked asked;
	json_t *answer = ask(fixture, &asked, method, params);
	json_t *wanted = json_loads(expected, 0, NULL);
	json_t *element;
	size_t i;

	if (!answer)
		fail_msg("%s %s: %s", method, params, asked.error);
	assert_non_null(wanted);
	json_array_foreach(answer, i, element) json_object_del(element, "since_s");
	if (!json_equal(answer, wanted)) {
		char *text = json_dumps(answer, JSON_INDENT(1));

		fail_msg("%s %s answered %s", method, params, text);
	}
	json_decref(wanted);
	json_decref(answer);
}

static void
expect_error(struct fixture *fixture, const char *method, const char *params, const char *part)
{
	struct asked asked;

	if (ask(fixture, &asked, method, params))
		fail_msg("%s %s is answered", method, params);
	if (!strstr(asked.error, part))
		fail_msg("%s %s: '%s' does not say '%s'", method, params, asked.error, part);
}

static void
status_tells_node_dataplane_and_routers(void **state)
{
	struct fixture *fixture = *state;
	struct asked asked;
	json_t *status, *router;
	struct addr peer;

	addr_parse("10.77.1.12", &peer, NULL);
	cluster_router_set_state(fixture->cluster, 0, VRRP_BACKUP, "started", clock_now_ns());
	cluster_router_set_master(fixture->cluster, 0, &peer, 100);
	cluster_router_set_priority(fixture->cluster, 0, 150);
	status = ask(fixture, &asked, "status", "{}");
	assert_non_null(status);
	assert_string_equal(json_string_value(json_object_get(status, "node")), "lb1");
	assert_string_equal(json_string_value(json_object_get(status, "cluster")), "lab");
	assert_true(json_is_false(json_object_get(status, "ready")));
	assert_true(json_is_string(json_object_get(status, "waiting")));
	assert_true(json_is_false(json_object_get(json_object_get(status, "dataplane"), "up")));
	assert_int_equal(json_array_size(json_object_get(status, "routers")), 2);
	router = json_array_get(json_object_get(status, "routers"), 0);
	assert_true(json_number_value(json_object_get(router, "since_s")) >= 0);
	json_object_del(router, "since_s");
	json_t *wanted = json_pack("{s:s, s:i, s:s, s:i, s:i, s:n, s:[s], s:i, s:s, s:i, s:s}",
		"name", "front4", "vrid", 51, "state", "backup", "priority", 150,
		"configured_priority", 200, "sync_group", "addresses", "10.77.1.100", "transitions",
		1, "master_address", "10.77.1.12", "master_priority", 100, "reason", "started");
	assert_true(json_equal(router, wanted));
	json_decref(wanted);
	json_decref(status);
	dataplane_start(fixture);
	status = ask(fixture, &asked, "status", "{}");
	assert_true(json_is_true(json_object_get(json_object_get(status, "dataplane"), "up")));
	json_decref(status);
}

static void
history_tells_the_last_transitions_and_why(void **state)
{
	struct fixture *fixture = *state;
	struct asked asked;
	json_t *history, *last;

	history = ask(fixture, &asked, "history", "{}");
	assert_int_equal(json_array_size(history), 0);
	json_decref(history);
	for (int i = 0; i < 3; i++) {
		cluster_router_set_state(fixture->cluster, 0, VRRP_BACKUP, "ready", clock_now_ns());
		cluster_router_set_state(
			fixture->cluster, 1, VRRP_MASTER, "nobody else", clock_now_ns());
	}
	history = ask(fixture, &asked, "history", "{}");
	assert_int_equal(json_array_size(history), 6);
	last = json_array_get(history, 5);
	assert_string_equal(json_string_value(json_object_get(last, "router")), "front6");
	assert_string_equal(json_string_value(json_object_get(last, "from")), "master");
	assert_string_equal(json_string_value(json_object_get(last, "to")), "master");
	assert_string_equal(json_string_value(json_object_get(last, "reason")), "nobody else");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(history, 1), "from")), "init");
	assert_int_equal(strlen(json_string_value(json_object_get(last, "time"))),
		strlen("2026-01-01T00:00:00.000Z"));
	assert_true(json_number_value(json_object_get(last, "age_s")) >= 0);
	json_decref(history);
	history = ask(fixture, &asked, "history", "{\"router\": \"front4\", \"limit\": 2}");
	assert_int_equal(json_array_size(history), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(history, 0), "router")), "front4");
	json_decref(history);
	expect_error(fixture, "history", "{\"router\": \"nobody\"}", "weirctl status");
	expect_error(fixture, "history", "{\"limit\": 0}", "limit");
}

#define WEB1_WEB4                                                                              \
	"\"pool\": \"web4\", \"backend\": \"web1\", \"address\": \"10.77.1.21\","              \
	" \"configured_weight\": 100, \"set_weight\": null, \"sorry\": false, \"changes\": 0," \
	" \"resets\": 0, \"unreachables\": 0"

static void
backends_tell_health_drain_and_counters(void **state)
{
	struct fixture *fixture = *state;

	expect(fixture, "backends", "{\"pool\": \"web4\", \"backend\": \"web1\"}",
		"[{" WEB1_WEB4 ", \"state\": \"unknown\", \"drained\": false, \"weight\": 100,"
		" \"reason\": null}]");
	dataplane_start(fixture);
	cluster_backend_set_health(fixture->cluster, 0, 0, HEALTH_UP, "status 200", clock_now_ns());
	expect(fixture, "backends", "{\"pool\": \"web4\", \"backend\": \"web1\"}",
		"[{" WEB1_WEB4 ", \"state\": \"up\", \"drained\": false, \"weight\": 100,"
		" \"reason\": \"status 200\", \"packets\": 1000, \"bytes\": 1536,"
		" \"new_flows\": 2, \"active_flows\": 17}]");
}

static void
drained_backends_are_drained_in_all_pools_or_in_one(void **state)
{
	struct fixture *fixture = *state;
	const struct cluster_backend *in_web4 = &cluster_pool(fixture->cluster, 0)->backends[0];
	const struct cluster_backend *in_web6 = &cluster_pool(fixture->cluster, 1)->backends[0];

	expect(fixture, "drain", "{\"backend\": \"web1\"}",
		"{\"backends\": [{\"pool\": \"web4\", \"backend\": \"web1\", \"changed\": true},"
		" {\"pool\": \"web6\", \"backend\": \"web1\", \"changed\": true}]}");
	assert_true(in_web4->drained && in_web6->drained);
	assert_int_equal(cluster_backend_weight(in_web4), 0);
	expect(fixture, "undrain", "{\"backend\": \"web1\", \"pool\": \"web6\"}",
		"{\"backends\": [{\"pool\": \"web6\", \"backend\": \"web1\", \"changed\": true}]}");
	assert_true(in_web4->drained);
	assert_false(in_web6->drained);
	expect(fixture, "drain", "{\"backend\": \"web1\", \"pool\": \"web4\"}",
		"{\"backends\": [{\"pool\": \"web4\", \"backend\": \"web1\", \"changed\": "
		"false}]}");
	cluster_backend_set_health(fixture->cluster, 0, 0, HEALTH_UP, "", clock_now_ns());
	expect(fixture, "backends", "{\"pool\": \"web4\", \"backend\": \"web1\"}",
		"[{" WEB1_WEB4 ", \"state\": \"drained\", \"drained\": true, \"weight\": 0,"
		" \"reason\": null}]");
}

#define WEIGHED(pool, changed, weight)                                          \
	"{\"pool\": \"" pool "\", \"backend\": \"web1\", \"changed\": " changed \
	", \"weight\": " weight ", \"configured_weight\": 100}"

static void
weights_are_set_and_reset(void **state)
{
	struct fixture *fixture = *state;
	const struct cluster_backend *in_web4 = &cluster_pool(fixture->cluster, 0)->backends[0];

	expect(fixture, "weight", "{\"backend\": \"web1\", \"weight\": 5}",
		"{\"backends\": [" WEIGHED("web4", "true", "5") ", " WEIGHED(
			"web6", "true", "5") "]}");
	assert_int_equal(cluster_backend_weight(in_web4), 5);
	expect(fixture, "weight", "{\"backend\": \"web1\", \"pool\": \"web4\", \"weight\": 5}",
		"{\"backends\": [" WEIGHED("web4", "false", "5") "]}");
	expect(fixture, "weight", "{\"backend\": \"web1\", \"reset\": true}",
		"{\"backends\": [" WEIGHED("web4", "true", "100") ", " WEIGHED(
			"web6", "true", "100") "]}");
	assert_int_equal(cluster_backend_weight(in_web4), 100);
	expect_error(fixture, "weight", "{\"backend\": \"web1\", \"weight\": 1001}", "1000");
	expect_error(fixture, "weight", "{\"backend\": \"web1\"}", "either");
	expect_error(fixture, "weight", "{\"backend\": \"web1\", \"weight\": 5, \"reset\": true}",
		"either");
	expect_error(fixture, "weight", "{\"backend\": \"web9\", \"weight\": 5}", "web9");
}

static void
services_tell_who_holds_them_and_counters(void **state)
{
	struct fixture *fixture = *state;
	struct asked asked;
	json_t *services;

	dataplane_start(fixture);
	cluster_backend_set_health(fixture->cluster, 0, 1, HEALTH_UP, "", clock_now_ns());
	expect(fixture, "services", "{\"service\": \"http4\"}",
		"[{\"name\": \"http4\", \"address\": \"10.77.1.100\", \"port\": 80,"
		" \"protocol\": \"tcp\", \"mode\": \"dr\", \"scheduler\": \"maglev\","
		" \"pool\": \"web4\", \"router\": \"front4\", \"router_state\": \"init\","
		" \"backends\": 2, \"backends_up\": 1, \"packets\": 1500, \"bytes\": 2048,"
		" \"new_flows\": 3, \"drops\": 1}]");
	services = ask(fixture, &asked, "services", "{}");
	assert_int_equal(json_array_size(services), 4);
	json_decref(services);
}

static void
flows_and_stats_are_the_dataplanes(void **state)
{
	struct fixture *fixture = *state;
	struct asked asked;
	json_t *answer;

	expect_error(
		fixture, "flows", "{}", "the dataplane is not connected: start weir-dataplane");
	expect_error(fixture, "stats", "{}", "the dataplane is not connected");
	dataplane_start(fixture);
	answer = ask(fixture, &asked, "stats", "{}");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(answer, "flows"), "active")),
		1234);
	json_decref(answer);
	answer = ask(fixture, &asked, "flows", "{}");
	assert_int_equal(json_integer_value(json_object_get(answer, "total")), 3456);
	assert_int_equal(json_integer_value(json_object_get(fixture->flows_params, "limit")), 100);
	json_decref(answer);
	answer = ask(fixture, &asked, "flows",
		"{\"limit\": 5, \"client\": \"10.77.1.10\", \"service\": \"http4\", \"backend\": "
		"\"web1\"}");
	assert_int_equal(json_object_size(fixture->flows_params), 4);
	assert_string_equal(
		json_string_value(json_object_get(fixture->flows_params, "client")), "10.77.1.10");
	json_decref(answer);
}

static void
failover_gives_up_what_is_held(void **state)
{
	struct fixture *fixture = *state;

	expect_error(fixture, "failover", "{}", "does not hold any virtual router");
	cluster_router_set_state(fixture->cluster, 0, VRRP_MASTER, "", clock_now_ns());
	expect(fixture, "failover", "{\"router\": \"front4\"}", "{\"moving\": 1}");
	assert_int_equal(fixture->n_failovers, 1);
	cluster_router_set_state(fixture->cluster, 1, VRRP_MASTER, "", clock_now_ns());
	expect(fixture, "failover", "{}", "{\"moving\": 2}");
	expect_error(fixture, "failover", "{\"router\": \"back\"}", "back");
	assert_int_equal(fixture->n_failovers, 3);
}

static void
wrong_arguments_are_named(void **state)
{
	static const struct {
		const char *method, *params, *error;
	} cases[] = {
		{"status", "{\"x\": 1}", "'x' is not a known member"},
		{"services", "{\"service\": 1}", "service: is an integer"},
		{"services", "{\"service\": \"http5\"}",
			"no service called 'http5': 'weirctl services'"},
		{"backends", "{\"pool\": \"web5\"}", "no pool called 'web5': 'weirctl backends'"},
		{"backends", "{\"backend\": \"web9\"}",
			"no backend called 'web9': 'weirctl backends'"},
		{"backends", "{\"backend\": \"web9\", \"pool\": \"web4\"}", "'web9' in pool web4"},
		{"backends", "{\"backend\": \"Web 1\"}", "backend: 'Web 1' is not a name"},
		{"drain", "{}", "backend: is missing"},
		{"drain", "{\"pool\": \"web4\"}", "backend: is missing"},
		{"drain", "{\"backend\": \"web9\"}", "no backend called 'web9'"},
		{"undrain", "{\"backend\": \"web1\", \"pool\": \"web9\"}", "no pool called 'web9'"},
		{"flows", "{\"limit\": 0}", "limit: 0 is not from 1 to 10000"},
		{"flows", "{\"limit\": \"5\"}", "limit: is a string"},
		{"flows", "{\"client\": \"web1\"}", "client: "},
		{"flows", "{\"service\": \"none\"}", "no service called 'none'"},
		{"flows", "{\"backend\": \"none\"}", "no backend called 'none'"},
		{"failover", "{\"router\": \"\"}", "router: has 0 letters"},
		{"reboot", "{}", "there is no method 'reboot'"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_error(fixture, cases[i].method, cases[i].params, cases[i].error);
}

static void
a_request_in_flight_survives_the_end(void **state)
{
	struct fixture *fixture = *state;
	const struct node *node = cluster_node(fixture->cluster);
	struct asked asked = {.done = false};

	dataplane_start(fixture);
	assert_int_equal(rpc_client_new(&asked.client, &fixture->loop, node->lb.admin_socket, 10,
				 on_state, &asked, NULL),
		0);
	run_until(fixture, &asked.connected);
	json_decref(fixture->flows_params);
	fixture->flows_params = NULL;
	rpc_call(asked.client, "flows", json_object(), on_reply, &asked);
	while (!fixture->flows_params)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	admin_free(fixture->admin);
	fixture->admin = NULL;
	run_until(fixture, &asked.done);
	assert_null(asked.result);
	rpc_client_free(asked.client);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(status_tells_node_dataplane_and_routers),
		CASE(history_tells_the_last_transitions_and_why),
		CASE(backends_tell_health_drain_and_counters),
		CASE(drained_backends_are_drained_in_all_pools_or_in_one),
		CASE(weights_are_set_and_reset),
		CASE(services_tell_who_holds_them_and_counters),
		CASE(flows_and_stats_are_the_dataplanes),
		CASE(failover_gives_up_what_is_held),
		CASE(wrong_arguments_are_named),
		CASE(a_request_in_flight_survives_the_end),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
