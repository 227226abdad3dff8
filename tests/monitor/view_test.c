/* SPDX-License-Identifier: BSD-3-Clause */
/* Facts go in, states come out: the sample cluster, watched through what its nodes say. */
#include "monitor/view.h"

#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

struct fixture {
	struct model *model;
	struct view *view;
	uint64_t s; /* The time, in seconds. */
};

static struct view_time
now(const struct fixture *f)
{
	return (struct view_time){.now_ns = f->s * S, .wall_ms = f->s * 1000};
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = {""};

	if (config_load(getenv("WEIR_SAMPLE"), &f->model, &err) < 0)
		fail_msg("%s", err.text);
	f->s = 1000;
	f->view = view_new(f->model, model_node(f->model, "monitor"), now(f));
	assert_non_null(f->view);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	view_free(f->view);
	model_free(f->model);
	free(f);
	return 0;
}

static void
scrape(struct fixture *f, const char *node, const char *page)
{
	view_scrape_result(f->view, model_node(f->model, node), page,
		page ? NULL : "connection refused", 1500, now(f));
}

static void
assert_state(struct fixture *f, const char *list, const char *key, const char *name, const char *to,
	const char *state)
{
	json_t *json = view_json(f->view, now(f)), *item;
	size_t i;

	assert_non_null(json);
	json_array_foreach(json_object_get(json, list), i, item)
	{
		const char *found = json_string_value(json_object_get(item, key));
		const char *target = json_string_value(json_object_get(item, "to"));

		if (strcmp(found, name) != 0 || (to && strcmp(target, to) != 0))
			continue;
		if (strcmp(json_string_value(json_object_get(item, "state")), state) != 0)
			fail_msg("%s%s%s is %s, not %s: %s", name, to ? " > " : "", to ? to : "",
				json_string_value(json_object_get(item, "state")), state,
				json_string_value(json_object_get(item, "reason")));
		json_decref(json);
		return;
	}
	fail_msg("no %s in %s", name, list);
}

#define assert_node(f, name, state) assert_state(f, "nodes", "name", name, NULL, state)
#define assert_edge(f, from, to, state) assert_state(f, "edges", "from", from, to, state)
#define assert_router(f, name, state) assert_state(f, "routers", "name", name, NULL, state)

static void
the_picture_has_every_node_and_edge(void **state)
{
	struct fixture *f = *state;
	json_t *json = view_json(f->view, now(f));

	assert_int_equal(json_array_size(json_object_get(json, "nodes")), 8);
	/* dns, client, 2 holds, 4 balance, 4 proxy, 4 query, 1 replication, 8 watch */
	assert_int_equal(json_array_size(json_object_get(json, "edges")), 25);
	assert_int_equal(json_array_size(json_object_get(json, "routers")), 2);
	json_decref(json);
	assert_node(f, "lb1", "unknown");
	assert_edge(f, "monitor", "db2", "unknown");
}

static void
one_lost_answer_is_a_warning_two_are_a_failure(void **state)
{
	struct fixture *f = *state;

	scrape(f, "web1",
		"weir_upstream_up{upstream=\"app1\"} 1\nweir_upstream_up{upstream=\"app2\"} 0\n");
	assert_node(f, "web1", "ok");
	assert_edge(f, "web1", "app1", "ok");
	assert_edge(f, "web1", "app2", "failed");
	assert_edge(f, "monitor", "web1", "ok");
	scrape(f, "web1", NULL);
	assert_node(f, "web1", "warning");
	assert_edge(f, "web1", "app1", "ok");
	scrape(f, "web1", NULL);
	assert_node(f, "web1", "failed");
	assert_edge(f, "web1", "app1", "unknown");
	assert_edge(f, "monitor", "web1", "failed");
	scrape(f, "web1", "weir_upstream_up{upstream=\"app1\"} 1\n");
	assert_node(f, "web1", "ok");
	assert_edge(f, "web1", "app2", "unknown");
}

static void
no_holder_and_two_holders_are_failures(void **state)
{
	static const char master[] = "weir_vrrp_state{router=\"front4\"} 2\n"
				     "weir_vrrp_state{router=\"front6\"} 2\n";
	static const char backup[] = "weir_vrrp_state{router=\"front4\"} 1\n"
				     "weir_vrrp_state{router=\"front6\"} 1\n";
	struct fixture *f = *state;

	scrape(f, "lb2", backup);
	assert_router(f, "front4", "failed");
	scrape(f, "lb1", master);
	assert_router(f, "front4", "ok");
	scrape(f, "lb2", master);
	assert_router(f, "front6", "failed");
	scrape(f, "lb2", backup);
	assert_router(f, "front6", "ok");
	scrape(f, "lb1", NULL);
	scrape(f, "lb1", NULL);
	assert_router(f, "front4", "failed");
	assert_edge(f, "vip", "lb1", "failed");
}

static void
a_backend_down_in_one_pool_is_a_warning(void **state)
{
	struct fixture *f = *state;

	scrape(f, "lb1",
		"weir_backend_up{pool=\"web4\",backend=\"web1\"} 1\n"
		"weir_backend_up{pool=\"web6\",backend=\"web1\"} 0\n"
		"weir_backend_up{pool=\"web4\",backend=\"web2\"} 0\n"
		"weir_backend_up{pool=\"web6\",backend=\"web2\"} 0\n"
		"weir_dataplane_up 1\n");
	assert_edge(f, "lb1", "web1", "warning");
	assert_edge(f, "lb1", "web2", "failed");
	scrape(f, "lb1", "weir_dataplane_up 0\n");
	assert_node(f, "lb1", "warning");
}

static void
replication_is_judged_by_its_threads_and_lag(void **state)
{
	struct fixture *f = *state;
	const struct node *db1 = model_node(f->model, "db1"), *db2 = model_node(f->model, "db2");
	struct view_database primary = {.lag_s = -1, .gtid = "0-1-5"};
	struct view_database replica = {.is_read_only = true,
		.is_replica = true,
		.io_running = true,
		.sql_running = true,
		.gtid = "0-1-5"};

	view_database_result(f->view, db1, &primary, now(f));
	view_database_result(f->view, db2, &replica, now(f));
	assert_edge(f, "db1", "db2", "ok");
	replica.lag_s = 30;
	view_database_result(f->view, db2, &replica, now(f));
	assert_edge(f, "db1", "db2", "warning");
	replica.sql_running = false;
	replica.replication_error = "duplicate key";
	view_database_result(f->view, db2, &replica, now(f));
	assert_edge(f, "db1", "db2", "failed");
	replica.is_replica = false;
	view_database_result(f->view, db2, &replica, now(f));
	assert_edge(f, "db1", "db2", "failed");
	replica.error = "gone";
	view_database_result(f->view, db2, &replica, now(f));
	view_database_result(f->view, db2, &replica, now(f));
	assert_node(f, "db2", "failed");
	assert_edge(f, "db1", "db2", "unknown");
}

static void
the_site_is_well_when_every_address_answers_200(void **state)
{
	struct fixture *f = *state;
	struct view_site_answer answers[2] = {{.status = 200}, {.status = 200}};
	struct addr addrs[2];

	addr_parse("10.77.1.100", &addrs[0], NULL);
	addr_parse("fd77:1::100", &addrs[1], NULL);
	view_dns_result(f->view, addrs, 2, NULL, 900, now(f));
	assert_edge(f, "client", "dns", "ok");
	addr_parse("10.77.1.9", &addrs[1], NULL);
	view_dns_result(f->view, addrs, 2, NULL, 900, now(f));
	assert_edge(f, "client", "dns", "warning");
	view_dns_result(f->view, NULL, 0, "DNS does not answer", 900, now(f));
	assert_edge(f, "client", "dns", "failed");
	view_site_result(f->view, answers, 2, now(f));
	assert_edge(f, "client", "vip", "ok");
	answers[1].status = 503;
	view_site_result(f->view, answers, 2, now(f));
	assert_edge(f, "client", "vip", "warning");
	answers[0].error = "timeout";
	view_site_result(f->view, answers, 2, now(f));
	assert_edge(f, "client", "vip", "failed");
	view_site_result(f->view, answers, 0, now(f));
	assert_edge(f, "client", "vip", "failed");
}

static void
each_change_is_one_event_and_one_version(void **state)
{
	struct fixture *f = *state;
	uint64_t before = view_version(f->view);
	json_t *json, *event;

	scrape(f, "app1", "weir_http_requests_total{code=\"2xx\"} 100\n");
	f->s += 2;
	scrape(f, "app1",
		"weir_http_requests_total{code=\"2xx\"} "
		"150\nweir_http_requests_total{code=\"5xx\"} 10\n");
	assert_int_equal(view_version(f->view), before + 2); /* app1, monitor > app1 */
	json = view_json(f->view, now(f));
	event = json_array_get(json_object_get(json, "events"), 1);
	assert_string_equal(json_string_value(json_object_get(event, "subject")), "app1");
	assert_string_equal(json_string_value(json_object_get(event, "to")), "ok");
	json_decref(json);
	for (int i = 0; i < 1000; i++)
		scrape(f, "app2", i % 2 ? NULL : "");
	json = view_json(f->view, now(f));
	assert_int_equal(json_array_size(json_object_get(json, "events")), 256);
	json_decref(json);
}

static void
a_nodes_rate_is_the_growth_of_its_counter(void **state)
{
	struct fixture *f = *state;
	json_t *json, *item;
	size_t i;

	scrape(f, "web2", "weir_http_requests_total{code=\"2xx\"} 100\n");
	f->s += 2;
	scrape(f, "web2",
		"weir_http_requests_total{code=\"2xx\"} "
		"150\nweir_http_requests_total{code=\"5xx\"} 10\n");
	json = view_json(f->view, now(f));
	json_array_foreach(json_object_get(json, "nodes"), i, item)
	{
		if (strcmp(json_string_value(json_object_get(item, "name")), "web2") == 0)
			assert_true(json_real_value(json_object_get(item, "rate")) == 30.0);
	}
	json_decref(json);
}

/* Fails unless the service called 'name' is told as in 'wanted'. */
static void
assert_service(struct fixture *f, const char *name, const char *wanted)
{
	json_t *json = view_json(f->view, now(f)), *item;
	json_t *expected = json_loads(wanted, 0, NULL);
	bool is_there = false;
	size_t i;

	assert_non_null(expected);
	json_array_foreach(json_object_get(json, "services"), i, item)
	{
		json_t *found;
		const char *key;

		if (strcmp(json_string_value(json_object_get(item, "name")), name) != 0)
			continue;
		is_there = true;
		json_object_foreach(expected, key, found)
		{
			if (!json_equal(json_object_get(item, key), found))
				fail_msg("%s: %s is not as wanted", name, key);
		}
	}
	assert_true(is_there);
	json_decref(expected);
	json_decref(json);
}

static void
a_service_is_as_the_holder_of_its_address_tells(void **state)
{
	static const char master[] = "weir_vrrp_state{router=\"front4\"} 2\n"
				     "weir_backend_up{pool=\"web4\",backend=\"web1\"} 1\n"
				     "weir_backend_up{pool=\"web4\",backend=\"web2\"} 0\n"
				     "weir_service_packets_total{service=\"http4\"} 100\n"
				     "weir_service_packets_total{service=\"https4\"} 7\n"
				     "weir_service_packets_total{service=\"unheard-of\"} 9\n";
	static const char later[] = "weir_vrrp_state{router=\"front4\"} 2\n"
				    "weir_backend_up{pool=\"web4\",backend=\"web1\"} 1\n"
				    "weir_backend_up{pool=\"web4\",backend=\"web2\"} 1\n"
				    "weir_service_packets_total{service=\"http4\"} 150\n"
				    "weir_service_packets_total{service=\"https4\"} 7\n";
	static const char none[] = "weir_vrrp_state{router=\"front4\"} 2\n"
				   "weir_service_packets_total{service=\"http4\"} 3\n";
	struct fixture *f = *state;

	assert_service(f, "http4", "{\"state\": \"unknown\", \"holder\": null, \"rate\": 0.0}");
	scrape(f, "lb1", master);
	scrape(f, "lb2", "weir_service_packets_total{service=\"http4\"} 1000000\n");
	assert_service(f, "http4",
		"{\"state\": \"warning\", \"holder\": \"lb1\", \"backends_up\": 1, \"rate\": 0.0,"
		" \"address\": \"10.77.1.100\", \"port\": 80, \"protocol\": \"tcp\","
		" \"mode\": \"dr\", \"backends\": 2}");
	f->s += 2;
	scrape(f, "lb1", later);
	assert_service(f, "http4", "{\"state\": \"ok\", \"backends_up\": 2, \"rate\": 25.0}");
	assert_service(f, "https4", "{\"state\": \"ok\", \"rate\": 0.0}");
	f->s += 2;
	scrape(f, "lb1", none); /* It began anew. */
	assert_service(f, "http4", "{\"state\": \"failed\", \"backends_up\": 0, \"rate\": 0.0}");
	scrape(f, "lb2", master);
	assert_service(f, "http4", "{\"state\": \"unknown\", \"holder\": null}");
}

static void
metrics_tell_the_same_as_the_picture(void **state)
{
	struct fixture *f = *state;
	struct metrics metrics;

	metrics_init(&metrics);
	scrape(f, "lb1", "weir_vrrp_state{router=\"front4\"} 2\n");
	view_metrics(f->view, &metrics);
	assert_non_null(strstr(metrics.text, "weir_monitor_node_up{node=\"lb1\",role=\"lb\"} 1\n"));
	assert_non_null(strstr(metrics.text, "weir_monitor_node_up{node=\"lb2\",role=\"lb\"} 0\n"));
	assert_non_null(strstr(metrics.text, "weir_monitor_router_holders{router=\"front4\"} 1\n"));
	assert_non_null(strstr(metrics.text, "weir_monitor_router_holders{router=\"front6\"} 0\n"));
	metrics_fini(&metrics);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The sample's text with one app node more, and without web2. */
static struct model *
other_model(const struct model *model)
{
	static const char added[] = "nodes:\n  - {name: app9, role: app, listen: '10.9.9.9:8000', "
				    "metrics: '10.9.9.9:9100'}\n";
	const char *nodes = strstr(model->text, "nodes:\n");
	const char *web2 = strstr(model->text, "  - name: web2\n");
	const char *rest = web2 ? strstr(web2 + 5, "  - name: ") : NULL;
	struct model *other = NULL;
	struct err err = {""};
	char *text;
	int size;

	assert_true(nodes && rest && nodes < web2);
	size = asprintf(&text, "%.*s%s%.*s%s", (int)(nodes - model->text), model->text, added,
		(int)(web2 - nodes - 7), nodes + 7, rest);
	if (config_parse(text, (size_t)size, model->path, &other, &err) < 0)
		fail_msg("%s", err.text);
	free(text);
	return other;
}

static void
a_reload_keeps_what_is_still_there(void **state)
{
	struct fixture *f = *state;
	struct model *model = other_model(f->model);
	uint64_t version;
	json_t *json, *events;

	scrape(f, "web1", "weir_upstream_up{upstream=\"app1\"} 1\n");
	assert_edge(f, "web1", "app1", "ok");
	version = view_version(f->view);
	assert_int_equal(view_reload(f->view, model, model_node(model, "monitor"), now(f)), 0);
	model_free(f->model);
	f->model = model;
	assert_true(view_version(f->view) > version);
	assert_node(f, "web1", "ok");
	assert_edge(f, "web1", "app1", "ok");
	assert_node(f, "app9", "unknown");
	assert_edge(f, "web1", "app9", "unknown");
	json = view_json(f->view, now(f));
	assert_int_equal(json_array_size(json_object_get(json, "nodes")), 8);
	events = json_object_get(json, "events");
	assert_true(json_array_size(events) > 0);
	json_decref(json);
	scrape(f, "web1", "weir_upstream_up{upstream=\"app9\"} 1\n");
	assert_edge(f, "web1", "app9", "ok");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(the_picture_has_every_node_and_edge),
		CASE(one_lost_answer_is_a_warning_two_are_a_failure),
		CASE(no_holder_and_two_holders_are_failures),
		CASE(a_backend_down_in_one_pool_is_a_warning),
		CASE(replication_is_judged_by_its_threads_and_lag),
		CASE(the_site_is_well_when_every_address_answers_200),
		CASE(each_change_is_one_event_and_one_version),
		CASE(a_nodes_rate_is_the_growth_of_its_counter),
		CASE(a_service_is_as_the_holder_of_its_address_tells),
		CASE(a_reload_keeps_what_is_still_there),
		CASE(metrics_tell_the_same_as_the_picture),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
